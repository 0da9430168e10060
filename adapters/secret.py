"""A reference to a secret in a configuration: never the secret itself. The type of secret config fields.

`env:NAME` names an environment variable, `file:PATH` a file. The value is read when it is needed (`reveal`)
and is not kept. Signing keys are not secrets of this kind: adapters are handed a `Signer`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_MAX_SECRET = 64 * 1024
"""Bytes of a secret file: a password or an access key, not a database."""


class SecretUnavailableError(Exception):
    """The reference points to nothing, or to nothing usable. The message never holds the secret."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret is to be found."""

    reference: str

    def reveal(self) -> str:
        """Return the secret, without surrounding white space. Raises `SecretUnavailableError`."""
        kind, _, where = self.reference.partition(":")
        match kind:
            case "env":
                value = os.environ.get(where, "")
            case "file":
                value = _read(Path(where))
            case _:
                raise SecretUnavailableError("expected env:NAME or file:PATH, got something else")
        if not value.strip():
            raise SecretUnavailableError(f"{kind}:{where} is empty or not set")
        return value.strip()

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SECRET).decode()
    except OSError as error:
        raise SecretUnavailableError(f"file:{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SecretUnavailableError(f"file:{path} is not UTF-8 text") from error
