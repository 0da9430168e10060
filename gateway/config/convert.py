"""Fills frozen dataclasses from TOML values. Generic: it knows types and bounds, not what they mean.

Understands str, int, float, bool, bytes (hex), Path, `Secret`, enums, `Literal`, `X | None`, `tuple[X, ...]`,
`Mapping[str, X]`, dataclasses, NewTypes, and `Annotated[..., msgspec.Meta]` for bounds, lengths and patterns.
A field may be called otherwise in the file (`metadata={"key": ...}`). Everything wrong is noted; nothing is
raised.
"""

import dataclasses
import re
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NewType, Union, get_args, get_origin

from msgspec import Meta

from adapters.secret import Secret, SecretUnavailableError
from gateway.config.diagnostics import Findings, nearest


class Broken(Enum):
    """Stands in for a value that could not be made; a diagnostic says why."""

    BROKEN = "broken"


BROKEN: Final = Broken.BROKEN

_MAX_SHOWN = 60
"""Characters of a wrong value that a message repeats."""

_PLAIN = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Converter:
    """Converts values of one file."""

    base: Path
    """Directory that relative paths in the file are relative to."""
    findings: Findings
    references: bool = False
    """Strings may be `env:NAME`: for adapters' sections, where URLs often hold access keys."""

    def convert(self, kind: Any, raw: object, key: str) -> Any:
        """Return `raw` as a value of type `kind`, or `BROKEN` after noting why not."""
        if isinstance(kind, NewType):
            return self.convert(kind.__supertype__, raw, key)
        if kind is Any:
            return raw
        origin = get_origin(kind)
        if origin is Annotated:
            return self._bounded(kind, raw, key)
        if origin in (Union, UnionType):
            return self._optional(kind, raw, key)
        if origin is Literal:
            return self._choice(get_args(kind), get_args(kind), raw, key)
        if origin is tuple:
            return self._tuple(get_args(kind)[0], raw, key)
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(get_args(kind)[1], raw, key)
        if dataclasses.is_dataclass(kind) and kind is not Secret:
            return self._dataclass(typing.cast("type[Any]", kind), raw, key)
        return self._scalar(kind, raw, key)

    def _wrong(self, key: str, expected: str, raw: object, hint: str = "") -> Broken:
        self.findings.error(key, f"expected {expected}, got {_shown(raw)}", hint)
        return BROKEN

    def _scalar(self, kind: Any, raw: object, key: str) -> Any:
        if kind is Secret:
            return self._secret(raw, key)
        if issubclass(kind, Enum):
            found = self._choice([member.value for member in kind], list(kind), raw, key)
            return found
        if kind is Path:
            return self.base / raw if isinstance(raw, str) and raw else self._wrong(key, "a path", raw)
        if kind is bytes:
            return self._hex(raw, key)
        if kind is float and isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
        if type(raw) is not kind:
            return self._wrong(key, _PLAIN[kind], raw)
        if self.references and isinstance(raw, str) and raw.startswith("env:"):
            return self._from_environment(raw, key)
        return raw

    def _from_environment(self, reference: str, key: str) -> str | Broken:
        try:
            return Secret(reference).reveal()
        except SecretUnavailableError as error:
            self.findings.error(key, str(error))
            return BROKEN

    def _hex(self, raw: object, key: str) -> bytes | Broken:
        if isinstance(raw, str) and re.fullmatch(r"0x([0-9a-fA-F]{2})*", raw):
            return bytes.fromhex(raw[2:])
        return self._wrong(key, "hex digits after 0x", raw)

    def _secret(self, raw: object, key: str) -> Secret | Broken:
        match raw.split(":", 1) if isinstance(raw, str) else None:
            case ["env", name] if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                return Secret(f"env:{name}")
            case ["file", path] if path:
                return Secret(f"file:{self.base / path}")
        hint = "put it into an environment variable or a file and name that here"
        self.findings.error(key, 'expected a reference, "env:NAME" or "file:PATH", got something else', hint)
        return BROKEN

    def _choice(
        self, written: typing.Sequence[Any], meant: typing.Sequence[Any], raw: object, key: str
    ) -> Any:
        for word, value in zip(written, meant, strict=True):
            if word == raw and type(word) is type(raw):
                return value
        return self._wrong(
            key, f"one of {', '.join(map(repr, written))}", raw, nearest(str(raw), map(str, written))
        )

    def _optional(self, kind: Any, raw: object, key: str) -> Any:
        inner = [choice for choice in get_args(kind) if choice is not NoneType]
        return self.convert(inner[0], raw, key)

    def _bounded(self, kind: Any, raw: object, key: str) -> Any:
        inner, *extras = get_args(kind)
        value = self.convert(inner, raw, key)
        for meta in extras:
            if isinstance(meta, Meta) and value is not BROKEN and (expected := _violated(meta, value)):
                return self._wrong(key, expected, raw)
        return value

    def _tuple(self, kind: Any, raw: object, key: str) -> Any:
        if not isinstance(raw, list):
            return self._wrong(key, "a list", raw)
        values = tuple(self.convert(kind, item, f"{key}[{index}]") for index, item in enumerate(raw))
        return BROKEN if BROKEN in values else values

    def _mapping(self, kind: Any, raw: object, key: str) -> Any:
        if not isinstance(raw, dict):
            return self._wrong(key, "a table", raw)
        values = {name: self.convert(kind, item, f"{key}.{name}") for name, item in raw.items()}
        return BROKEN if BROKEN in values.values() else values

    def _dataclass(self, kind: type[Any], raw: object, key: str) -> Any:
        if not isinstance(raw, dict):
            return self._wrong(key, "a table", raw)
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = {written_key(field): field for field in dataclasses.fields(kind)}
        for name in raw.keys() - fields.keys():
            self.findings.error(
                _join(key, name), "unknown key", nearest(name, fields.keys() - raw.keys() or fields)
            )
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in raw:
                value = raw[name]
                if "within" in field.metadata and isinstance(value, str) and value:
                    values[field.name] = Path(value)
                else:
                    values[field.name] = self.convert(hints[field.name], value, _join(key, name))
            elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                self.findings.error(_join(key, name), f"missing: {describe(hints[field.name])} is required")
                values[field.name] = BROKEN
            elif isinstance(default := default_of(field), Path) and "within" not in field.metadata:
                values[field.name] = self.base / default
        return BROKEN if BROKEN in values.values() else kind(**values)


