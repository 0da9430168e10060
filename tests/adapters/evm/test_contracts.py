"""The contracts: forge's own tests, their gas snapshot, and artifacts that come from the sources.

Needs node and the packages in `$ISTHMUS_NODE_MODULES`; without them the tests are skipped and say what to do.
What forge compiles is kept beside the packages: the first run takes minutes, the next ones half of one.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).parents[3] / "adapters" / "evm" / "contracts"
VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "cosmos" / "ibc-v2-commitments.json"
COMPILE_AND_TEST_S = 1400
GAS_TOLERANCE = 0.02
"""The compiler's code depends a little on what else is compiled with it: 61 gas of 14,000 were seen."""

pytestmark = pytest.mark.timeout(COMPILE_AND_TEST_S)


def build(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run build.mjs of a folder, or skip the test with the reason."""
    modules = os.environ.get("ISTHMUS_NODE_MODULES", "")
    if not modules or shutil.which("node") is None:
        pytest.skip("ISTHMUS_NODE_MODULES is not set or node is missing: run `make nodes`, then `make test`")
    return subprocess.run(
        ["node", "build.mjs", *arguments],
        cwd=folder,
        env=os.environ | {"FORGE_SNAPSHOT_EMIT": "false", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=COMPILE_AND_TEST_S,
        check=False,
    )


@pytest.mark.covers(*[f"CON-{number:02}" for number in range(1, 18)])
def test_every_contract_test_passes_at_the_recorded_gas() -> None:
    done = build(CONTRACTS, "forge", "test", "--json")
    start = done.stdout.find('{"')
    assert start >= 0, done.stdout[-3000:] + done.stderr[-3000:]
    suites, _ = json.JSONDecoder().raw_decode(done.stdout[start:])
    results = {
        f"{suite} {name}": r for suite, found in suites.items() for name, r in found["test_results"].items()
    }
    failed = {name: result["reason"] for name, result in results.items() if result["status"] != "Success"}
    print(f"{len(results)} contract tests, {len(failed)} failed")
    assert failed == {}
    assert len(results) >= 80
    assert any("invariant" in name.lower() for name in results)
    assert done.returncode == 0
    measured: dict[str, str] = {}
    for result in results.values():
        measured |= result["gas_snapshots"].get("Receive", {})
    recorded = json.loads((CONTRACTS / ".gas-snapshot" / "Receive.json").read_text())
    assert measured.keys() == recorded.keys()
    more = {name: (recorded[name], gas) for name, gas in measured.items() if differs(recorded[name], gas)}
    assert more == {}, "(recorded, measured); when wanted: node build.mjs forge test"


def differs(recorded: str, measured: str) -> bool:
    """Say whether two gas figures are further apart than the compiler explains."""
    return abs(int(measured) - int(recorded)) > GAS_TOLERANCE * int(recorded)


def test_the_committed_artifacts_come_from_the_sources() -> None:
    done = build(CONTRACTS, "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 artifacts match their sources" in done.stdout


def test_a_changed_artifact_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "contracts"
    shutil.copytree(CONTRACTS, copy, ignore=shutil.ignore_patterns("node_modules", "out", "cache"))
    artifact = copy / "artifacts" / "Ics20Voucher.json"
    content = json.loads(artifact.read_text())
    content["bytecode"] = content["bytecode"][:-2] + ("01" if content["bytecode"].endswith("00") else "00")
    artifact.write_text(json.dumps(content, indent=1) + "\n")
    done = build(copy, "--check")
    assert done.returncode == 1
    assert "Ics20Voucher.json: not what the sources give" in done.stderr


def test_the_figures_in_the_storage_test_are_those_of_the_vectors() -> None:
    if not VECTORS.is_file():
        pytest.skip("no vectors beside the project")
    vectors = json.loads(VECTORS.read_text())
    expected = [
        vectors["expected_commitment"],
        vectors["abi_variant"]["expected_commitment"],
        vectors["ack"]["expected_commitment"],
        vectors["error_ack"]["expected_commitment"],
        vectors["error_ack"]["app_acknowledgement"].removeprefix("0x"),
    ]
    text = (CONTRACTS / "test" / "Storage.t.sol").read_text() + (CONTRACTS / "src" / "Ics24.sol").read_text()
    assert [figure for figure in expected if figure not in text] == []
