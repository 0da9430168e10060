"""Which commands build nodes that take minutes: those that need them, and no other."""

import shutil
import subprocess

import pytest

from tests.architecture.tree import ROOT

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def commands(*words: str) -> str:
    """Return what `make` would run."""
    return subprocess.run(
        ["make", "--no-print-directory", "--dry-run", *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize("words", [["demo"], ["demo", "WITH="], ["check"]], ids=" ".join)
def test_nobody_waits_for_a_build_that_they_did_not_ask_for(words: list[str]) -> None:
    assert "--with-" not in commands(*words)


@pytest.mark.parametrize("words", [["test"], ["nodes"], ["demo", "WITH=cosmos"]], ids=" ".join)
def test_what_runs_cosmos_chains_builds_their_node_and_no_benchmark_peer(words: list[str]) -> None:
    assert "--with-cosmos" in commands(*words)
    assert "--with-peers" not in commands(*words)


def test_benchmarks_build_the_peers() -> None:
    assert "--with-peers" in commands("bench")


def test_the_demo_is_told_what_to_add() -> None:
    assert "isthmus demo --with cosmos" in commands("demo", "WITH=cosmos")
