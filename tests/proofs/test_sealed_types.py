"""Forwarding an unverified message is a type error: mypy says so, and only verify.py touches the seal."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
from proofs.types import Claim, Packet, Proven, Sent, TrustedState, UntrustedProofs
from proofs.verdict import Accepted, Verdict

def deliver(proven: Proven[Claim]) -> None: ...

def forward(packet: Packet, verdict: Verdict[Proven[Claim]], sent: Proven[Sent]) -> None:
{body}
"""

ALLOWED = ["deliver(sent)", "if isinstance(verdict, Accepted): deliver(verdict.value)"]
FORBIDDEN = ["deliver(Sent(packet=packet))", "deliver(packet)", "deliver(verdict)", "deliver(verdict.value)"]


@pytest.mark.parametrize("bodies", [ALLOWED, *[[body] for body in FORBIDDEN]], ids=lambda bodies: bodies[0])
def test_only_what_verify_proved_can_be_delivered(bodies, tmp_path):
    program = tmp_path / "forward.py"
    program.write_text(PROGRAM.format(body="\n".join([f"    {body}" for body in bodies])))
    command = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases", str(program)]
    cache = ["--cache-dir", str(ROOT / ".mypy_cache"), "--config-file", str(ROOT / "pyproject.toml")]
    result = subprocess.run(
        [*command, *cache], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    if bodies is ALLOWED:
        assert result.returncode == 0, result.stdout
    else:
        assert result.returncode == 1, result.stdout
        assert "[arg-type]" in result.stdout or "[union-attr]" in result.stdout, result.stdout


def test_the_seal_is_touched_by_its_definition_and_by_verify_alone():
    users = [
        str(path.relative_to(ROOT))
        for package in ("proofs", "adapters", "relays", "gateway")
        for path in (ROOT / package).rglob("*.py")
        if "_SEAL" in path.read_text()
    ]
    assert sorted(users) == ["proofs/types.py", "proofs/verify.py"]
