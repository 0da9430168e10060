"""`isthmus ibc` against two real chains: what it prints where, and how it ends."""

import json
import tomllib

import pytest

from gateway.keys.keystore import Keystore
from tests.gateway.cli.running import isthmus
from tests.support.ibc_chains import KEY, host, transfer, two_chains
from tests.support.simd import start_simd

PASSWORD = "open sesame"


@pytest.fixture(scope="module")
def chains():
    with two_chains() as pair:
        for chain in (pair.first, pair.second):
            chain.node.until_height(4)
        yield pair


@pytest.fixture(scope="module")
def place(chains, tmp_path_factory):
    """Return a directory with a keystore and a configuration, made with `isthmus ibc trust` itself."""
    where = tmp_path_factory.mktemp("ibc")
    keystore = Keystore(where / "data" / "keystore")
    for name in ("master", "relayer"):
        keystore.save(name, KEY, PASSWORD)
    text = '[gateway]\nname = "alpha"\n'
    for chain in (chains.first, chains.second):
        name = chain.options.chain_id
        trust = isthmus("ibc", "trust", f"cosmos:{name}", "--rpc", chain.node.rpc_url)
        assert trust.returncode == 0, trust.stderr
        assert "nothing proves it" in trust.stderr
        text += f"""
[[chains]]
id = "cosmos:{name}"
adapter = "cosmos"
name = "{name[-1].upper()}"
signer = "keystore:relayer"
[chains.config]
gas_price = "0stake"
poll_s = 0.1
{trust.stdout}
[[chains.config.endpoints]]
name = "dev"
rpc_url = "{chain.node.rpc_url}"
"""
    (where / "gateway.toml").write_text(text)
    return where


@pytest.fixture(scope="module")
def ibc(place):
    def run(*args, code=0):
        done = isthmus(
            "ibc",
            *args,
            ISTHMUS_CONFIG=str(place / "gateway.toml"),
            ISTHMUS_PASSWORD=PASSWORD,
        )
        assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="module")
def channel(ibc):
    return json.loads(ibc("create", "channel", "A", "B", "--json").stdout)


def test_a_channel_is_created_once_with_all_that_it_stands_on(ibc, channel):
    assert channel["chains"] == ["cosmos:chain-a", "cosmos:chain-b"]
    again = ibc("create", "channel", "A", "B")
    lanes = tomllib.loads(again.stdout)["lanes"]
    assert tomllib.loads(channel["toml"])["lanes"] == lanes
    assert [lane["from"]["client"] for lane in lanes] == channel["channel"]
    assert channel["channel"][0] in again.stderr


def test_the_lists_show_it(ibc, channel):
    listed = json.loads(ibc("channels", "A", "--json").stdout)
    assert listed["more"] is False
    [row] = [row for row in listed["channels"] if row["id"] == channel["channel"][0]]
    assert (row["state"], row["port"], row["counterparty"]) == ("open", "transfer", channel["channel"][1])
    connections = json.loads(ibc("connections", "cosmos:chain-b", "--json").stdout)["connections"]
    assert connections[0]["state"] == "open"
    clients = json.loads(ibc("clients", "chain-a", "--json", "--tracks", "chain-b").stdout)["clients"]
    assert {row["status"] for row in clients} == {"active"}
    assert "07-tendermint-0" in ibc("clients", "A").stdout
    assert "transfer" in ibc("channels", "A").stdout
    assert "connection-0" in ibc("connections", "A").stdout


async def test_what_is_pending_is_shown_and_cleared_without_a_configured_lane(ibc, chains, channel):
    name = channel["channel"][0]
    assert "0 not received, 0 not acknowledged" in ibc("pending", "A", name).stdout
    async with host(chains.first) as source:
        await source.execute([transfer(source, name) for _ in range(7)])
    pending = ibc("pending", "A", name, "--json", code=4)
    assert json.loads(pending.stdout)["sent"]["unreceived"] == [1, 2, 3, 4, 5, 6, 7]
    assert "from B to A: 7 (1, 2, 3, 4, 5, 6, 7) not received" not in pending.stdout
    cleared = ibc("clear", "A", name, "--timeout", "300")
    assert cleared.stdout == "7 packets were pending, 0 are left\n"
    after = json.loads(ibc("clear", "B", channel["channel"][1], "--json").stdout)
    assert after["before"] == after["after"]
    assert after["after"]["to_receive"]["unacknowledged"] == []


