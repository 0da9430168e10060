"""A directory of encrypted keys: Web3 Secret Storage V3 files, `NAME.json`, readable by their owner alone.

Not a wallet: it lists, opens, writes, exports and restores. Files that others may read, and files whose
password derivation is too cheap to withstand guessing, are refused; so is overwriting a key.

Implements: Web3 Secret Storage Definition, version 3 (by `eth_keyfile`, imported when first used: it is
slow).
"""

import json
import os
import re
import stat
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

SCRYPT_N = 2**17
"""Cost of new files: with r = 8, 128 MiB and a third of a second."""

SCRYPT_WORK = SCRYPT_N * 8
"""Least n * r * p of scrypt in files that are opened."""

PBKDF2_ROUNDS = 600_000
"""Least rounds of PBKDF2-HMAC-SHA256."""

_AT_ONCE = 4
"""Keys opened at a time: each takes 128 MiB while its password is derived, outside of Python's lock."""

_MAX_FILE = 16 * 1024
_MAX_WORK = 2**24
"""n * r * p of a file we are willing to open: more is an attempt to exhaust memory."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


class KeystoreError(Exception):
    """A key cannot be had: absent, unreadable, too weakly protected, or the password is wrong."""


class Keystore:
    """The keys of one gateway."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> tuple[str, ...]:
        """Return the names of the keys that are there, sorted; empty when there is no directory."""
        if not self.directory.is_dir():
            return ()
        return tuple(
            sorted(path.stem for path in self.directory.glob("*.json") if _NAME.fullmatch(path.stem))
        )

    def load(self, name: str, password: str) -> bytes:
        """Return the 32 bytes of this key. Raises `KeystoreError`."""
        return _decrypt(name, _parse(name, self.export(name)), password)

    def load_all(self, names: Sequence[str], password: str) -> Mapping[str, bytes]:
        """Return these keys by name; a few are derived at a time. Raises `KeystoreError`."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(names, pool.map(lambda name: self.load(name, password), names), strict=True))

    def save(self, name: str, key: bytes, password: str) -> None:
        """Encrypt and write a key of 32 bytes. Raises `KeystoreError` when the name is taken."""
        from eth_keyfile.keyfile import create_keyfile_json

        if len(key) != 32:
            raise KeystoreError(f"key {name!r}: expected 32 bytes, got {len(key)}")
        _check_password(name, password)
        made = create_keyfile_json(key, password.encode(), kdf="scrypt", iterations=SCRYPT_N)
        self._write(name, json.dumps(made))

    def export(self, name: str) -> str:
        """Return the encrypted file of this key as it is. Raises `KeystoreError`."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if stat.S_IMODE(mode) & 0o077:
                    raise KeystoreError(
                        f"{path}: expected mode 0600, got {stat.S_IMODE(mode):04o}; run: chmod 600 {path}"
                    )
                content = file.read(_MAX_FILE + 1)
        except FileNotFoundError:
            known = ", ".join(self.names()) or "none"
            raise KeystoreError(f"no key {name!r} in {self.directory}; there: {known}") from None
        except OSError as error:
            raise KeystoreError(f"{path} cannot be read: {error.strerror}") from error
        if len(content) > _MAX_FILE:
            raise KeystoreError(f"{path}: expected at most {_MAX_FILE} bytes")
        return content.decode(errors="replace")

    def restore(self, name: str, exported: str, password: str) -> None:
        """Write an exported file back after checking that the password opens it. Raises `KeystoreError`."""
        _decrypt(name, _parse(name, exported), password)
        self._write(name, exported)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise KeystoreError(f"expected a name of a-z, 0-9, '.', '_', '-', got {name!r}")
        return self.directory / f"{name}.json"

    def _write(self, name: str, content: str) -> None:
        path = self._path(name)
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            if not self.directory.is_dir():
                raise KeystoreError(f"{path} cannot be written: {self.directory} is no directory") from None
            raise KeystoreError(
                f"key {name!r} exists already in {self.directory}; keys are not replaced"
            ) from None
        except OSError as error:
            raise KeystoreError(f"{path} cannot be written: {error.strerror}") from error


def _check_password(name: str, password: str) -> None:
    if len(password) < 8:
        raise KeystoreError(f"key {name!r}: expected a password of 8 characters or more")


def _parse(name: str, text: str) -> Mapping[str, Any]:
    """Return a V3 file whose key derivation is dear enough to open, and not too dear."""
    try:
        content = json.loads(text)
        crypto = content["crypto"]
        kind, params = crypto["kdf"], crypto["kdfparams"]
        work = params["n"] * params["r"] * params["p"] if kind == "scrypt" else int(params["c"])
    except (ValueError, KeyError, TypeError) as error:
        raise KeystoreError(f"key {name!r}: expected a V3 key file, got something else") from error
    least = SCRYPT_WORK if kind == "scrypt" else PBKDF2_ROUNDS
    if kind not in ("scrypt", "pbkdf2") or content.get("version") != 3:
        raise KeystoreError(f"key {name!r}: expected version 3 with scrypt or pbkdf2, got {kind!r}")
    if not isinstance(work, int) or not least <= work <= _MAX_WORK:
        raise KeystoreError(f"key {name!r}: expected {kind} work of {least} to {_MAX_WORK}, got {work}")
    return cast("Mapping[str, Any]", content)


def _decrypt(name: str, content: Mapping[str, Any], password: str) -> bytes:
    from eth_keyfile.keyfile import decode_keyfile_json

    try:
        key = bytes(decode_keyfile_json(dict(content), password.encode()))
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise KeystoreError(f"key {name!r}: the password is wrong, or the file was changed") from error
    if len(key) != 32:
        raise KeystoreError(f"key {name!r}: expected 32 bytes, got {len(key)}")
    return key
