"""How long to wait before the next attempt: a literal sequence, so that tests and people can read it."""

from collections.abc import Sequence


def delay_s(backoff_s: Sequence[float], tries: int) -> float:
    """Return the seconds to wait after the `tries`-th failure in a row (from 1); the last entry repeats."""
    return backoff_s[min(max(tries, 1), len(backoff_s)) - 1]
