"""Configuration of a Cosmos chain: every mistake is named at its key, and what follows from it."""

from fractions import Fraction

import pytest

from adapters.cosmos import ADAPTER
from adapters.cosmos.config import CosmosConfig, EndpointConfig, gas_price, native_id
from proofs.records import replace
from proofs.types import Assurance, ChainId

CHAIN = ChainId("cosmos:osmosis-1")
GOOD = CosmosConfig(
    endpoints=(EndpointConfig(name="it", rpc_url="http://127.0.0.1:26657", grpc_url="127.0.0.1:9090"),),
    trust_height=7,
    trust_hash="ab" * 32,
    trusting_period_s=1000,
)


def test_a_complete_configuration_has_nothing_wrong() -> None:
    assert ADAPTER.check(GOOD) == {}


@pytest.mark.parametrize(
    ("changes", "key", "told"),
    [
        ({"endpoints": ()}, "endpoints", "at least one"),
        ({"trust_height": 0}, "trust_height", "isthmus ibc trust"),
        ({"trust_hash": ""}, "trust_hash", "isthmus ibc trust"),
        ({"trust_hash": "ab" * 31}, "trust_hash", "64 digits"),
        ({"trusting_period_s": 0}, "trusting_period_s", "unbonding"),
        ({"trust_level": "1/4"}, "trust_level", "from 1/3 to 1/1"),
        ({"trust_level": "2"}, "trust_level", "fraction"),
        ({"gas_price": "stake"}, "gas_price", "0.025stake"),
        ({"gas_price": "-1stake"}, "gas_price", "0.025stake"),
        ({"gas_price": "0.025 stake"}, "gas_price", "0.025stake"),
        ({"gas_adjustment": "0.5"}, "gas_adjustment", "decimal"),
        ({"bech32_prefix": "Cosmos"}, "bech32_prefix", "lower-case"),
        ({"batch_calls": 0}, "batch_calls", "1 or more"),
        ({"agreement_threshold": 2}, "agreement_threshold", "0 to 1"),
    ],
)
def test_a_mistake_is_named_at_its_key(changes, key, told) -> None:
    problems = ADAPTER.check(replace(GOOD, **changes))
    assert list(problems) == [key]
    assert told in problems[key]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"rpc_url": "ftp://host"}, "endpoints[0].rpc_url"),
        ({"rpc_url": ""}, "endpoints[0].rpc_url"),
        ({"ws_url": "http://host"}, "endpoints[0].ws_url"),
        ({"grpc_url": "ftp://host"}, "endpoints[0].grpc_url"),
        ({"name": ""}, "endpoints[0].name"),
    ],
)
def test_a_mistake_in_an_endpoint_is_named_at_its_place(changes, key) -> None:
    endpoint = replace(GOOD.endpoints[0], **changes)
    assert list(ADAPTER.check(replace(GOOD, endpoints=(endpoint,)))) == [key]


def test_one_endpoint_twice_is_one_witness() -> None:
    twice = (GOOD.endpoints[0], replace(GOOD.endpoints[0], name="again"))
    assert "one witness" in ADAPTER.check(replace(GOOD, endpoints=twice))["endpoints[1].rpc_url"]


def test_the_light_client_starts_from_the_configured_block_and_rests_on_consensus() -> None:
    spec = ADAPTER.light_client(CHAIN, replace(GOOD, trust_level="2/3"))
    assert (spec.family, spec.assurance) == ("tendermint", Assurance.CONSENSUS)
    assert (spec.anchor.chain, spec.anchor.height, spec.anchor.hash) == (CHAIN, 7, b"\xab" * 32)
    assert (spec.params.chain_id, spec.params.trust_level) == ("osmosis-1", (2, 3))
    assert ADAPTER.store(CHAIN, GOOD).address == b"ibc"


def test_the_chains_own_name_is_the_reference_unless_it_is_given() -> None:
    assert native_id(CHAIN, GOOD) == "osmosis-1"
    assert native_id(CHAIN, replace(GOOD, chain_id="A_Name-1")) == "A_Name-1"
    with pytest.raises(ValueError, match="cosmos:NAME"):
        native_id(ChainId("eip155:1"), GOOD)


def test_a_price_is_exact() -> None:
    assert gas_price(replace(GOOD, gas_price="0.025uatom")) == (Fraction(1, 40), "uatom")
    assert gas_price(replace(GOOD, gas_price="1ibc/ABC")) == (Fraction(1), "ibc/ABC")


@pytest.mark.parametrize("chain", ["cosmos:osmosis", "cosmos:osmosis-2", "cosmos:hashed-0123456789abcdef"])
def test_a_chain_whose_id_names_another_revision_than_its_own_name_is_refused(chain: str) -> None:
    with pytest.raises(ValueError, match="revision 1"):
        native_id(ChainId(chain), replace(GOOD, chain_id="osmosis-1"))
    assert native_id(ChainId("cosmos:hashed-1"), replace(GOOD, chain_id="osmosis-1")) == "osmosis-1"
