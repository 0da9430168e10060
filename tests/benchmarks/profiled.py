"""The command line under cProfile: `python -m tests.benchmarks.profiled OUTPUT ARGS ...`.

The profile begins when the gateway has started. Its clock is the processor time of the main thread, so that
waiting and other processes are left out.
"""

import cProfile
import sys
import time

from gateway.cli.app import main
from gateway.wiring import Gateway


def profile_from_start(profile: cProfile.Profile) -> None:
    """Let the profile begin when a gateway has started."""
    start = Gateway.start

    async def started(self: Gateway) -> None:
        await start(self)
        profile.enable()

    Gateway.start = started  # type: ignore[method-assign]


if __name__ == "__main__":
    output = sys.argv[1]
    sys.argv = ["isthmus", *sys.argv[2:]]
    whole = cProfile.Profile(time.thread_time)
    profile_from_start(whole)
    try:
        main()
    finally:
        whole.disable()
        whole.dump_stats(output)