@pytest.fixture
def doctor(place, channel):
    """Run doctor on this configuration with the lanes of the channel, changed; return findings by check."""

    def run(*changes):
        text = (place / "gateway.toml").read_text() + "\n" + channel["toml"]
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        file = place / "doctor.toml"
        file.write_text(text)
        done = isthmus("doctor", "--json", ISTHMUS_CONFIG=str(file), ISTHMUS_PASSWORD=PASSWORD)
        found = json.loads(done.stdout)["findings"]
        assert done.returncode == (0 if all(one["ok"] for one in found) else 3), done.stderr
        return {(one["check"], one["subject"]): one for one in found}

    return run


def test_doctor_is_content_with_two_chains_and_their_channel(doctor, channel):
    found = doctor()
    assert [one for one in found.values() if not one["ok"]] == []
    for chain, end in zip(channel["chains"], channel["channel"], strict=True):
        assert "verified from block" in found["light client", chain]["detail"]
        assert "07-tendermint, as configured" in found["client", f"{chain}/{end}"]["detail"]
        assert "without a newer header" in found["expiry", f"{chain}/{end}"]["detail"]
        assert "expected an endpoint with grpc_url" in found["funds", chain]["detail"]
    assert not [check for check, _ in found if check == "attestors"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('trust_hash = "', f'trust_hash = "{"ab" * 32}" # "'), "abababab"),
        (("trusting_period_s = ", "trusting_period_s = 1 # "), "expired"),
    ],
)
def test_doctor_finds_a_block_from_which_trust_cannot_start(doctor, channel, change, words):
    found = doctor(change)["light client", channel["chains"][0]]
    assert not found["ok"]
    assert words in found["detail"]
    assert "isthmus ibc trust" in found["fix"]


def test_doctor_finds_a_node_of_another_chain_and_what_is_wrong_with_a_channel(doctor, channel, chains):
    node, wrong = chains.first.node.rpc_url, chains.second.node.rpc_url
    found = doctor(
        (node, wrong),
        ("[[lanes]]", "[[lanes]]\nordered = true"),
        ("[[lanes]]\nfrom", "[[lanes]]\nordered = true\nfrom"),
    )
    assert "chain-b" in found["chain", f"A ({channel['chains'][0]})"]["detail"]
    end = f"{channel['chains'][1]}/{channel['channel'][1]}"
    assert found["client", end]["detail"] == "ordered: configured True; on chain False"


def test_doctor_finds_a_key_without_funds(doctor, place, channel, chains):
    Keystore(place / "data" / "keystore").save("poor", bytes(31) + b"\x77", PASSWORD)
    url = chains.first.node.rpc_url
    with_grpc = f'{url}"\ngrpc_url = "{chains.first.node.grpc_target}'
    found = doctor(("keystore:relayer", "keystore:poor"), (url, with_grpc))["funds", channel["chains"][0]]
    assert not found["ok"]
    assert "holds 0 stake" in found["detail"]
    assert found["fix"].startswith("send funds to cosmos1")


def test_new_clients_and_a_new_connection_are_made_when_asked_for(ibc, channel):
    done = ibc("create", "channel", "A", "B", "--port", "mock", "--version", "mock-version",
               "--order", "ordered", "--new-client-connection")  # fmt: skip
    there, back = tomllib.loads(done.stdout)["lanes"]
    assert there["ordered"] is back["ordered"] is True
    assert there["from"]["client"] != channel["channel"][0]


def test_a_client_is_updated(ibc, channel):
    before = json.loads(ibc("update", "A", "07-tendermint-0", "--json").stdout)["height"]
    assert json.loads(ibc("update", "A", "07-tendermint-0", "--json").stdout)["height"] > before
    client = ibc("create", "client", "A", "B", "--trusting-period", "86400").stdout.strip()
    [row] = [
        row for row in json.loads(ibc("clients", "A", "--json").stdout)["clients"] if row["id"] == client
    ]
    assert row["trusting_period_s"] == 86_400


async def test_a_lane_of_ibc_v2_is_made_found_again_and_cleared(ibc, chains):
    made = json.loads(ibc("create", "lane", "A", "B", "--json").stdout)
    again = json.loads(ibc("create", "lane", "B", "A", "--json").stdout)
    assert made["client"] == again["client"][::-1]
    there, _ = tomllib.loads(made["toml"])["lanes"]
    assert there["from"] == {"chain": "cosmos:chain-a", "client": made["client"][0]}
    assert there["security"] == "light-client"
    pending = json.loads(ibc("pending", "A", made["client"][0], "--json").stdout)
    assert pending["sent"] == {"unreceived": [], "unacknowledged": [], "more": False}
    async with host(chains.first) as source:
        await source.execute([transfer(source, made["client"][0]) for _ in range(3)])
    assert "3 (1, 2, 3) not received" in ibc("pending", "A", made["client"][0], code=4).stdout
    assert ibc("clear", "A", made["client"][0], "--timeout", "300").stdout == (
        "3 packets were pending, 0 are left\n"
    )


