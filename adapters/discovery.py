"""Finds adapters: entry points of the group `isthmus.adapters`, the same door for ours and for strangers'.

The manifest is read before a line of the adapter's code runs, so an adapter of another API version or under a
false name is refused without being imported. Why an adapter cannot be had is a type of its own each time: it
is not there, its own import broke, its names differ, its API is another.

Nothing is cached and nothing is found by listing folders: what is installed is what `importlib.metadata`
says. In a source checkout that is not installed, the entry points of its `pyproject.toml` count as installed.
"""

import importlib.util
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from adapters.api import AdapterPlugin
from adapters.manifest import API_VERSION, MANIFEST_FILE, BadManifest, Manifest, load

GROUP = "isthmus.adapters"

_IMPORT_FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    ImportError,
    LookupError,
    NameError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
)
"""What running a stranger's module may raise."""


class DiscoveryError(Exception):
    """Base of every reason why an adapter cannot be had. `name` is the adapter's."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"adapter {name!r}: {message}")
        self.name = name


class NotInstalled(DiscoveryError):  # noqa: N818
    """No installed distribution offers an adapter of this name."""


class ManifestUnusable(DiscoveryError):  # noqa: N818
    """The adapter's manifest is missing or breaks its rules."""


class NameMismatch(DiscoveryError):  # noqa: N818
    """Entry point, manifest and plugin do not bear the same name, or two distributions claim it."""


class ApiVersionMismatch(DiscoveryError):  # noqa: N818
    """The adapter was written for another version of `adapters.api`."""


class ImportBroke(DiscoveryError):  # noqa: N818
    """The adapter is there, but importing its own code failed; `__cause__` says how."""


class NotAPlugin(DiscoveryError):  # noqa: N818
    """The entry point leads to something other than an `AdapterPlugin`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One adapter that an installed distribution offers, as far as it is known without running its code."""

    name: str
    target: str
    """Where its plugin is: `package.module:ATTRIBUTE`."""
    found: Manifest | DiscoveryError
    """Its manifest, or why it cannot be used."""


def installed() -> tuple[Installed, ...]:
    """Return every adapter that is installed, by name, usable or not. Imports no adapter."""
    names = sorted({point.name for point in _points()})
    return tuple([_inspect(name) for name in names])


def manifest(name: str) -> Manifest:
    """Return the manifest of an installed adapter. Raises a `DiscoveryError`. Imports no adapter."""
    return _manifest(_entry_point(name))


def plugin(name: str) -> AdapterPlugin:
    """Return the plugin of an installed adapter, importing it. Raises a `DiscoveryError`."""
    point = _entry_point(name)
    _manifest(point)
    try:
        loaded = point.load()
    except _IMPORT_FAILURES as error:
        raise ImportBroke(name, f"importing {point.value} failed: {type(error).__name__}: {error}") from error
    if not isinstance(loaded, AdapterPlugin):
        raise NotAPlugin(name, f"expected an AdapterPlugin at {point.value}, got {type(loaded).__name__}")
    if loaded.name != name:
        raise NameMismatch(name, f"expected a plugin named {name!r}, got {loaded.name!r}")
    return loaded


def _points() -> Sequence[EntryPoint]:
    """Return the entry points of all installed distributions, and ours also in a source checkout."""
    points = list(entry_points(group=GROUP))
    project = Path(__file__).parent.parent / "pyproject.toml"
    if not any(point.module.startswith("adapters.") for point in points) and project.is_file():
        declared = tomllib.loads(project.read_text("utf-8"))["project"]["entry-points"][GROUP]
        points += [EntryPoint(name=name, value=value, group=GROUP) for name, value in declared.items()]
    return points


def _inspect(name: str) -> Installed:
    points = [point for point in _points() if point.name == name]
    target = ", ".join(sorted({point.value for point in points}))
    try:
        return Installed(name=name, target=target, found=manifest(name))
    except DiscoveryError as error:
        return Installed(name=name, target=target, found=error)


def _entry_point(name: str) -> EntryPoint:
    """Return the one entry point of this name. An editable installation may list the same one twice."""
    points = [point for point in _points() if point.name == name]
    targets = sorted({point.value for point in points})
    if not targets:
        offered = ", ".join(sorted({point.name for point in _points()})) or "none"
        raise NotInstalled(name, f"not installed; installed adapters: {offered}")
    if len(targets) > 1:
        raise NameMismatch(name, f"expected one distribution to offer it, got {', '.join(targets)}")
    return points[0]


def _manifest(point: EntryPoint) -> Manifest:
    try:
        found = load(_folder(point) / MANIFEST_FILE)
    except BadManifest as error:
        raise ManifestUnusable(point.name, str(error)) from error
    if found.name != point.name:
        raise NameMismatch(point.name, f"expected a manifest named {point.name!r}, got {found.name!r}")
    if found.api_version != API_VERSION:
        raise ApiVersionMismatch(point.name, f"expected API version {API_VERSION}, got {found.api_version}")
    return found


def _folder(point: EntryPoint) -> Path:
    """Return the folder of the adapter's package. Only packages above it are imported, never itself."""
    try:
        spec = importlib.util.find_spec(point.module)
    except _IMPORT_FAILURES as error:
        raise ImportBroke(point.name, f"a parent package of {point.module} fails: {error}") from error
    if spec is None:
        raise ImportBroke(point.name, f"the entry point names {point.module}, which does not exist")
    locations = spec.submodule_search_locations
    if not locations:
        raise ManifestUnusable(point.name, f"expected {point.module} to be a package with a {MANIFEST_FILE}")
    return Path(next(iter(locations)))
