#!/usr/bin/env python3
"""compdb.py OUT SOURCE... -- COMMAND...: a compilation database for editors."""
import json
import os
import sys


def main(argv):
    out, rest = argv[0], argv[1:]
    cut = rest.index("--")
    sources, command = rest[:cut], rest[cut + 1:]
    here = os.getcwd()
    entries = [{"directory": here, "file": s, "arguments": [*command, "-c", s]} for s in sources]
    with open(out, "w", encoding="ascii") as f:
        json.dump(entries, f, indent=1)


main(sys.argv[1:])
