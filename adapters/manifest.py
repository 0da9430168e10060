"""What an adapter declares about itself in `manifest.toml`, readable without importing a line of its code.

Strict: an unknown key, a missing key or an unknown value is an error, and all of a file's mistakes are
reported at once. The manifest is a claim by its author; the conformance kit is what checks it.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from adapters.capability import Capability, Support

API_VERSION = 1
"""Version of `adapters.api`. It grows when an adapter must change to keep working."""

MANIFEST_FILE = "manifest.toml"
MAX_MANIFEST_BYTES = 64 * 1024
"""A manifest is a page of text; a larger file is a mistake."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NAMESPACE = re.compile(r"[-a-z0-9]{3,8}")
_TEXT_KEYS = ("name", "owner", "description", "finality")
_LIST_KEYS = ("namespaces", "light_clients", "proof_formats")
_KEYS = frozenset({*_TEXT_KEYS, *_LIST_KEYS, "api_version", "capabilities"})

E = TypeVar("E", bound=Enum)


class FinalityKind(Enum):
    """What `finalized` means on the adapter's chains."""

    INSTANT = "instant"
    """A block is final when it exists."""
    PROTOCOL = "protocol"
    """The chain's own protocol declares blocks final."""
    DEPTH = "depth"
    """A block is final when enough others stand on it: a policy, not a proof."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The declared facts of one adapter."""

    name: str
    """Equals the entry point's name and the plugin's."""
    owner: str
    description: str
    namespaces: tuple[str, ...]
    """CAIP-2 namespaces of the chains that it serves."""
    light_clients: tuple[str, ...]
    """Families in `proofs.registry` that can judge its updates."""
    proof_formats: tuple[str, ...]
    """Formats in `proofs.registry` of the evidence that `prove` returns."""
    finality: FinalityKind
    api_version: int
    capabilities: Mapping[Capability, Support]
    """A grade for every capability there is."""


class BadManifest(ValueError):  # noqa: N818 - named for what it says
    """A manifest breaks its rules. `problems` holds all of them."""

    def __init__(self, where: str, problems: tuple[str, ...]) -> None:
        super().__init__(f"{where}: {'; '.join(problems)}")
        self.where = where
        self.problems = problems


def load(path: Path) -> Manifest:
    """Return the manifest in this file. Raises `BadManifest`, also when it cannot be read."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadManifest(str(path), (f"cannot be read: {error.strerror}",)) from error
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BadManifest(str(path), (f"expected at most {MAX_MANIFEST_BYTES} bytes, got {len(raw)}",))
    return parse(raw, str(path))


def parse(raw: bytes, where: str) -> Manifest:
    """Return the manifest in these bytes of TOML; `where` names them in errors. Raises `BadManifest`."""
    try:
        table = tomllib.loads(raw.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadManifest(where, (f"expected TOML: {error}",)) from error
    return _Reader(where, table).manifest()


class _Reader:
    """Reads one table and collects what is wrong with it."""

    def __init__(self, where: str, table: Mapping[str, object]) -> None:
        self._where = where
        self._table = table
        self._problems: list[str] = []

    def manifest(self) -> Manifest:
        """Return the manifest, or raise `BadManifest` with every problem found."""
        self._problems += [f"unknown key {key!r}" for key in sorted(self._table.keys() - _KEYS)]
        texts = {key: self._text(key) for key in _TEXT_KEYS}
        lists = {key: self._list(key) for key in _LIST_KEYS}
        version = self._version()
        capabilities = self._capabilities()
        finality = self._member("finality", FinalityKind, texts["finality"])
        if texts["name"] and not _NAME.fullmatch(texts["name"]):
            self._problems.append(f"name: expected a-z, 0-9 and hyphens, got {texts['name']!r}")
        for namespace in lists["namespaces"]:
            if not _NAMESPACE.fullmatch(namespace):
                self._problems.append(f"namespaces: expected CAIP-2 namespaces, got {namespace!r}")
        if self._problems or finality is None:
            raise BadManifest(self._where, tuple(self._problems))
        return Manifest(
            name=texts["name"],
            owner=texts["owner"],
            description=texts["description"],
            namespaces=lists["namespaces"],
            light_clients=lists["light_clients"],
            proof_formats=lists["proof_formats"],
            finality=finality,
            api_version=version,
            capabilities=MappingProxyType(capabilities),
        )

    def _text(self, key: str) -> str:
        value = self._table.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self._problems.append(f"{key}: expected text, got {value!r}")
        return ""

    def _list(self, key: str) -> tuple[str, ...]:
        value = self._table.get(key)
        if isinstance(value, list) and value and all(isinstance(item, str) and item for item in value):
            if len(set(value)) == len(value):
                return tuple(value)
            self._problems.append(f"{key}: expected each name once, got {value!r}")
            return ()
        self._problems.append(f"{key}: expected a list of names, got {value!r}")
        return ()

    def _version(self) -> int:
        value = self._table.get("api_version")
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
        self._problems.append(f"api_version: expected a positive number, got {value!r}")
        return 0

    def _capabilities(self) -> dict[Capability, Support]:
        value = self._table.get("capabilities")
        if not isinstance(value, dict):
            self._problems.append(f"capabilities: expected a table, got {value!r}")
            return {}
        known = {capability.value for capability in Capability}
        self._problems += [f"capabilities: unknown key {key!r}" for key in sorted(value.keys() - known)]
        grades: dict[Capability, Support] = {}
        for capability in Capability:
            grade = self._member(f"capabilities.{capability.value}", Support, value.get(capability.value))
            if grade is not None:
                grades[capability] = grade
        return grades

    def _member(self, key: str, kind: type[E], value: object) -> E | None:
        for member in kind:
            if member.value == value:
                return member
        if value != "":
            expected = ", ".join(str(member.value) for member in kind)
            self._problems.append(f"{key}: expected one of {expected}, got {value!r}")
        return None
