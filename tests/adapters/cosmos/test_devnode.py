"""Development chains are real, restart with the same chain, and leave nothing behind."""

import json
import os
import socket
import tempfile
import urllib.request
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from adapters.cosmos.devhome import DENOM, DevChainOptions, DevNodeError
from adapters.cosmos.devnode import DevChain
from tests.support.simd import simd_binary, start_simd

ALICE = "cosmos1qyqszqgpqyqszqgpqyqszqgpqyqszqgpjnp7du"

nodes = pytest.mark.nodes


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def batch(node, size):
    """Return how many of the requests of a batch are answered with a result."""
    calls = [{"jsonrpc": "2.0", "id": n, "method": "health", "params": {}} for n in range(size)]
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(node.rpc_url, data=json.dumps(calls).encode(), headers=headers)
    answers = get(request)
    return sum("result" in answer for answer in answers) if isinstance(answers, list) else 0


def block_hash(node, height):
    return get(f"{node.rpc_url}/block?height={height}")["result"]["block_id"]["hash"]


def lives(pid):
    return Path(f"/proc/{pid}").exists() if Path("/proc").exists() else os.kill(pid, 0) is None


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where chains of this test live."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@nodes
def test_a_fresh_chain_has_the_accounts_and_the_rules_that_were_asked_for():
    with start_simd(chain_id="chain-b", balances={ALICE: 7_000_000}, unbonding_time_s=90, api=True) as chain:
        node = chain.node
        status = get(f"{node.rpc_url}/status")["result"]
        assert status["node_info"]["network"] == "chain-b"
        assert status["sync_info"]["catching_up"] is False
        [coin] = get(f"{node.api_url}/cosmos/bank/v1beta1/balances/{ALICE}")["balances"]
        assert coin == {"denom": DENOM, "amount": "7000000"}
        assert (
            get(f"{node.api_url}/cosmos/auth/v1beta1/account_info/{ALICE}")["info"]["account_number"] == "0"
        )
        params = get(f"{node.api_url}/cosmos/staking/v1beta1/params")["params"]
        assert params["unbonding_time"] == "90s"
        assert batch(node, 10) == 10
        assert batch(node, 11) == 0
        height = node.height()
        assert node.until_height(height + 3) >= height + 3
        with socket.create_connection(("127.0.0.1", node.ports.grpc), timeout=1):
            pass


def test_a_chain_that_cannot_be_prepared_leaves_no_home_behind(place):
    with pytest.raises(DevNodeError, match="expected `simd init` to succeed"):
        DevChain(Path("/bin/false"), DevChainOptions()).start()
    assert [each.name for each in place.glob("isthmus-*/*")] == []


@nodes
def test_large_requests_are_accepted_when_asked_for():
    with start_simd(large_requests=True) as chain:
        assert batch(chain.node, 200) == 200


def restarted(node):
    node.restart()


def killed_and_started(node):
    pid = node.pid
    node.stop(at_once=True)
    assert not lives(pid)
    assert not node.running
    with pytest.raises(DevNodeError, match="no answer"):
        node.height()
    node.start()


@nodes
@pytest.mark.parametrize("again", [restarted, killed_and_started])
def test_a_node_that_comes_back_goes_on_with_the_same_chain(again):
    with start_simd() as chain:
        node = chain.node
        height = node.until_height(3)
        before, pid = block_hash(node, height), node.pid
        again(node)
        assert node.pid != pid
        assert not lives(pid)
        assert node.height() > height
        assert block_hash(node, height) == before


@nodes
def test_a_chain_leaves_no_process_and_no_file(place):
    chain = start_simd().start()
    pid = chain.node.pid
    assert lives(pid)
    assert list(place.iterdir())
    chain.stop()
    chain.stop()
    assert not lives(pid)
    assert list(place.iterdir()) == []
    with pytest.raises(DevNodeError, match="does not"):
        _ = chain.node


@nodes
def test_an_error_inside_ends_the_processes_and_keeps_the_logs(place):
    with pytest.raises(ZeroDivisionError) as caught, start_simd() as chain:
        raise ZeroDivisionError(chain.node.pid)
    assert not lives(caught.value.args[0])
    [kept] = place.iterdir()
    assert [path.name for path in kept.iterdir()] == ["node-0.log"]
    assert str(kept) in caught.value.__notes__[0]


@nodes
def test_a_taken_port_is_refused_by_its_number(place):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(DevNodeError, match=f"expected port {port} to be free"):
            start_simd(rpc_port=port).start()
    assert list(place.iterdir()) == []


@nodes
def test_a_port_that_was_asked_for_is_used():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with start_simd(rpc_port=port) as chain:
        assert chain.node.rpc_url == f"http://127.0.0.1:{port}"
        assert get(f"http://127.0.0.1:{port}/health")["result"] == {}


@nodes
def test_a_chain_that_cannot_start_says_why_and_keeps_its_log(place):
    with pytest.raises(DevNodeError, match="decoding bech32 failed"):
        start_simd(balances={"nonsense": 1}).start()
    [kept] = place.iterdir()
    assert "decoding bech32 failed" in (kept / "node-0.log").read_text()


@nodes
def test_every_validator_is_a_node_with_its_key_and_the_others_go_on_without_one():
    with start_simd(powers=(40, 35, 25)) as chain:
        listed = get(f"{chain.node.rpc_url}/validators")["result"]["validators"]
        powers = {v["address"].lower(): int(v["voting_power"]) for v in listed}
        assert sorted(powers.values()) == [25, 35, 40]
        for node, power in zip(chain.nodes, (40, 35, 25), strict=True):
            assert bytes(SigningKey(node.home.seed).verify_key) == node.home.public_key
            own = get(f"{node.rpc_url}/status")["result"]["validator_info"]
            assert powers[own["address"].lower()] == power
        last = chain.nodes[2]
        last.stop()
        height = chain.node.height()
        assert chain.node.until_height(height + 3) >= height + 3
        last.start()
        assert last.until_height(height) >= height
        assert block_hash(last, height) == block_hash(chain.node, height)


def test_a_simd_that_fails_at_once_is_quoted(place):
    fake = place / "simd"
    fake.write_text("#!/bin/sh\necho broken pieces >&2\nexit 7\n")
    fake.chmod(0o755)
    with pytest.raises(DevNodeError, match=r"left with 7: .*broken pieces"):
        DevChain(fake, DevChainOptions()).start()


@pytest.mark.parametrize(("value", "why"), [("", "is not set"), ("/nowhere/simd", "is not an executable")])
def test_without_simd_a_test_is_skipped_with_what_to_do(monkeypatch, value, why):
    monkeypatch.setenv("ISTHMUS_SIMD", value)
    with pytest.raises(pytest.skip.Exception, match=f"{why}.*make nodes"):
        simd_binary()
