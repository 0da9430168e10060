"""Two Cosmos chains and an EVM chain: the demonstration is a test, and so is the network that stays."""

import json
import os
from pathlib import Path

import pytest

from tests.e2e.test_demo import LAST
from tests.gateway.cli.running import isthmus
from tests.support.anvil import anvil_binary
from tests.support.simd import simd_binary

LIGHT_CLIENT_LANES, ATTESTED_LANES = 4, 4


@pytest.fixture
def nodes(tmp_path):
    """Return the environment in which both kinds of nodes are found, with a place for files of its own."""
    anvil_binary()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    modules = os.environ["ISTHMUS_NODE_MODULES"]
    return {"ISTHMUS_NODE_MODULES": modules, "ISTHMUS_SIMD": str(simd_binary()), "TMPDIR": str(temporary)}


def running_below(directory) -> list[str]:
    """Return the command lines of processes that name a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{directory}/" in command:
            found.append(command)
    return found


@pytest.mark.nodes
def test_every_lane_between_cosmos_and_evm_delivers_everything_once_and_refunds_both_ways(nodes):
    done = isthmus("demo", "--with", "cosmos", **nodes)
    found = LAST.fullmatch(done.stdout.splitlines()[-1])
    assert found, f"{done.stdout}\n{done.stderr}"
    sent, delivered, acknowledged, refunded = map(int, found.groups())
    assert (done.returncode, refunded) == (0, 2)
    assert delivered == acknowledged == sent - 2
    assert sent >= 4 * 100 + 8 * 3
    assert "tokens conserved on all chains" in done.stdout
    lanes = [line for line in done.stdout.splitlines() if "  lane " in line]
    assert sum("attested 2-of-3; UNSAFE" in line for line in lanes) == ATTESTED_LANES
    assert sum(line.endswith(": light client") for line in lanes) == LIGHT_CLIENT_LANES
    assert list(Path(nodes["TMPDIR"]).iterdir()) == []
    assert running_below(nodes["TMPDIR"]) == []


@pytest.mark.parametrize("command", [("demo",), ("dev", "up")])
def test_without_a_cosmos_node_it_is_said_what_to_do(tmp_path, command):
    anvil = tmp_path / ".bin" / "anvil"
    anvil.parent.mkdir()
    anvil.touch(mode=0o755)
    where = ("--dir", str(tmp_path / "network")) if command[0] == "dev" else ()
    done = isthmus(*command, "--with", "cosmos", *where, ISTHMUS_NODE_MODULES=str(tmp_path))
    assert done.returncode == 2
    assert "no simd: ISTHMUS_SIMD is not set; `make nodes` builds it" in done.stderr
    assert not (tmp_path / "network").exists()


@pytest.mark.nodes
def test_a_network_with_cosmos_stays_is_healthy_carries_tokens_and_goes_down(nodes, tmp_path):
    where = str(tmp_path / "network")
    up = isthmus("dev", "up", "--with", "cosmos", "--dir", where, "--json", **nodes)
    assert up.returncode == 0, up.stderr
    network = json.loads(up.stdout)
    try:
        check_network(where, network)
    finally:
        down = isthmus("dev", "down", "--dir", where)
    assert down.returncode == 0, down.stderr
    assert running_below(where) == []
    assert isthmus("dev", "status", "--dir", where).returncode == 2


def check_network(where, network):
    shown = isthmus("dev", "status", "--dir", where)
    assert shown.returncode == 0, shown.stdout
    lines = shown.stdout.splitlines()
    assert sum(line.startswith("chain cosmos:") and "UNSAFE" not in line for line in lines) == 2
    doctor = isthmus("doctor", "--config", f"{where}/alpha/isthmus.toml")
    assert doctor.returncode == 0, doctor.stdout
    alpha = {"ISTHMUS_URL": network["gateways"]["alpha"], "ISTHMUS_API_KEY": network["keys"]["alpha"]}
    for hint in [line.removeprefix("isthmus ").split() for line in shown.stderr.splitlines()[-3:]]:
        tried = isthmus(*hint, **alpha)
        assert tried.returncode == 0, f"{hint}: {tried.stderr}"
        if hint[0] == "send":
            assert "acknowledged" in tried.stdout
    receiver = next(hint for hint in shown.stderr.split() if hint.startswith("cosmos1"))
    coins = ("Zone", receiver, "--token", "stake", "--amount", "5", "--wait")
    unclear = isthmus("send", "Hub", *coins, **alpha)
    assert unclear.returncode == 2
    assert "say which client or channel: Hub/channel-0, Hub/07-tendermint-1" in unclear.stderr
    for end in ("Hub/channel-0", "cosmos:chain-a/07-tendermint-1"):
        assert isthmus("send", end, *coins, **alpha).returncode == 0
        bundle = f"{where}/bundle.json"
        exported = isthmus("message", "export", "last", bundle, **alpha)
        assert exported.returncode == 0, exported.stderr
        verified = json.loads(isthmus("verify", "--offline", bundle, "--json").stdout)
        assert (verified["verdict"], verified["light_client"]) == ("proven", "tendermint")
        assert (verified["assurance"], verified["unsafe"]) == ("consensus", False)
