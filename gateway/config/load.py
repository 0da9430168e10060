"""Reads a configuration file: TOML to `Config`, every mistake found before anything is connected."""

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from adapters.api import AdapterPlugin
from adapters.discovery import DiscoveryError
from gateway.config.check import Parts, check
from gateway.config.convert import BROKEN, Broken, Converter, default_of, written_key
from gateway.config.diagnostics import ConfigError, Diagnostic, Findings, Severity, nearest
from gateway.config.schema import ChainConfig, Config, LaneConfig, PeerConfig

MAX_CONFIG = 1024 * 1024
"""Bytes of a configuration file. A thousand lanes take a third of it."""

_LISTS = {"chains": ChainConfig, "lanes": LaneConfig}


def load_config(path: Path, plugins: Mapping[str, AdapterPlugin]) -> Config:
    """Return the configuration in this file. Raises `ConfigError` with all mistakes, not for warnings."""
    config, diagnostics = diagnose(path, plugins)
    if config is None:
        raise ConfigError(diagnostics)
    return config


def diagnose(
    path: Path, plugins: Mapping[str, AdapterPlugin]
) -> tuple[Config | None, tuple[Diagnostic, ...]]:
    """Return the configuration, or None, and everything that there is to say about it."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG + 1)
        if len(text) > MAX_CONFIG:
            return None, (_whole_file(f"expected at most {MAX_CONFIG} bytes"),)
        return parse_config(text.decode(), path.resolve().parent, plugins)
    except OSError as error:
        return None, (_whole_file(f"{path} cannot be read: {error.strerror}"),)
    except UnicodeDecodeError as error:
        return None, (_whole_file(f"{path} is not UTF-8 text: byte {error.start}"),)


def parse_config(
    text: str, base: Path, plugins: Mapping[str, AdapterPlugin]
) -> tuple[Config | None, tuple[Diagnostic, ...]]:
    """Return the configuration in this text, or None, and all findings. Paths are relative to `base`."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        return None, (_whole_file(f"not TOML: {error}"),)
    findings = Findings()
    converter = Converter(base=base, findings=findings)
    values = _sections(raw, converter)
    chains = [
        (index, _with_own_section(chain, index, plugins, converter))
        for index, chain in enumerate(values["chains"])
        if not isinstance(chain, Broken)
    ]
    check(_parts(raw, values, chains), plugins, findings)
    if findings.failed():
        return None, findings.all()
    config = Config(
        **{**values, "chains": tuple(chain for _, chain in chains), "lanes": tuple(values["lanes"])}
    )
    return config, findings.all()


def _sections(raw: Mapping[str, object], converter: Converter) -> dict[str, Any]:
    """Convert section by section, lists entry by entry: a mistake in one does not hide the others."""
    hints = typing.get_type_hints(Config, include_extras=True)
    fields = {written_key(field): field for field in dataclasses.fields(Config)}
    for name in raw.keys() - fields.keys():
        converter.findings.error(name, "unknown table", nearest(name, fields))
    values: dict[str, Any] = {}
    for name, field in fields.items():
        entry = raw.get(name)
        if name in _LISTS and (entry is None or isinstance(entry, list)):
            items: list[object] = cast("list[object]", entry or [])
            values[name] = [
                converter.convert(_LISTS[name], item, f"{name}[{i}]") for i, item in enumerate(items)
            ]
            _check_count(name, len(items), converter)
        elif name in _LISTS:
            converter.convert(hints[name], entry, name)
            values[name] = []
        elif name == "peers" and isinstance(entry, dict):
            values[name] = {
                peer: converter.convert(PeerConfig, item, f"peers.{peer}") for peer, item in entry.items()
            }
        elif entry is not None or name == "gateway":
            values[name] = converter.convert(hints[name], {} if entry is None else entry, name)
        else:
            values[name] = default_of(field)
    return values


def _check_count(name: str, count: int, converter: Converter) -> None:
    low, high = (1, 256) if name == "chains" else (0, 1024)
    if not low <= count <= high:
        converter.findings.error(name, f"expected {low} to {high} of [[{name}]], got {count}")


def _with_own_section(
    chain: ChainConfig, index: int, plugins: Mapping[str, AdapterPlugin], converter: Converter
) -> ChainConfig | Broken:
    """Return the chain with its adapter's section in the adapter's own type."""
    key = f"chains[{index}]"
    try:
        plugin = plugins[chain.adapter]
    except KeyError:
        complaint = f"no adapter {chain.adapter!r} is installed"
        converter.findings.error(f"{key}.adapter", complaint, nearest(chain.adapter, plugins))
        return BROKEN
    except DiscoveryError as error:
        converter.findings.error(f"{key}.adapter", str(error))
        return BROKEN
    section = {} if chain.config is None else chain.config
    own = dataclasses.replace(converter, references=True)
    config: Any = own.convert(plugin.config_type, section, f"{key}.config")
    if isinstance(config, Broken):
        return config
    complaints = dict(plugin.check(config))
    for name, complaint in complaints.items():
        converter.findings.error(f"{key}.config.{name}" if name else f"{key}.config", complaint)
    if complaints:
        return BROKEN
    return dataclasses.replace(chain, config=config)


def _parts(
    raw: Mapping[str, Any], values: Mapping[str, Any], chains: list[tuple[int, ChainConfig | Broken]]
) -> Parts:
    raw_chains = raw.get("chains")
    entries = raw_chains if isinstance(raw_chains, list) else []
    named = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    raw_peers = raw.get("peers")
    return Parts(
        gateway=None if values["gateway"] is BROKEN else values["gateway"],
        api=None if values["api"] is BROKEN else values["api"],
        chains=tuple((index, chain) for index, chain in chains if not isinstance(chain, Broken)),
        lanes=tuple((index, lane) for index, lane in enumerate(values["lanes"]) if lane is not BROKEN),
        broken_lanes=tuple(
            (index, raw["lanes"][index])
            for index, lane in enumerate(values["lanes"])
            if lane is BROKEN and isinstance(raw["lanes"][index], dict)
        ),
        peers={}
        if values["peers"] is BROKEN
        else {n: p for n, p in values["peers"].items() if p is not BROKEN},
        limits=None if values["limits"] is BROKEN else values["limits"],
        master="" if values["keystore"] is BROKEN else values["keystore"].master,
        declared_chains=tuple(name for name in named if isinstance(name, str)),
        declared_peers=frozenset(raw_peers if isinstance(raw_peers, dict) else ()),
    )


def _whole_file(message: str) -> Diagnostic:
    return Diagnostic(severity=Severity.ERROR, key="", message=message)
