"""Configurations of others: what is carried over is what they meant, and nothing is dropped in silence."""

import json
import tomllib

import pytest

from adapters.cosmos.config import CosmosConfig, EndpointConfig, check, gas_price
from gateway.imports import hermes, registry
from gateway.imports.model import ImportedEnd, ImportFileError
from gateway.imports.write import chains_toml, lane_toml, to_toml

HERMES = """
[global]
log_level = 'trace'
[mode.clients]
enabled = true
refresh = true
misbehaviour = false
[mode.connections]
enabled = false
[mode.channels]
enabled = true
[mode.packets]
enabled = true
clear_interval = 100
clear_on_start = true
tx_confirmation = false
ics20_max_memo_size = { enabled = true, size = "2 KiB" }
[telemetry]
enabled = true
host = '127.0.0.1'
port = 3001
[[chains]]
id = 'ibc-0'
type = 'CosmosSdk'
rpc_addr = 'http://127.0.0.1:26657/'
grpc_addr = 'http://127.0.0.1:9090'
event_source = { mode = 'push', url = 'ws://127.0.0.1:26657/websocket', batch_delay = '500ms' }
rpc_timeout = '1m 5s'
account_prefix = 'cosmos'
key_name = 'Test Key'
store_prefix = 'ibc'
gas_price = { price = 0.001, denom = 'stake' }
gas_multiplier = 1.1
max_msg_num = 30
clock_drift = '5s'
trusting_period = '14days'
trust_threshold = { numerator = '2', denominator = '3' }
memo_prefix = 'relayed with care'
address_type = { derivation = 'cosmos' }
[chains.packet_filter]
policy = 'allow'
list = [['transfer', 'channel-0'], ['ica*', '*'], ['transfer', 'channel-9'], ['oracle', 'channel-3']]
[chains.packet_filter.min_fees.'channel-0']
recv = [{ amount = 20, denom = 'stake' }]
[[chains]]
id = 'ibc-1'
rpc_addr = 'http://127.0.0.1:26557'
event_source = { mode = 'pull', interval = '1s' }
account_prefix = 'osmo'
key_name = 'testkey'
gas_price = { price = 1e-7, denom = 'uosmo' }
trust_threshold = '1/3'
colour = 'blue'
[chains.packet_filter]
policy = 'allow'
list = [['transfer', 'channel-7']]
[[chains]]
id = 'penumbra-1'
type = 'Penumbra'
"""

FIRST = ImportedEnd(native_id="ibc-0", port="transfer", channel="channel-0")
SECOND = ImportedEnd(native_id="ibc-1", port="transfer", channel="channel-7")
ORACLE = ImportedEnd(native_id="ibc-0", port="oracle", channel="channel-3")
AWAY = ImportedEnd(native_id="far-1", port="oracle", channel="channel-8")
OTHERS = {FIRST: (SECOND, True), SECOND: (FIRST, True), ORACLE: (AWAY, False)}

CHAIN = {
    "$schema": "../chain.schema.json",
    "chain_name": "example",
    "chain_type": "cosmos",
    "chain_id": "example-4",
    "pretty_name": 'Exa"mple',
    "status": "live",
    "bech32_prefix": "exa",
    "slip44": 118,
    "key_algos": ["secp256k1"],
    "fees": {
        "fee_tokens": [
            {"denom": "uexa", "fixed_min_gas_price": 0.001, "average_gas_price": 0.0025},
            {"denom": "ibc/ABC", "low_gas_price": 1},
        ]
    },
    "apis": {
        "rpc": [
            {"address": "http://127.0.0.1:1", "provider": "One & Co"},
            {"address": "http://127.0.0.1:2/", "provider": "One & Co"},
            {"address": "ftp://127.0.0.1:3"},
        ],
        "grpc": [{"address": "127.0.0.1:9090"}],
    },
}


def config_of(section: dict) -> CosmosConfig:
    """Return the section as the adapter takes it, with the trust that a person has to add."""
    endpoints = tuple(EndpointConfig(**each) for each in section.pop("endpoints"))
    trust = {"trust_height": 5, "trust_hash": "ab" * 32, "trusting_period_s": 1000}
    return CosmosConfig(**{**trust, **section, "endpoints": endpoints})


