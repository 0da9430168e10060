"""What is wrong with a configuration, so that a person can mend it: where, what, and the nearest right word.

Mistakes are collected, never raised one at a time; nothing is opened or connected before all of them are
known.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """Whether the gateway starts in spite of it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding."""

    severity: Severity
    key: str
    """Path of the key, for example `chains[1].config.endpoints[0].url`; empty for the file as a whole."""
    message: str
    """What was expected and what is there. Values of secrets are never in it."""
    hint: str = ""
    """What to write instead, empty when there is no good guess."""

    def __str__(self) -> str:
        where = f"{self.key}: " if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.severity.value}: {where}{self.message}{hint}"


class ConfigError(Exception):
    """The configuration has mistakes; all of them are in `diagnostics`, warnings included."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        errors = sum(d.severity is Severity.ERROR for d in self.diagnostics)
        super().__init__("\n".join([f"configuration: {errors} mistakes", *map(str, self.diagnostics)]))


class Findings:
    """Collects diagnostics while a configuration is read."""

    def __init__(self) -> None:
        self._found: list[Diagnostic] = []

    def error(self, key: str, message: str, hint: str = "") -> None:
        """Note a mistake that the gateway does not start with."""
        self._found.append(Diagnostic(severity=Severity.ERROR, key=key, message=message, hint=hint))

    def warning(self, key: str, message: str, hint: str = "") -> None:
        """Note something that the operator should know of."""
        self._found.append(Diagnostic(severity=Severity.WARNING, key=key, message=message, hint=hint))

    def all(self) -> tuple[Diagnostic, ...]:
        """Return everything found so far, in the order in which it was found."""
        return tuple(self._found)

    def failed(self) -> bool:
        """Say whether at least one error was found."""
        return any(found.severity is Severity.ERROR for found in self._found)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "X"?` for the known word most like `word`, or what is known."""
    choices = sorted(set(known))
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"known: {', '.join(choices[:12])}" if choices else ""
