"""Settings that all tests share. Fixtures live in `tests/support`, next to what they serve."""

import signal
import threading

from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("repeatable")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    # A shell without job control starts what runs in its background with SIGINT ignored, and so are all of
    # its children: commands under test could not be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
