"""Every file in `configs/` loads, without a warning, against the adapters that are installed."""

import pytest

from adapters.discovery import installed, plugin
from gateway.config.load import diagnose
from tests.architecture.tree import files, name_of

CONFIGS = files("configs", suffix=".toml")


def test_there_are_example_configurations_and_nothing_else_beside_them() -> None:
    assert CONFIGS
    others = {name_of(path) for path in files("configs", suffix="") if path.is_file() and path not in CONFIGS}
    assert {name for name in others if not name.endswith("README.md")} == set()


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_an_example_configuration_has_no_mistakes(path) -> None:
    plugins = {adapter.name: plugin(adapter.name) for adapter in installed()}
    config, diagnostics = diagnose(path, plugins)
    assert [str(diagnostic) for diagnostic in diagnostics] == []
    assert config is not None
    assert config.chains