def test_a_channel_is_closed_on_both_ends_and_only_with_a_clear_yes(ibc):
    order = ("--port", "mock", "--version", "mock-version", "--json")
    ends = json.loads(ibc("create", "channel", "A", "B", *order).stdout)["channel"]

    def states():
        found = [json.loads(ibc("channels", chain, "--json").stdout)["channels"] for chain in "AB"]
        return [
            row["state"] for rows, end in zip(found, ends, strict=True) for row in rows if row["id"] == end
        ]

    close = ("close", "channel", "B", ends[1], "--port", "mock")
    assert "closes for ever" in ibc(*close, code=2).stderr
    assert states() == ["open", "open"]
    said = json.loads(ibc(*close, "--yes", "--json").stdout)
    assert said == {"chains": ["cosmos:chain-b", "cosmos:chain-a"], "channel": ends[::-1], "state": "closed"}
    assert states() == ["closed", "closed"]
    again = ibc(*close, "--yes").stdout
    assert again == f"cosmos:chain-b {ends[1]} is closed\ncosmos:chain-a {ends[0]} is closed\n"


def test_a_channel_of_token_transfer_is_not_closed_and_it_is_said_why(ibc, channel):
    refused = ibc("close", "channel", "A", channel["channel"][0], "--yes", code=1)
    assert "error: refused: " in refused.stderr
    assert "user cannot close channel" in refused.stderr
    assert "hint: the application at that port closes no channel by hand" in refused.stderr
    rows = json.loads(ibc("channels", "A", "--json").stdout)["channels"]
    assert [row["state"] for row in rows if row["id"] == channel["channel"][0]] == ["open"]


def test_a_connection_is_found_again(ibc, channel):
    made = json.loads(ibc("create", "connection", "A", "B", "--json").stdout)
    assert json.loads(ibc("create", "connection", "A", "B", "--json").stdout) == made


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("clients", "C"), 2, "expected one Cosmos chain named 'C', got 0 chains"),
        (("pending", "A", "channel-77"), 1, "no channel-77 on port transfer"),
        (("pending", "A", "07-tendermint-77"), 1, "got no such client"),
        (("close", "channel", "A", "channel-77", "--yes"), 1, "no channel-77 on port transfer"),
        (
            ("close", "channel", "A", "07-tendermint-0", "--yes"),
            2,
            "expected a channel, got '07-tendermint-0'",
        ),
        (("update", "A", "07-tendermint-77"), 1, "no client 07-tendermint-77"),
        (("create", "channel", "A", "A"), 2, "expected two chains, got cosmos:chain-a twice"),
        (("create", "channel", "A", "B", "--order", "sideways"), 2, "expected unordered or ordered"),
        (("create", "client", "A", "B", "--trusting-period", "9999999"), 1, "below unbonding, got 9999999"),
        (("create", "channel", "A", "B", "--version", "ics20-9"), 1, "ics20-9"),
    ],
)
def test_what_goes_wrong_is_said_with_its_exit_code(ibc, args, code, words):
    done = ibc(*args, code=code)
    assert words in done.stderr
    assert done.stdout == ""


def test_a_key_that_does_not_open_is_a_matter_of_the_configuration(place):
    done = isthmus(
        "ibc",
        "create",
        "lane",
        "A",
        "B",
        ISTHMUS_CONFIG=str(place / "gateway.toml"),
        ISTHMUS_PASSWORD="guess",
    )
    assert done.returncode == 2
    assert "isthmus signer new" in done.stderr


def test_trust_is_read_from_a_configuration_that_is_not_complete(chains, tmp_path):
    nodes = "".join(
        f'[[chains.config.endpoints]]\nname = "{name}"\nrpc_url = "{url}"\n'
        for name, url in (("one", chains.first.node.rpc_url), ("gone", "http://127.0.0.1:9"))
    )
    file = tmp_path / "half.toml"
    file.write_text(f'[[chains]]\nid = "cosmos:chain-a"\nadapter = "cosmos"\n[chains.config]\n{nodes}')
    done = isthmus("ibc", "trust", "cosmos:chain-a", "--config", str(file), "--json")
    said = json.loads(done.stdout)
    assert said["agreed"] == ["one"]
    assert "gone" in said["failed"]
    assert said["trusting_period_s"] == 1_209_600
    assert len(bytes.fromhex(said["trust_hash"])) == 32
    assert "Only one node was asked" in done.stderr


