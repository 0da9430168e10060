"""The contracts' own tests, run by forge, and the proof that the artifacts come from the sources."""

import json
import os
import shutil
import subprocess

import pytest

from tests.architecture.tree import ROOT

CONTRACTS = ROOT / "adapters" / "evm" / "contracts"

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(1500)]


def build(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the contracts' build script; skip where its packages are missing."""
    if not os.environ.get("ISTHMUS_NODE_MODULES") or shutil.which("node") is None:
        pytest.skip("ISTHMUS_NODE_MODULES is not set or node is missing: run `make nodes`, then `make test`")
    command = ["node", "build.mjs", *arguments]
    return subprocess.run(command, cwd=CONTRACTS, capture_output=True, text=True, timeout=1400, check=False)


def test_every_contract_test_passes() -> None:
    done = build("forge", "test", "--json")
    assert done.stdout.startswith("{"), done.stdout[-3000:] + done.stderr[-3000:]
    suites = json.loads(done.stdout)
    results = {
        f"{suite} {name}": r for suite, found in suites.items() for name, r in found["test_results"].items()
    }
    failed = {name: result["reason"] for name, result in results.items() if result["status"] != "Success"}
    print(f"{len(results)} contract tests, {len(failed)} failed")
    assert failed == {}
    assert done.returncode == 0
    assert len(results) >= 50
    assert any("invariant" in name.lower() for name in results)


def test_the_committed_artifacts_come_from_the_sources() -> None:
    done = build("--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "match their sources" in done.stdout
