"""The command line, as a user runs it: what it prints where, and how it ends."""

import json
import subprocess
import sys

import pytest

from gateway.cli.app import TREE
from gateway.keys.derive import attestor_key
from gateway.keys.keystore import Keystore
from proofs import bech32
from proofs.types import ChainId, ClientId, Lane
from tests.gateway.api.fakes import ADMIN, SENDER, FakeGateway, client
from tests.gateway.cli.running import ROOT, isthmus, isthmus_beside
from tests.gateway.page import samples

HEAVY = {"web3", "aiohttp", "sqlalchemy", "eth_account", "pydantic", "rich", "jinja2", "eth_abi", "asyncio"}
ONE = f"{1:064x}"


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.fixture
async def url(gateway):
    async with client(gateway) as running:
        yield str(running.make_url("")).rstrip("/")


def test_help_imports_nothing_heavy():
    script = (
        "import atexit, sys\n"
        "sys.argv = ['isthmus', '--help']\n"
        "atexit.register(lambda: print(*{n.split('.')[0] for n in sys.modules}, file=sys.stderr))\n"
        "from gateway.__main__ import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert "Usage: isthmus" in done.stdout
    assert HEAVY & set(done.stderr.split()) == set()


def test_help_lists_every_command_and_each_of_them_has_help_of_its_own():
    listed = isthmus("--help").stdout
    for name in TREE:
        assert f"\n  {name} " in listed
        done = isthmus(name, "--help")
        assert done.returncode == 0, done.stderr
        assert "Usage: isthmus" in done.stdout


def test_a_mistyped_command_gets_the_nearest_one_and_exit_code_2():
    done = isthmus("mesage", "list")
    assert done.returncode == 2
    assert "Did you mean 'message'?" in done.stderr


def test_a_gateway_that_does_not_answer_is_unhealthy_and_the_hint_says_how_to_start_one():
    done = isthmus("message", "list", "--url", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (3, "")
    assert "isthmus dev up" in done.stderr


async def test_json_output_is_the_api_answer_and_nothing_else(url):
    listed = await isthmus_beside("message", "list", "--json", "--url", url)
    assert listed.returncode == 0
    page = json.loads(listed.stdout)
    assert [message["sequence"] for message in page["messages"]] == [1, 2, 3, 4, 5]
    shown = await isthmus_beside("message", "show", ONE, "--json", ISTHMUS_URL=url)
    assert json.loads(shown.stdout)["id"] == ONE
    lanes = await isthmus_beside("route", "list", "--json", ISTHMUS_URL=url)
    assert json.loads(lanes.stdout)["lanes"][0]["trust"] == "attested 2-of-3"
    chains = await isthmus_beside("chain", "show", "eip155:31337", "--json", ISTHMUS_URL=url)
    assert json.loads(chains.stdout)["head_height"] == 120


async def test_tables_say_unsafe_wherever_a_lane_or_its_message_is_shown(url):
    for command in (
        ("route", "list"),
        ("route", "show", "alpha-beta"),
        ("message", "list"),
        ("message", "show", ONE),
    ):
        done = await isthmus_beside(*command, "--url", url)
        assert done.returncode == 0, done.stderr
        assert "UNSAFE" in done.stdout
    watched = await isthmus_beside("watch", "--looks", "1", "--url", url)
    assert "alpha-beta running UNSAFE open=8" in watched.stdout


async def test_why_says_the_sentence_first(url):
    done = await isthmus_beside("message", "why", "last", "--url", url)
    assert done.stdout.splitlines()[0] == samples.explanation().sentence


async def test_an_unknown_message_fails_with_the_problem_on_standard_error(url):
    done = await isthmus_beside("message", "show", "f" * 64, "--json", "--url", url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "not-found: no message" in done.stderr


@pytest.mark.parametrize("given", ["c9a38f6", "0x" + ONE, "no/such", "F" * 64])
async def test_what_is_no_message_id_is_a_usage_error_that_says_where_ids_are(url, given):
    for command in ("show", "why", "retry"):
        done = await isthmus_beside("message", command, given, "--url", url)
        assert (done.returncode, done.stdout) == (2, "")
        assert "8 to 64 hex digits" in done.stderr
        assert "isthmus message list" in done.stderr


async def test_a_chain_is_shown_by_its_name_or_id_and_an_unknown_one_gets_the_known_ones(url):
    named = await isthmus_beside("chain", "show", "Alpha", "--json", "--url", url)
    assert json.loads(named.stdout)["id"] == "eip155:31337"
    unknown = await isthmus_beside("chain", "show", "Alpah", "--url", url)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "Alpha (eip155:31337)" in unknown.stderr


async def test_halting_needs_a_key_and_shows_the_lane_as_halted(url, gateway):
    refused = await isthmus_beside("route", "halt", "alpha-beta", "--reason", "upgrade", "--url", url)
    assert refused.returncode == 1
    assert "no-valid-key" in refused.stderr
    done = await isthmus_beside(
        "route", "halt", "alpha-beta", "--reason", "upgrade", "--url", url, ISTHMUS_API_KEY=ADMIN
    )
    assert done.returncode == 0
    assert "halted" in done.stdout
    assert gateway.acts == [("halt", "alpha-beta", "upgrade")]


async def test_a_message_is_sent_along_the_lane_between_two_chains_by_name(url, gateway):
    done = await isthmus_beside("send", "Alpha", "Beta", "0x01", "ping", "--url", url, ISTHMUS_API_KEY=SENDER)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ONE
    assert "UNSAFE" in done.stderr
    ((_, (sent,)),) = gateway.acts
    assert (sent.payload, sent.lane.source) == (b"ping", "eip155:31337")


async def test_sending_with_wait_ends_when_the_message_is_acknowledged(url):
    done = await isthmus_beside(
        "send", "Alpha", "Beta", "0x01", "--token", "0xaa", "--amount", "5", "--wait", "--json", "--url", url,
        ISTHMUS_API_KEY=SENDER,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "acknowledged"


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("Alpha", "Gamma", "0x01", "x"), "unsupported destination"),
        (("Alpha", "Beta", "0x01", "0xzz"), "is no hex"),
        (("Alpha", "Beta", "0x01", "x", "--token", "0xaa", "--amount", "1"), "carries no payload"),
        (("Alpha", "Beta", "0x01", "--token", "0xaa"), "needs both"),
        (("Alpha", "Beta", "0x01", "x", "--attribute", "0xdeadbeef"), "No such option"),
    ],
)
async def test_what_cannot_be_sent_is_refused_with_the_reason_before_anything_is_sent(
    url, gateway, args, reason
):
    done = await isthmus_beside("send", *args, "--url", url, ISTHMUS_API_KEY=SENDER)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert not gateway.acts


async def test_what_the_chain_refuses_is_shown_with_the_chains_reason(url):
    done = await isthmus_beside("send", "Alpha", "Beta", "nowhere", "x", "--url", url, ISTHMUS_API_KEY=SENDER)
    assert done.returncode == 1
    assert "refused: unsupported destination" in done.stderr


async def test_an_exported_bundle_is_written_as_it_came(url, tmp_path):
    done = await isthmus_beside("message", "export", ONE, str(tmp_path / "b.json"), "--url", url)
    assert done.returncode == 0
    assert (tmp_path / "b.json").read_bytes() == b"bundle"


def test_a_file_that_is_no_bundle_is_a_usage_error(tmp_path):
    (tmp_path / "b.json").write_text('{"version": 1}')
    done = isthmus("verify", "--offline", str(tmp_path / "b.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no proof bundle" in done.stderr
    assert isthmus("verify", str(tmp_path / "b.json")).returncode == 2


def test_keys_are_made_listed_exported_and_restored_without_ever_being_shown(tmp_path):
    env = {"ISTHMUS_PASSWORD": "a long password", "ISTHMUS_KEYSTORE": str(tmp_path / "keys")}
    made = isthmus("signer", "new", "payer", **env)
    assert made.returncode == 0, made.stderr
    address = made.stdout.strip()
    assert json.loads(isthmus("signer", "list", "--json", **env).stdout) == {"keys": ["payer"]}
    assert isthmus("signer", "address", "payer", **env).stdout.strip() == address
    account = isthmus("signer", "address", "payer", "--prefix", "osmo", **env).stdout.strip()
    assert bech32.decode(account)[0] == "osmo"
    assert len(bech32.decode(account)[1]) == 20
    assert isthmus("signer", "address", "payer", "--prefix", "Osmo", **env).returncode == 2
    exported = isthmus("signer", "export", "payer", **env).stdout
    assert json.loads(exported)["version"] == 3
    (tmp_path / "saved.json").write_text(exported)
    other = env | {"ISTHMUS_KEYSTORE": str(tmp_path / "other")}
    wrong = isthmus(
        "signer",
        "restore",
        "payer",
        str(tmp_path / "saved.json"),
        **other | {"ISTHMUS_PASSWORD": "wrong one"},
    )
    assert wrong.returncode == 1
    restored = isthmus("signer", "restore", "payer", str(tmp_path / "saved.json"), **other)
    assert restored.stdout.strip() == address
    assert isthmus("signer", "new", "payer", **env).returncode == 1


ROUTERS = ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x" + "22" * 20)


def test_the_address_for_a_lane_is_that_of_the_lane_and_of_both_routers(tmp_path):
    env = {"ISTHMUS_PASSWORD": "a long password", "ISTHMUS_KEYSTORE": str(tmp_path / "keys")}
    seed = bytes(range(32))
    Keystore(tmp_path / "keys").save("master", seed, env["ISTHMUS_PASSWORD"])
    client = ClientId("client-0")
    lane = Lane(
        source=ChainId("eip155:1"),
        source_client=client,
        destination=ChainId("memory:b"),
        destination_client=client,
    )
    for moved in ROUTERS:
        ends = (f"eip155:1/client-0/{ROUTERS[0]}", f"memory:b/client-0/{moved}")
        key = attestor_key(seed, lane, bytes.fromhex(ROUTERS[0][2:]), bytes.fromhex(moved[2:]))
        done = isthmus("signer", "attestor", *ends, **env)
        assert (done.stdout.strip(), done.returncode) == ("0x" + key.address.hex(), 0), done.stderr


def test_the_store_of_a_cosmos_chain_is_named_and_not_numbered(tmp_path):
    env = {"ISTHMUS_PASSWORD": "a long password", "ISTHMUS_KEYSTORE": str(tmp_path / "keys")}
    seed = bytes(range(32))
    Keystore(tmp_path / "keys").save("master", seed, env["ISTHMUS_PASSWORD"])
    lane = Lane(
        source=ChainId("eip155:1"),
        source_client=ClientId("attestations-4"),
        destination=ChainId("cosmos:chain-a"),
        destination_client=ClientId("attestations-0"),
    )
    ends = (f"eip155:1/attestations-4/{ROUTERS[0]}", "cosmos:chain-a/attestations-0/ibc")
    key = attestor_key(seed, lane, bytes.fromhex(ROUTERS[0][2:]), b"ibc")
    assert isthmus("signer", "attestor", *ends, **env).stdout.strip() == "0x" + key.address.hex()


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("eip155:1/client-0", "expected CHAIN/CLIENT/STORE"),
        ("eip155:1//0x" + "11" * 20, "expected CHAIN/CLIENT/STORE"),
        (f"eip155:1/client-0/{ROUTERS[0]}/x", "expected CHAIN/CLIENT/STORE"),
        (f"one/client-0/{ROUTERS[0]}", "CAIP-2"),
        (f"eip155:1/client-0/{ROUTERS[0].replace('aA', 'Aa')}", "EIP-55"),
        ("eip155:1/client-0/0x1234", "40 hexadecimal digits"),
        ("memory:a/client-0/0x123", "hexadecimal digits"),
        ("memory:a/client-0/1234", "hexadecimal digits"),
        ("cosmos:chain-a/attestations-0/i bc", "name of a store"),
    ],
)
def test_an_end_that_names_no_router_is_a_usage_error_before_any_key_is_opened(end, said, tmp_path):
    good = f"eip155:1/client-0/{ROUTERS[0]}"
    for ends in ((end, good), (good, end)):
        done = isthmus("signer", "attestor", *ends, ISTHMUS_KEYSTORE=str(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert said in done.stderr


def test_a_password_is_never_taken_from_the_command_line():
    done = isthmus("signer", "new", "payer", "--password", "secret")
    assert done.returncode == 2


def test_an_api_key_is_made_for_known_scopes_alone():
    made = isthmus("signer", "api-key", "joe", "--scope", "read", "--scope", "send", "--json")
    assert json.loads(made.stdout)["scopes"] == ["read", "send"]
    refused = isthmus("signer", "api-key", "joe", "--scope", "everything")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "attest" in refused.stderr


@pytest.mark.parametrize(
    ("subject", "says"),
    [
        ("memory", "of this form"),
        ("nowhere:subject", "No module named 'nowhere'"),
        ("json:absent", "absent"),
        ("json:JSONDecoder", "an asynchronous context manager"),
    ],
)
def test_what_the_conformance_kit_cannot_open_is_a_usage_error(subject, says):
    done = isthmus("adapter", "test", subject)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_installed_adapters_are_listed_without_running_their_code():
    done = isthmus("adapter", "list", "--json")
    names = {one["name"]: one for one in json.loads(done.stdout)["adapters"]}
    assert {"memory", "evm"} <= set(names)
    assert names["memory"]["capabilities"]["send"] == "full"
    assert isthmus("adapter", "info", "nothing").returncode == 2


def test_a_configuration_with_mistakes_has_all_of_them_printed_and_nothing_is_started(tmp_path):
    (tmp_path / "bad.toml").write_text(
        '[gateway]\nname = "Bad Name"\n[api]\nlistne = "127.0.0.1:0"\n'
        '[[chains]]\nid = "eip155:1"\nadapter = "evmm"\n'
    )
    done = isthmus("run", "--config", str(tmp_path / "bad.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "listen" in done.stderr
    assert "evm" in done.stderr
    assert done.stderr.count("error: ") >= 4
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_a_directory_of_the_registry_is_imported_and_what_is_no_chain_is_named(tmp_path):
    for name, kind in (("good", "cosmos"), ("odd", "eip155")):
        (tmp_path / name).mkdir()
        chain = {"chain_type": kind, "chain_id": f"{name}-1", "bech32_prefix": name}
        (tmp_path / name / "chain.json").write_text(json.dumps(chain))
    done = isthmus("ibc", "import", "chain-registry", str(tmp_path), "--json")
    said = json.loads(done.stdout)
    assert said["chains"] == ["cosmos:good-1"]
    assert {"where": "odd/chain.json", "what": said["notes"][-1]["what"]} in said["notes"]
    assert "expected cosmos, got 'eip155'" in done.stdout
    one = isthmus("ibc", "import", "chain-registry", str(tmp_path / "odd" / "chain.json"))
    assert one.returncode == 2
