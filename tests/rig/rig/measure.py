def run(rig, args):
    return 2
