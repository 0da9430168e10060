"""Discovery: strangers' adapters come through the same door as ours, and each failure has its own type."""

import sys
from pathlib import Path

import pytest

from adapters import discovery
from adapters.memory import ADAPTER

GOOD_MANIFEST = (Path(__file__).parents[2] / "adapters/memory/manifest.toml").read_text("utf-8")
GOOD_CODE = """
from proofs.records import replace
from adapters.memory import ADAPTER as MEMORY
ADAPTER = replace(MEMORY, name={name!r})
"""


class Installer:
    """Puts distributions that offer adapters onto the path."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def install(self, name: str, *, package: str, code: str | None, manifest: str | None) -> None:
        info = self.site / f"dist_{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dist_{package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[isthmus.adapters]\n{name} = {package}:ADAPTER\n")
        if code is not None:
            (self.site / package).mkdir()
            (self.site / package / "__init__.py").write_text(code)
        if manifest is not None:
            (self.site / package / "manifest.toml").write_text(manifest)


@pytest.fixture
def installer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installer:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Installer(tmp_path)


def manifest(name: str, **changes: str) -> str:
    text = GOOD_MANIFEST.replace('name = "memory"', f'name = "{name}"')
    for key, value in changes.items():
        lines = [f"{key} = {value}" if line.startswith(f"{key} =") else line for line in text.splitlines()]
        text = "\n".join(lines)
    return text


def test_the_built_in_memory_adapter_is_found_and_loaded() -> None:
    found = {adapter.name: adapter for adapter in discovery.installed()}
    assert found["memory"].target == "adapters.memory:ADAPTER"
    assert found["memory"].found == discovery.manifest("memory")
    assert discovery.plugin("memory") is ADAPTER


def test_a_strangers_adapter_comes_through_the_same_door(installer: Installer) -> None:
    code = GOOD_CODE.format(name="stranger")
    installer.install("stranger", package="stranger_a", code=code, manifest=manifest("stranger"))
    assert "stranger" in {adapter.name for adapter in discovery.installed()}
    assert discovery.plugin("stranger").name == "stranger"
    assert "memory" in {adapter.name for adapter in discovery.installed()}


def test_listing_and_reading_manifests_imports_no_adapter(installer: Installer) -> None:
    code = "raise RuntimeError('imported')"
    installer.install("shy", package="stranger_shy", code=code, manifest=manifest("shy"))
    assert discovery.manifest("shy").name == "shy"
    assert [adapter.found for adapter in discovery.installed() if adapter.name == "shy"] == [
        discovery.manifest("shy")
    ]
    assert "stranger_shy" not in sys.modules


def test_an_adapter_that_is_not_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(discovery.NotInstalled, match=r"installed adapters: .*memory"):
        discovery.plugin("no-such-adapter")


@pytest.mark.parametrize(
    "code", ["import no_such_module_at_all", "1 / 0", "def broken(:", "raise KeyError(1)"]
)
def test_an_adapter_whose_own_import_breaks_is_not_the_same_as_a_missing_one(
    installer: Installer, code: str
) -> None:
    package = f"stranger_broken_{abs(hash(code))}"
    installer.install("broken", package=package, code=code, manifest=manifest("broken"))
    with pytest.raises(discovery.ImportBroke) as broke:
        discovery.plugin("broken")
    assert broke.value.__cause__ is not None


def test_an_entry_point_that_leads_nowhere_is_an_import_that_breaks(installer: Installer) -> None:
    installer.install("gone", package="stranger_gone", code=None, manifest=None)
    with pytest.raises(discovery.ImportBroke, match="does not exist"):
        discovery.plugin("gone")


def test_a_missing_or_broken_manifest_is_an_error_of_its_own(installer: Installer) -> None:
    installer.install("bare", package="stranger_bare", code=GOOD_CODE.format(name="bare"), manifest=None)
    installer.install("odd", package="stranger_odd", code="", manifest=manifest("odd", finality='"hope"'))
    for name in ("bare", "odd"):
        with pytest.raises(discovery.ManifestUnusable):
            discovery.plugin(name)
        (listed,) = [adapter for adapter in discovery.installed() if adapter.name == name]
        assert isinstance(listed.found, discovery.ManifestUnusable)


@pytest.mark.covers("ADP-05")
def test_another_api_version_is_refused_before_the_code_is_imported(installer: Installer) -> None:
    old = manifest("old", api_version="99")
    installer.install("old", package="stranger_old", code="raise RuntimeError('imported')", manifest=old)
    with pytest.raises(discovery.ApiVersionMismatch, match="expected API version 1, got 99"):
        discovery.plugin("old")


def test_a_manifest_under_another_name_is_refused_before_the_code_is_imported(installer: Installer) -> None:
    code = "raise RuntimeError('imported')"
    installer.install("wolf", package="stranger_wolf", code=code, manifest=manifest("sheep"))
    with pytest.raises(discovery.NameMismatch, match="'sheep'"):
        discovery.plugin("wolf")


def test_a_plugin_under_another_name_is_refused(installer: Installer) -> None:
    code = GOOD_CODE.format(name="other")
    installer.install("fox", package="stranger_fox", code=code, manifest=manifest("fox"))
    with pytest.raises(discovery.NameMismatch, match="'other'"):
        discovery.plugin("fox")


def test_two_distributions_that_claim_one_name_are_refused(installer: Installer) -> None:
    for package in ("stranger_x", "stranger_y"):
        code = GOOD_CODE.format(name="twin")
        installer.install("twin", package=package, code=code, manifest=manifest("twin"))
    with pytest.raises(discovery.NameMismatch, match="stranger_x:ADAPTER, stranger_y:ADAPTER"):
        discovery.plugin("twin")


def test_something_that_is_no_plugin_is_refused(installer: Installer) -> None:
    installer.install("rock", package="stranger_rock", code="ADAPTER = 7", manifest=manifest("rock"))
    with pytest.raises(discovery.NotAPlugin, match="got int"):
        discovery.plugin("rock")
