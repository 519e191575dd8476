#!/usr/bin/env python3
"""cover.py BUILD ROOM...: lines that the unit tests ran, for each file.

Reads what gcc's --coverage left below BUILD, with gcov.
"""
import collections
import glob
import json
import os
import subprocess
import sys


def lines_of(notes):
    """{source: {line: times}} of one object."""
    text = subprocess.run(["gcov", "--json-format", "--stdout", notes],
                          check=True, capture_output=True, text=True).stdout
    out = {}
    for document in text.splitlines():
        for f in json.loads(document)["files"]:
            out[f["file"]] = {l["line_number"]: l["count"] for l in f["lines"]}
    return out


def main(build, rooms):
    total = collections.defaultdict(lambda: collections.Counter())
    for room in rooms:
        for notes in glob.glob(os.path.join(build, room, "**", "*.gcno"), recursive=True):
            for source, lines in lines_of(notes).items():
                if os.path.dirname(source).split("/")[0] == room.split("/")[0]:
                    total[source].update(lines)
    have = want = 0
    for source in sorted(total):
        ran = sum(1 for n in total[source].values() if n)
        have, want = have + ran, want + len(total[source])
        print(f"  {source:40} {ran:5}/{len(total[source]):<5} {100 * ran // max(1, len(total[source])):3}%")
    print(f"  {'all':40} {have:5}/{want:<5} {100 * have // max(1, want):3}%")


main(sys.argv[1], sys.argv[2:])
