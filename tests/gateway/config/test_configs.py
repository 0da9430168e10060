"""The example configurations: each loads, and the reference is complete and true."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from adapters.cosmos import ADAPTER as COSMOS
from adapters.cosmos.config import EndpointConfig as CosmosEndpoint
from adapters.evm import ADAPTER as EVM
from adapters.memory import ADAPTER as MEMORY
from gateway.config.convert import default_of, written_key
from gateway.config.diagnostics import Severity
from gateway.config.load import diagnose
from gateway.config.schema import (
    ApiConfig,
    ApiKeyConfig,
    ChainConfig,
    Config,
    KeystoreConfig,
    LaneConfig,
    PeerConfig,
    SelfConfig,
    StoreConfig,
)
from relays.core.lane import Limits

PLUGINS = {"cosmos": COSMOS, "evm": EVM, "memory": MEMORY}
CONFIGS = Path(__file__).parents[3] / "configs"
FILES = sorted(CONFIGS.glob("*.toml"))
REFERENCE = tomllib.loads((CONFIGS / "reference.toml").read_text())


def test_there_are_configurations():
    assert {file.name for file in FILES} >= {"reference.toml", "two-memory-chains.toml"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_configuration_loads_without_a_mistake(file):
    config, diagnostics = diagnose(file, PLUGINS)
    assert [str(found) for found in diagnostics if found.severity is Severity.ERROR] == []
    assert isinstance(config, Config)


def test_the_readme_names_every_configuration():
    text = (CONFIGS / "README.md").read_text()
    assert [file.name for file in FILES if f"`{file.name}`" not in text] == []


SECTIONS = [
    (SelfConfig, REFERENCE["gateway"]),
    (ApiConfig, REFERENCE["api"]),
    (ApiKeyConfig, REFERENCE["api"]["keys"][0]),
    (StoreConfig, REFERENCE["store"]),
    (KeystoreConfig, REFERENCE["keystore"]),
    (Limits, REFERENCE["limits"]),
    (ChainConfig, REFERENCE["chains"][0]),
    (LaneConfig, REFERENCE["lanes"][0]),
    (PeerConfig, REFERENCE["peers"]["beta"]),
    (EVM.config_type, REFERENCE["chains"][0]["config"]),
    (MEMORY.config_type, REFERENCE["chains"][1]["config"]),
    (COSMOS.config_type, REFERENCE["chains"][2]["config"]),
    (CosmosEndpoint, REFERENCE["chains"][2]["config"]["endpoints"][0]),
    (Config, REFERENCE),
]


@pytest.mark.parametrize(("kind", "section"), SECTIONS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_reference_names_every_key(kind, section):
    assert {written_key(field) for field in dataclasses.fields(kind)} == set(section)


ILLUSTRATED = {
    (LaneConfig, "unsafe"),
    (LaneConfig, "threshold"),
    (LaneConfig, "attestors"),
    (ApiConfig, "keys"),
    (ChainConfig, "config"),
    (COSMOS.config_type, "trust_height"),
    (COSMOS.config_type, "trust_hash"),
    (COSMOS.config_type, "trusting_period_s"),
}
"""Keys whose default would leave nothing to show, or is no choice."""


@pytest.mark.parametrize(("kind", "section"), SECTIONS[:-1], ids=lambda value: getattr(value, "__name__", ""))
def test_the_reference_tells_true_defaults(kind, section):
    for field in dataclasses.fields(kind):
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            continue
        if (kind, field.name) in ILLUSTRATED:
            continue
        assert section[written_key(field)] == as_written(default_of(field)), (kind, field.name)


def as_written(value):
    match value:
        case tuple():
            return [as_written(one) for one in value]
        case Path():
            return str(value)
        case bool() | int() | float() | str():
            return value
    if dataclasses.is_dataclass(value) and not hasattr(value, "reference"):
        return {field.name: as_written(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return value.reference if hasattr(value, "reference") else value.value