def test_nodes_that_disagree_are_not_chosen_between(chains):
    done = isthmus("ibc", "trust", "cosmos:chain-a", "--rpc", chains.first.node.rpc_url,
                   "--rpc", chains.second.node.rpc_url)  # fmt: skip
    assert "expected chain 'chain-a', got a block of 'chain-b'" in done.stderr
    done = isthmus("ibc", "trust", "cosmos:chain-a", "--rpc", chains.second.node.rpc_url)
    assert "no node has a block to begin from: wrong-chain: endpoint 0: expected" in done.stderr
    with start_simd(chain_id="chain-a", block_time_s=0.1) as twin:
        done = isthmus("ibc", "trust", "cosmos:chain-a", "--rpc", chains.first.node.rpc_url,
                       "--rpc", twin.node.rpc_url)  # fmt: skip
    assert "the nodes disagree about block" in done.stderr
    assert (done.returncode, done.stdout) == (3, "")
    unknown = isthmus("ibc", "trust", "cosmos:chain-a", "--rpc", "http://127.0.0.1:9")
    assert unknown.returncode == 3


def test_hermes_is_imported_with_the_other_ends_from_the_chains(chains, channel, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        "".join(
            f"""
[[chains]]
id = '{chain.options.chain_id}'
rpc_addr = '{chain.node.rpc_url}'
account_prefix = 'cosmos'
key_name = 'hermes'
gas_price = {{ price = 0.0, denom = 'stake' }}
[chains.packet_filter]
policy = 'allow'
list = [['transfer', '{name}'], ['transfer', 'channel-99']]
"""
            for chain, name in zip((chains.first, chains.second), channel["channel"], strict=True)
        )
    )
    done = isthmus("ibc", "import", "hermes", str(file), "--resolve")
    assert done.returncode == 0, done.stderr
    raw = tomllib.loads(done.stdout)
    assert [lane["from"]["client"] for lane in raw["lanes"]] == channel["channel"]
    assert "transfer/channel-99" in done.stderr
    alone = json.loads(isthmus("ibc", "import", "hermes", str(file), "--json").stdout)
    assert alone["lanes"] == 0
    assert sum("ask the chains with --resolve" in each["what"] for each in alone["notes"]) == 4
    assert isthmus("ibc", "import", "hermes", str(tmp_path / "nothing")).returncode == 2


ATTESTED = """
[[chains]]
id = "memory:a"
adapter = "memory"
[chains.config]
threshold = 3
validators = [
  "0xcfc629e1d190895e8b530d5f8c15aec226819b05", "0x94eb9324e02dae9830b7b88dd5bfe213612596c7",
  "0x8748f21c63b906410bc5bf6bfc28457e87d79568", "0xa48d3cf0bbd6da93f651e65673d960b765dbd248",
]
[[lanes]]
from = {{ chain = "memory:a", client = "attestations-7" }}
to = {{ chain = "cosmos:chain-a", client = "{client}" }}
threshold = 1
attestors = [{{ name = "alpha", address = "0x8351340909b8051473d5fc078638db66c29d09b8" }}]
unsafe = true
[[lanes]]
from = {{ chain = "cosmos:chain-a", client = "{client}" }}
to = {{ chain = "memory:a", client = "attestations-7" }}
threshold = 1
attestors = [{{ name = "alpha", address = "0x8360005953efe3ec4b09cf12dba4440dee5a190b" }}]
unsafe = true
"""


def attested(place, client, code):
    text = (place / "gateway.toml").read_text() + ATTESTED.format(client=client)
    (place / "attested.toml").write_text(text)
    done = isthmus(
        "ibc",
        "create",
        "attested",
        "A",
        client,
        ISTHMUS_CONFIG=str(place / "attested.toml"),
        ISTHMUS_PASSWORD=PASSWORD,
    )
    assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
    return done


def test_an_attested_client_gets_the_name_that_its_lane_says_or_none_is_made(place, ibc, channel):
    refused = attested(place, "attestations-99", 1).stderr
    name = refused.split("would call it ")[1].split(":")[0]
    assert name not in ibc("clients", "A", "--json").stdout
    assert attested(place, name, 0).stdout.strip() == name
    assert name in ibc("clients", "A", "--json").stdout
    assert name not in attested(place, name, 1).stderr.split("would call it ")[1]