def written_key(field: "dataclasses.Field[Any]") -> str:
    """Return the name that this field has in the file."""
    return str(field.metadata.get("key", field.name))


def default_of(field: "dataclasses.Field[Any]") -> Any:
    """Return the default of a field that has one."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def describe(kind: Any) -> str:
    """Return what may be written for this type, in words."""
    while isinstance(kind, NewType) or get_origin(kind) is Annotated:
        kind = kind.__supertype__ if isinstance(kind, NewType) else get_args(kind)[0]
    if get_origin(kind) is tuple:
        return "a list"
    if dataclasses.is_dataclass(kind) and kind is not Secret:
        return "a table"
    return _PLAIN.get(kind, getattr(kind, "__name__", str(kind)))


def _violated(meta: Meta, value: Any) -> str:
    """Return what the bounds ask for if `value` is outside them, or nothing."""
    size = len(value) if isinstance(value, str | bytes | tuple | dict) else 0
    tests = (
        (meta.ge, lambda cap: value >= cap, "at least {}"),
        (meta.gt, lambda cap: value > cap, "more than {}"),
        (meta.le, lambda cap: value <= cap, "at most {}"),
        (meta.lt, lambda cap: value < cap, "less than {}"),
        (meta.min_length, lambda cap: size >= cap, "a length of at least {}"),
        (meta.max_length, lambda cap: size <= cap, "a length of at most {}"),
        (meta.pattern, lambda pattern: re.search(pattern, value) is not None, "text of the form {}"),
    )
    for bound, holds, words in tests:
        if bound is not None and not holds(bound):
            return words.format(bound)
    return ""


def _shown(raw: object) -> str:
    if isinstance(raw, bool):
        return str(raw).lower()
    if isinstance(raw, dict):
        return "a table"
    if isinstance(raw, list):
        return f"a list of {len(raw)}"
    text = repr(raw)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}... ({len(text)} characters)"


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name
