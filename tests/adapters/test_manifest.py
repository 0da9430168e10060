"""The manifest: read without importing the adapter, strict, and complete about what is wrong."""

import ast
import tomllib
from pathlib import Path

import pytest

from adapters.capability import Capability, Support
from adapters.manifest import API_VERSION, MAX_MANIFEST_BYTES, BadManifest, FinalityKind, load, parse

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "adapters").glob("*/manifest.toml"))
GOOD = (ROOT / "adapters/memory/manifest.toml").read_text("utf-8")


def modules_that_import(folder: Path, wanted: set[str]) -> list[str]:
    """Return the modules of an adapter that import any of these, without those that say they are no part."""
    found = []
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        if "Not part of the adapter" in (ast.get_docstring(tree) or ""):
            continue
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name.split(".")[0] for node in imports for alias in node.names}
        names |= {(node.module or "").split(".")[0] for node in imports if isinstance(node, ast.ImportFrom)}
        found += [path.name] if names & wanted else []
    return found


def test_the_memory_manifest_says_what_it_is() -> None:
    manifest = load(ROOT / "adapters/memory/manifest.toml")
    assert (manifest.name, manifest.namespaces) == ("memory", ("memory",))
    assert (manifest.light_clients, manifest.proof_formats) == (("quorum",), ("memory-tree",))
    assert (manifest.finality, manifest.api_version) == (FinalityKind.DEPTH, API_VERSION)
    grades = dict.fromkeys(Capability, Support.FULL) | dict.fromkeys(
        (Capability.CLIENT_UPDATES, Capability.FUNDS), Support.IMPOSSIBLE
    )
    assert manifest.capabilities == grades


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_built_in_adapter_has_a_manifest_of_its_own_name_and_the_same_files(folder: Path) -> None:
    assert load(folder / "manifest.toml").name == folder.name
    wanted = ["__init__.py", "adapter.py", "config.py", "quality.toml"]
    assert [name for name in wanted if not (folder / name).is_file()] == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_quality_list_claims_only_what_the_code_shows(folder: Path) -> None:
    rules = tomllib.loads((folder / "quality.toml").read_text("utf-8"))["rules"]
    reference = tomllib.loads((ROOT / "adapters/memory/quality.toml").read_text("utf-8"))["rules"]
    assert rules.keys() >= reference.keys()
    for rule, state in rules.items():
        assert state == "done" or len(state.removeprefix("exempt: ")) >= 10, f"{rule}: {state!r}"
    assert (rules["injected-clock"] == "done") == (not modules_that_import(folder, {"time", "datetime"}))
    ignored = [path.name for path in folder.rglob("*.py") if "type: ignore" in path.read_text("utf-8")]
    assert (rules["strict-typing"] == "done") == (not ignored), ignored
    tested = (ROOT / f"tests/conformance/test_{folder.name}.py").is_file()
    assert (rules["conformance"] == "done") == tested


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("name = ", "nmae = "), "unknown key 'nmae'"),
        (('name = "memory"', 'name = "Mem ory"'), "name: expected a-z"),
        (('owner = "Isthmus"', "owner = 7"), "owner: expected text, got 7"),
        (('namespaces = ["memory"]', 'namespaces = ["MEMORY!"]'), "namespaces: expected CAIP-2"),
        (('namespaces = ["memory"]', "namespaces = []"), "namespaces: expected a list"),
        (('["quorum"]', '["quorum", "quorum"]'), "light_clients: expected each name once"),
        (('"depth"', '"hope"'), "finality: expected one of instant, protocol, depth, got 'hope'"),
        (("api_version = 1", "api_version = true"), "api_version: expected a positive number"),
        (('heads = "full"', 'heads = "somewhat"'), "capabilities.heads: expected one of full"),
        (('heads = "full"', ""), "capabilities.heads: expected one of full"),
        (('heads = "full"', 'heads = "full"\nflies = "full"'), "capabilities: unknown key 'flies'"),
    ],
)
def test_a_manifest_that_breaks_a_rule_is_refused_with_the_rule(
    change: tuple[str, str], problem: str
) -> None:
    assert change[0] in GOOD
    with pytest.raises(BadManifest) as refused:
        parse(GOOD.replace(*change).encode(), "manifest.toml")
    assert any(found.startswith(problem) for found in refused.value.problems), refused.value.problems


def test_all_mistakes_of_a_manifest_are_reported_at_once() -> None:
    broken = GOOD.replace('"depth"', '"hope"').replace("owner", "onwer").replace('send = "full"', "send = 1")
    with pytest.raises(BadManifest) as refused:
        parse(broken.encode(), "manifest.toml")
    assert len(refused.value.problems) == 4


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"= nonsense", b""])
def test_bytes_that_are_no_manifest_are_refused(raw: bytes) -> None:
    with pytest.raises(BadManifest):
        parse(raw, "manifest.toml")


def test_a_manifest_that_is_missing_or_huge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadManifest, match="cannot be read"):
        load(tmp_path / "manifest.toml")
    (tmp_path / "manifest.toml").write_text("#" * (MAX_MANIFEST_BYTES + 1))
    with pytest.raises(BadManifest, match="at most"):
        load(tmp_path / "manifest.toml")


def test_only_grades_that_work_are_true() -> None:
    assert [support for support in Support if support] == [Support.FULL, Support.VERSIONED]
