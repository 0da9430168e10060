"""What the tree says is true and travels: links lead somewhere, nothing names a machine, ids exist."""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, files, name_of, parsed

RELIABILITY_TESTS = {
    "ADP": 8, "API": 11, "CON": 17, "KEY": 8, "LC": 16, "OPS": 5, "PRF": 20, "REL": 16, "RPC": 13, "STO": 14
}  # fmt: skip
"""Families of the numbered reliability tests, and how many each has."""

_URL = re.compile(r"\b(?:https?|wss?)://([A-Za-z0-9.-]+)")
_LOCAL = re.compile(
    r"(^127\.|^localhost$|^0\.0\.0\.0$|(^|\.)example(\.(com|org|net))?$|\.(test|invalid|local)$)"
)
_CITED = re.compile(
    r"(^|\.)(apache\.org|ethereum\.org|github\.com|keepachangelog\.com|mermaid\.js\.org|openapis\.org"
    r"|rfc-editor\.org|json-schema\.org|semver\.org|w3\.org|chainagnostic\.org|openzeppelin\.com)$"
)
_MACHINE = re.compile(r"(?<![\w.$}/])/(?:root|home|work|Users)/\w+")


def tracked() -> list[Path]:
    """Return the project's files as git knows them, new ones that are not ignored included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    ).stdout.splitlines()  # fmt: skip
    return [ROOT / name for name in listed if (ROOT / name).is_file()]


def texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of every text file."""
    for path in tracked():
        try:
            yield name_of(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def foreign_hosts(text: str) -> set[str]:
    """Return the hosts of URLs that are neither local, nor examples, nor specifications that we cite."""
    named = {host.lower() for host in _URL.findall(text) if "." in host}
    return {host for host in named if not _LOCAL.search(host) and not _CITED.search(host)}


def test_urls_lead_to_this_machine_to_examples_or_to_cited_specifications() -> None:
    found = {name: foreign_hosts(text) for name, text in texts()}
    assert {name: hosts for name, hosts in found.items() if hosts} == {}
    assert foreign_hosts("see http:" + "//packages.somewhere.io/x and http://127.0.0.1:1/") == {
        "packages.somewhere.io"
    }


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = {name: _MACHINE.findall(text) for name, text in texts()}
    assert {name: places for name, places in found.items() if places} == {}
    assert _MACHINE.findall("/ho" + "me/somebody")
    assert not _MACHINE.findall("$HOME/x a/home/b")


def test_locks_pin_by_hash_and_name_no_host() -> None:
    node = json.loads((ROOT / "adapters/evm/contracts/package-lock.json").read_text())
    assert [name for name, entry in node["packages"].items() if "resolved" in entry] == []
    for name in ("run", "dev"):
        lines = (ROOT / f"requirements/{name}.lock").read_text().splitlines()
        pinned = [i for i, line in enumerate(lines) if re.match(r"^[a-z0-9].*==", line)]
        assert len(pinned) > 30
        assert [lines[i] for i in pinned if "--hash=sha256:" not in lines[i + 1]] == []
        assert [line for line in lines if "://" in line or line.startswith("-")] == []


def test_the_lock_covers_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name, asked in (
        ("run", project["project"]["dependencies"]),
        ("dev", project["project"]["dependencies"] + project["dependency-groups"]["dev"]),
    ):
        locked = set(
            re.findall(r"^([a-z0-9._-]+)==", (ROOT / f"requirements/{name}.lock").read_text(), re.MULTILINE)
        )
        assert {re.split(r"[\[>=;<~ ]", line)[0].lower() for line in asked} <= locked


@pytest.mark.parametrize("page", [p for p in tracked() if p.suffix == ".md"], ids=name_of)
def test_links_of_a_page_lead_to_files_that_exist(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_decision_records_are_numbered_without_gaps_and_say_what_they_cost() -> None:
    records = sorted((ROOT / "docs/adr").glob("*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    assert len(records) >= 7
    for record in records:
        headings = set(re.findall(r"^## (.+)$", record.read_text(), re.MULTILINE))
        assert {"Context", "Decision", "Consequences"} <= headings, record.name
        assert re.search(
            r"^Status: (accepted|superseded by \d{4}), \d{4}-\d\d-\d\d$", record.read_text(), re.MULTILINE
        )


def test_every_module_says_what_it_is() -> None:
    modules = [path for path in files(*PACKAGES) if path.read_text().strip()]
    assert [name_of(path) for path in modules if len(ast.get_docstring(parsed(path)) or "") < 20] == []


def test_nothing_is_left_for_later() -> None:
    words = re.compile(
        "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3 + r"\b", "HA" + "CK", r"for " + r"now\b"))
    )
    sources = [path for path in tracked() if path.suffix in {".py", ".sol", ".mjs", ".cjs", ".html"}]
    found = {name_of(path): words.findall(path.read_text()) for path in sources}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_the_ids_in_covers_markers_exist() -> None:
    known = {f"{family}-{n:02}" for family, count in RELIABILITY_TESTS.items() for n in range(1, count + 1)}
    marked = {
        str(argument.value)
        for path in files("tests")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "covers"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    assert marked
    assert marked - known == set()


def test_the_changelog_speaks_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(
        rf"^## (Unreleased|{re.escape(version)})", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
