"""The demonstration is a test: its last line is counted from the chains, and it leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time

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
    begin_s = time.monotonic()
    done = isthmus("demo", ISTHMUS_NODE_MODULES=folder)
    check_ending(done, at_least=200)
    assert done.stdout.count("UNSAFE") >= 2
    assert time.monotonic() - begin_s < 120


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
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "everything is taken down" in complaint
