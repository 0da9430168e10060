"""`isthmus doctor` names what is wrong and the fix; a broken configuration never gets that far."""

import json

import pytest

from adapters.memory.world import validator_addresses
from gateway.dev import plan
from gateway.keys.signer import new_key
from tests.gateway.cli.running import isthmus

CHAINS = ("memory:one", "memory:two")
ROUTER = bytes.fromhex("1571570000000000000000000000000000000001")


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """One of three gateways; each process has memory chains of its own, with no client on them."""
    base = tmp_path_factory.mktemp("doctor")
    members = tuple(
        plan.member(name, base / name, port, new_key()) for port, name in enumerate(plan.NAMES, 9)
    )
    one, two = (
        plan.DevChain(
            id=name,
            name=name.partition(":")[2],
            adapter="memory",
            config={"validators": validator_addresses(name, 3), "threshold": 2, "world": "doctor"},
            store=ROUTER,
        )
        for name in CHAINS
    )
    plan.write_keys(members[:1])
    for other in members[1:]:
        (members[0].directory / f"peer-{other.name}").write_text(other.peer_key)
    members[0].config_file.write_text(
        plan.config_text(members[0], members, (one, two), [plan.link(one.id, two.id)])
    )
    return members


def findings(done):
    listed = json.loads(done.stdout)["findings"]
    return {(one["check"], one["subject"]): one for one in listed if not one["ok"]}, listed


def test_missing_clients_and_silent_peers_are_found_with_their_fix(members):
    done = isthmus("doctor", "--config", str(members[0].config_file), "--json")
    assert done.returncode == 3, done.stderr
    troubles, listed = findings(done)
    for chain in CHAINS:
        assert troubles["client", f"{chain}/client-0"]["fix"].startswith("deploy the client")
    attestors = [one for (check, _), one in troubles.items() if check == "attestors"]
    assert all("1 attestors live, 2 needed; missing beta" in one["detail"] for one in attestors)
    assert len(attestors) == 2
    assert {one["check"] for one in listed if one["ok"]} >= {"keystore", "attestor key", "chain"}


def test_people_read_each_trouble_with_its_fix_on_the_next_line(members):
    done = isthmus("doctor", "--config", str(members[0].config_file))
    lines = done.stdout.splitlines()
    (place,) = [n for n, line in enumerate(lines) if line.startswith("✕ trouble client memory:one/client-0")]
    assert lines[place + 1].strip().startswith("fix: deploy the client")


def test_a_key_that_does_not_open_is_found_and_no_secret_is_printed(members):
    password = (members[0].directory / "password").read_text()
    (members[0].directory / "password").write_text("quite another one")
    done = isthmus("doctor", "--config", str(members[0].config_file), "--json")
    (members[0].directory / "password").write_text(password)
    troubles, _ = findings(done)
    assert ("keystore", "master") in troubles
    for secret in (password, "quite another one", members[0].peer_key, members[0].payer.hex()):
        assert secret not in done.stdout + done.stderr


def test_the_keys_of_another_deployment_are_found(members):
    moved = members[0].directory / "moved.toml"
    text = members[0].config_file.read_text()
    moved.write_text(
        text.replace("threshold = 2\nworld", f'router = "0x{"77" * 20}"\nthreshold = 2\nworld', 1)
    )
    troubles, _ = findings(isthmus("doctor", "--config", str(moved), "--json"))
    assert len([one for check, one in troubles if check == "attestor key"]) == 2


def test_a_gateway_does_not_start_without_its_keys_and_says_which(members):
    password = (members[0].directory / "password").read_text()
    (members[0].directory / "password").write_text("quite another one")
    done = isthmus("run", "--config", str(members[0].config_file))
    (members[0].directory / "password").write_text(password)
    assert done.returncode == 2
    assert "key 'master'" in done.stderr
    assert "nothing was started" in done.stderr


def test_a_configuration_with_mistakes_ends_with_2_and_nothing_is_looked_at(members):
    text = members[0].config_file.read_text()
    broken = members[0].directory / "broken.toml"
    broken.write_text(
        text.replace("threshold = 2", "treshold = 2").replace("takeover_s = 5.0", "takeover_s = -1")
    )
    done = isthmus("doctor", "--config", str(broken))
    assert (done.returncode, done.stdout) == (2, "")
    assert "threshold" in done.stderr
    assert done.stderr.count("error: ") >= 3
