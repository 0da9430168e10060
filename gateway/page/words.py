"""Words, symbols and tones for what is shown, the same on the page and on the command line. Pure."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from proofs.codec import NEVER_S

_TONES = {
    "good": {"acknowledged", "delivered", "up", "running", "live", "self", "ready", "active"},
    "bad": {"parked", "rejected", "halted", "down", "failing", "not ready", "frozen"},
    "warn": {"expired", "waiting", "stopped", "refunded", "expiring"},
    "calm": {"unknown"},
}
_SYMBOLS = {"good": "●", "bad": "✕", "warn": "▲", "busy": "◐", "calm": "○"}
_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86400
_SHORT = 20


def tone(state: str) -> str:
    """Return `good`, `bad`, `warn`, `calm` or `busy` for a state of anything shown."""
    return next((name for name, states in _TONES.items() if state in states), "busy")


def symbol(state: str) -> str:
    """Return the symbol that stands beside the word, for eyes that see no colour."""
    return _SYMBOLS[tone(state)]


def age(then_s: float | None, now_s: float) -> str:
    """Return how long ago (or ahead) a time is, in words of at most two units."""
    if then_s is None:
        return "never"
    if then_s >= NEVER_S:
        return "no time limit"
    seconds = int(abs(now_s - then_s))
    if seconds < _MINUTE_S:
        text = f"{seconds} s"
    elif seconds < _HOUR_S:
        text = f"{seconds // _MINUTE_S} min {seconds % _MINUTE_S} s"
    elif seconds < _DAY_S:
        text = f"{seconds // _HOUR_S} h {seconds % _HOUR_S // _MINUTE_S} min"
    else:
        text = f"{seconds // _DAY_S} d {seconds % _DAY_S // _HOUR_S} h"
    return f"in {text}" if then_s > now_s else f"{text} ago"


def steps(timeline: Iterable[Any], read: Callable[[Any, str], Any]) -> list[tuple[Any, str]]:
    """Return the moves of a message that differ for the eye, each with what it waits for, in words.

    `read(entry, name)` returns a field of an entry, whatever an entry is.
    """
    shown: list[tuple[Any, str]] = []
    last: tuple[Any, ...] = ()
    for entry in timeline:
        waiting = str(read(entry, "waiting_on")).replace("nothing", "").replace("_", " ")
        text = read(entry, "reason") or (f"waits for {waiting}" if waiting else "")
        looks = (read(entry, "state"), text, read(entry, "delivery"), read(entry, "delivered_by"))
        if looks != last:
            shown.append((entry, text))
        last = looks
    return shown


def when(time_s: float) -> str:
    """Return a time as UTC text with seconds; a dash for one that never comes."""
    if time_s >= NEVER_S:
        return "–"
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def short(text: str) -> str:
    """Return a long hex name with its middle left out."""
    return text if len(text) <= _SHORT else f"{text[:10]}…{text[-6:]}"