def whats(notes) -> dict[str, str]:
    return {note.where: note.what for note in notes}


def test_chains_of_hermes_become_chains_that_the_adapter_takes():
    raw = tomllib.loads(to_toml(hermes.read_config(HERMES, OTHERS)))
    first, second = raw["chains"]
    assert (first["id"], first["adapter"], first["signer"]) == ("cosmos:ibc-0", "cosmos", "keystore:test-key")
    assert raw["gateway"]["log_level"] == "debug"
    config = config_of(first["config"])
    assert check(config) == {}
    [endpoint] = config.endpoints
    assert endpoint.rpc_url == "http://127.0.0.1:26657"
    assert endpoint.ws_url == "ws://127.0.0.1:26657/websocket"
    assert (config.trusting_period_s, config.trust_level, config.max_clock_drift_s) == (1_209_600, "2/3", 5)
    assert (config.gas_price, config.gas_adjustment) == ("0.001stake", "1.1")
    assert (config.request_timeout_s, config.bech32_prefix) == (65.0, "cosmos")
    other = config_of(second["config"])
    assert check(other) == {}
    assert other.endpoints[0].ws_url == ""
    assert gas_price(other) == (gas_price(other)[0], "uosmo")
    assert float(gas_price(other)[0]) == 1e-7


def test_a_channel_that_both_chains_allow_becomes_one_lane_each_way():
    raw = tomllib.loads(to_toml(hermes.read_config(HERMES, OTHERS)))
    there, back = raw["lanes"]
    assert there["from"] == {"chain": "cosmos:ibc-0", "client": "channel-0"}
    assert there["to"] == {"chain": "cosmos:ibc-1", "client": "channel-7"}
    assert (back["from"], back["to"]) == (there["to"], there["from"])
    for lane in (there, back):
        assert (lane["security"], lane["ordered"], lane["batch"]) == ("light-client", True, 30)
        assert lane["filter"] == {"ports": ["transfer"], "max_memo_bytes": 2048}


def test_the_ends_that_must_be_asked_for_are_those_named_without_a_pattern():
    names = {(end.native_id, end.port, end.channel) for end in hermes.channels(HERMES)}
    assert names == {
        ("ibc-0", "transfer", "channel-0"),
        ("ibc-0", "transfer", "channel-9"),
        ("ibc-0", "oracle", "channel-3"),
        ("ibc-1", "transfer", "channel-7"),
    }


def test_everything_of_hermes_that_is_not_carried_over_is_named():
    notes = whats(hermes.read_config(HERMES, OTHERS).notes)
    assert set(notes) == {
        "chains.ibc-0.memo_prefix",
        "chains.ibc-0.key_name",
        "chains.ibc-1.key_name",
        "chains.ibc-1.colour",
        "chains.penumbra-1",
        "chains.ibc-0.packet_filter.min_fees",
        "chains.ibc-0.packet_filter.list ica*/*",
        "chains.ibc-0.packet_filter.list transfer/channel-9",
        "chains.ibc-0.packet_filter.list oracle/channel-3",
        "mode.clients.misbehaviour",
        "mode.channels",
        "mode.packets.clear_interval",
        "telemetry",
    }
    assert "test-key" in notes["chains.ibc-0.key_name"]
    assert "'far-1'" in notes["chains.ibc-0.packet_filter.list oracle/channel-3"]


def test_a_chain_whose_name_is_no_part_of_a_caip_2_id_is_left_out_and_named():
    found = hermes.read_config(HERMES.replace("id = 'ibc-1'", "id = 'ibc.one-1'"), OTHERS)
    assert [chain.native_id for chain in found.chains] == ["ibc-0"]
    assert found.lanes == ()
    assert "CAIP-2" in whats(found.notes)["chains.ibc.one-1"]


