"""The command line under cProfile: `python -m tests.benchmarks.profiled OUTPUT ARGS ...`.

Its clock is the processor time of the main thread, so that waiting and other processes are left out.
"""

import cProfile
import sys
import time

from gateway.cli.app import main

if __name__ == "__main__":
    output = sys.argv[1]
    sys.argv = ["isthmus", *sys.argv[2:]]
    profile = cProfile.Profile(time.thread_time)
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(output)
