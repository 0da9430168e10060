"""The demonstration is a test: its last line is counted from the chains, and it leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.cli.running import ROOT, isthmus
from tests.support.anvil import anvil_binary

LAST = re.compile(
    r"demo: (\d+) sent, (\d+) delivered, (\d+) acknowledged, (\d+) refunded, 0 lost, 0 duplicated"
)


def check_ending(done, *, at_least):
    last = done.stdout.splitlines()[-1]
    found = LAST.fullmatch(last)
    assert found, f"{last}\n{done.stdout}\n{done.stderr}"
    sent, delivered, acknowledged, refunded = map(int, found.groups())
    assert sent >= at_least
    assert refunded == 1
    assert delivered == acknowledged == sent - 1
    assert done.returncode == 0
    assert "tokens conserved" in done.stdout


def test_the_demo_without_anvil_says_so_and_tells_the_same_story_on_memory_chains():
    done = isthmus("demo")
    assert "no anvil: ISTHMUS_NODE_MODULES is not set" in done.stdout
    check_ending(done, at_least=200)


@pytest.mark.nodes
def test_the_demo_on_anvil_delivers_everything_once_refunds_one_and_marks_its_lanes_unsafe():
    folder = os.environ.get("ISTHMUS_NODE_MODULES", "")
    anvil_binary()
    done = isthmus("demo", ISTHMUS_NODE_MODULES=folder)
    check_ending(done, at_least=200)
    assert done.stdout.count("UNSAFE") >= 2


def test_an_interrupted_demo_takes_everything_down_and_says_so():
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "demo", "--memory"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    for line in process.stdout:
        if "lane Alpha" in line:
            break
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "everything is taken down" in complaint


@pytest.mark.parametrize("answer", ["exit 1", "kill -INT $PPID; sleep 5"])
def test_a_demo_that_fails_says_where_the_logs_are_and_an_interrupted_one_leaves_nothing(tmp_path, answer):
    modules, temporary = tmp_path / "modules", tmp_path / "temporary"
    temporary.mkdir()
    binary = modules / ".bin" / "anvil"
    binary.parent.mkdir(parents=True)
    binary.write_text(f"#!/bin/sh\necho no port for you\n{answer}\n")
    binary.chmod(0o755)
    done = isthmus("demo", ISTHMUS_NODE_MODULES=str(modules), TMPDIR=str(temporary))
    left = list(temporary.iterdir())
    if answer == "exit 1":
        assert done.returncode == 3
        assert f"what nodes and gateways said is in {left[0]}" in done.stdout
        assert "no port for you" in (left[0] / "anvil-31337.log").read_text()
    else:
        assert (done.returncode, left) == (1, [])


@pytest.mark.nodes
def test_a_local_network_comes_up_is_healthy_carries_a_message_and_goes_down(tmp_path):
    anvil_binary()
    folder, where = os.environ["ISTHMUS_NODE_MODULES"], str(tmp_path / "network")
    up = isthmus("dev", "up", "--dir", where, "--json", ISTHMUS_NODE_MODULES=folder)
    assert up.returncode == 0, up.stderr
    network = json.loads(up.stdout)
    alpha = {"ISTHMUS_URL": network["gateways"]["alpha"], "ISTHMUS_API_KEY": network["keys"]["alpha"]}
    try:
        check_network(where, network, alpha)
    finally:
        down = isthmus("dev", "down", "--dir", where)
    assert down.returncode == 0, down.stderr
    assert isthmus("route", "list", **alpha).returncode == 3
    assert isthmus("dev", "status", "--dir", where).returncode == 2


def check_network(where, network, alpha):
    again = isthmus("dev", "up", "--dir", where)
    assert (again.returncode, "already up" in again.stderr) == (2, True)
    doctor = isthmus("doctor", "--config", f"{where}/alpha/isthmus.toml")
    assert doctor.returncode == 0, doctor.stdout
    recipient = network["contracts"]["eip155:31338"]["sample_app"]
    sent = isthmus("send", "Alpha", "Beta", recipient, "ping", "--wait", "--json", **alpha)
    assert sent.returncode == 0, sent.stderr
    assert "UNSAFE" in sent.stderr
    message = json.loads(sent.stdout)
    assert message["state"] == "acknowledged"
    bundle = f"{where}/bundle.json"
    assert isthmus("message", "export", message["id"][:8], bundle, **alpha).returncode == 0
    verified = isthmus("verify", "--offline", bundle, "--json")
    assert json.loads(verified.stdout)["verdict"] == "proven"
    assert json.loads(verified.stdout)["unsafe"] is True
    assert "UNSAFE: the consensus of" in isthmus("verify", "--offline", bundle).stdout
    refused = isthmus("send", "Alpha", "Beta", recipient, "x" * 16385, **alpha)
    assert (refused.returncode, "PayloadTooLarge(16384, 16385)" in refused.stderr) == (1, True)
    assert_changed_bundle_is_rejected(bundle)


def assert_changed_bundle_is_rejected(bundle):
    document = json.loads(Path(bundle).read_text())
    document["packet"]["timeout_s"] += 1
    Path(bundle).write_text(json.dumps(document))
    changed = isthmus("verify", "--offline", bundle, "--json")
    assert changed.returncode == 1
    assert json.loads(changed.stdout)["verdict"] == "rejected"