def test_every_key_of_a_chain_is_carried_over_or_named():
    found = tomllib.loads(HERMES)["chains"][0]
    extra = [*hermes._LOST, *hermes._HARMLESS, "never_heard_of"]
    lines = "\n".join(f"{key} = 'something'" for key in extra if key not in found)
    text = HERMES.replace("max_msg_num = 30", f"max_msg_num = 30\n{lines}")
    notes = whats(hermes.read_config(text, OTHERS).notes)
    expected = {f"chains.ibc-0.{key}" for key in extra if key != "address_type"}
    assert expected <= notes.keys()


@pytest.mark.parametrize("policy", ["allowall", "deny"])
def test_a_filter_that_names_no_channels_makes_no_lanes_and_says_so(policy):
    text = HERMES.replace("policy = 'allow'", f"policy = '{policy}'")
    found = hermes.read_config(text, OTHERS)
    assert found.lanes == ()
    assert policy in whats(found.notes)["chains.ibc-0.packet_filter"]
    assert hermes.channels(text) == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("'14days'", "'a fortnight'", "trusting_period: expected a duration"),
        ("'14days'", "'14 moons'", "trusting_period: expected units"),
        ("'1/3'", "'a third'", "trust_threshold: expected a fraction"),
        ("['ica*', '*']", "['ica*']", "expected pairs of port and channel"),
        ('"2 KiB"', '"big"', "expected a size"),
        ("rpc_addr = 'http://127.0.0.1:26557'", "", "rpc_addr: expected a URL"),
        ("[global]", "[[", "expected TOML"),
        ("[global]", f"a = {'[' * 50_000}", "expected TOML"),
        ("[global]", f"a = {'9' * 5000}", "expected TOML"),
        ("'14days'", f"'{'9' * 400}days'", "trusting_period: expected a duration"),
        ('"2 KiB"', f'"{"9" * 400} KiB"', "expected a size"),
        ("gas_multiplier = 1.1", "gas_multiplier = '1.1'", "gas_multiplier: expected a number"),
        ("gas_multiplier = 1.1", "gas_multiplier = nan", "gas_multiplier: expected a number"),
        ("price = 1e-7", "price = inf", "gas_price.price: expected a number"),
        ("price = 1e-7", "price = -1", "gas_price.price: expected a number"),
        ("price = 1e-7", "price = true", "gas_price.price: expected a number"),
        ("['ica*', '*']", "'ab'", "expected pairs of port and channel"),
        ("['ica*', '*']", "['ica*', ['*']]", "expected pairs of port and channel"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_key_and_what_came(old, new, expected):
    with pytest.raises(ImportFileError, match=expected):
        hermes.read_config(HERMES.replace(old, new), OTHERS)


def test_a_file_of_something_else_is_no_configuration_of_hermes():
    with pytest.raises(ImportFileError, match=r"expected \[\[chains\]\]"):
        hermes.read_config("a = 1\n", {})


def test_a_chain_of_the_registry_becomes_a_chain_that_the_adapter_takes():
    found = registry.read_chain(json.dumps(CHAIN), "example/chain.json")
    [chain] = tomllib.loads(chains_toml(found))["chains"]
    assert (chain["id"], chain["name"]) == ("cosmos:example-4", 'Exa"mple')
    config = config_of(chain["config"])
    assert check(config) == {}
    assert (config.gas_price, config.bech32_prefix) == ("0.0025uexa", "exa")
    assert [(each.name, each.rpc_url) for each in config.endpoints] == [
        ("one-co", "http://127.0.0.1:1"),
        ("one-co-2", "http://127.0.0.1:2"),
    ]
    notes = whats(found.notes)
    assert set(notes) == {"example/chain.json apis.grpc", "example/chain.json fees.fee_tokens"}


@pytest.mark.parametrize("name", ["Ex\U0001f680ample", 'a"b\\c', "line\nfeed", "del\x7f", "nul\0"])
def test_any_text_of_a_stranger_stays_text(name):
    odd = CHAIN | {"pretty_name": name, "status": f"{name}\nid = 'evil'", "key_algos": [f"{name}\rx"]}
    text = chains_toml(registry.read_chain(json.dumps(odd), "x"))
    [chain] = tomllib.loads(text)["chains"]
    assert (chain["id"], chain["name"]) == ("cosmos:example-4", name)


def test_without_trust_the_imported_chain_is_refused_with_what_to_do():
    found = registry.read_chain(json.dumps(CHAIN), "x")
    assert "isthmus ibc trust cosmos:example-4" in chains_toml(found)
    [chain] = tomllib.loads(chains_toml(found))["chains"]
    config = CosmosConfig(
        **{**chain["config"], "endpoints": tuple(EndpointConfig(**e) for e in chain["config"]["endpoints"])}
    )
    assert {"trust_height", "trust_hash", "trusting_period_s"} == set(check(config))


def test_what_a_person_must_look_at_is_said():
    odd = CHAIN | {
        "status": "killed",
        "key_algos": ["ethsecp256k1"],
        "extra_codecs": ["ethermint"],
        "fees": {"fee_tokens": [{"denom": "uexa"}]},
        "apis": {"rpc": [], "wss": [{"address": "ws://127.0.0.1"}]},
    }
    found = registry.read_chain(json.dumps(odd), "x")
    assert set(whats(found.notes)) == {
        "x status", "x apis.rpc", "x apis.wss", "x fees", "x key_algos", "x extra_codecs"
    }  # fmt: skip
    assert "# gas_price" in chains_toml(found)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"chain_type": "eip155"}, "chain_type: expected cosmos, got 'eip155'"),
        ({"chain_id": ""}, "chain_id: expected text"),
        ({"chain_id": "no spaces"}, "chain_id: expected 1 to 32"),
        ({"bech32_prefix": None}, "bech32_prefix: expected text, got None"),
    ],
)
def test_a_registry_file_that_is_no_cosmos_chain_is_refused(change, expected):
    with pytest.raises(ImportFileError, match=expected):
        registry.read_chain(json.dumps(CHAIN | change), "x")


@pytest.mark.parametrize("price", [-1, 1e300, True, "0.1"])
def test_a_price_that_is_none_must_be_filled_in(price):
    odd = CHAIN | {"fees": {"fee_tokens": [{"denom": "uexa", "average_gas_price": price}]}}
    found = registry.read_chain(json.dumps(odd), "x")
    assert "x fees" in whats(found.notes)
    assert "# gas_price" in chains_toml(found)


@pytest.mark.parametrize(
    "address", ["http://[bad", "http://127.0.0.1:999999", "ftp://127.0.0.1", "127.0.0.1"]
)
def test_an_address_that_is_none_is_passed_over(address):
    odd = CHAIN | {"apis": {"rpc": [{"address": address}, {"address": "http://127.0.0.1:1"}]}}
    [chain] = registry.read_chain(json.dumps(odd), "x").chains
    assert [each.rpc for each in chain.endpoints] == ["http://127.0.0.1:1"]


@pytest.mark.parametrize(
    "text", ["{", "[]", "[" * 100_000, '{"a":' * 100_000, r'{"a": "\ud800"}', '{"a": NaN}', '{"a": Infinity}']
)
def test_a_registry_file_that_is_no_json_object_is_refused(text):
    with pytest.raises(ImportFileError, match="x: expected"):
        registry.read_chain(text, "x")


def test_only_the_first_eight_nodes_are_taken_and_it_is_said():
    many = CHAIN | {"apis": {"rpc": [{"address": f"http://127.0.0.1:{port}"} for port in range(1, 12)]}}
    found = registry.read_chain(json.dumps(many), "x")
    assert len(found.chains[0].endpoints) == 8
    assert "11 nodes" in whats(found.notes)["x apis.rpc"]


def test_a_lane_to_paste_is_what_the_configuration_takes():
    [lane] = tomllib.loads(lane_toml(("cosmos:a", "07-tendermint-0"), ("cosmos:b", "c-1"), ordered=False))[
        "lanes"
    ]
    assert lane == {
        "from": {"chain": "cosmos:a", "client": "07-tendermint-0"},
        "to": {"chain": "cosmos:b", "client": "c-1"},
        "security": "light-client",
    }
