"""The parts of the EVM adapter that touch no network, against independent implementations and their rules."""

import pytest
from eth_abi import encode as eth_abi_encode
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from adapters.api import Attested, Delivery
from adapters.errors import MalformedReply, Refused, Underfunded
from adapters.evm import ADAPTER, batches
from adapters.evm.abi import Answer, array, dynamic, encode, selector, struct, uint64s, word
from adapters.evm.config import EndpointConfig, EvmConfig, check, light_client, store
from adapters.evm.deploy import contract_address
from adapters.evm.devnode import DEV_KEYS
from adapters.evm.fees import Fee, FeePolicy
from adapters.evm.gas import GasModel
from adapters.evm.nonce import Ledger, Waiting
from adapters.evm.reverts import describe
from adapters.evm.transactions import Intent, SignedTransaction, sign
from proofs.records import replace
from proofs.types import Acknowledged, Assurance, ChainId, NotReceived, Sent
from tests.support.evm import DevSigner
from tests.support.packets import LANE, packet

GOOD = EvmConfig(
    endpoints=(
        EndpointConfig(name="a", url="https://a.example"),
        EndpointConfig(name="b", url="http://127.0.0.1:1"),
    ),
    router="0x5FbDB2315678afecb367f032d93F642f64180aa3",
)


class Claimed:
    """Stands for a proven claim where only the claim is read."""

    def __init__(self, claim):
        self.claim = claim


def delivery(*claims):
    attested = Attested(
        height=7, time_s=99, state_signatures=(b"s" * 65,), packet_signatures=(b"p" * 65, b"q" * 65)
    )
    return Delivery(lane=LANE, proven=tuple(map(Claimed, claims)), evidence=attested, key="k")


BATCH = "(string,((string,string,string,string),bytes32[],bytes,bytes)[],uint64,bytes,bytes)"


def head(one, tail):
    return (
        one.sequence.to_bytes(8, "big")
        + one.timeout_s.to_bytes(8, "big")
        + tail.to_bytes(4, "big")
        + bytes(12)
    )


def test_a_batch_is_encoded_as_the_abi_says():
    one, two = packet(1, value=b"same-one"), packet(2, value=b"same-two-longer" * 5)
    other = replace(packet(3), payloads=(replace(packet(3).payloads[0], source_port="x"),))
    made = batches.delivery_call(delivery(*[Sent(packet=each) for each in (one, two, other)]), b"update")
    route = ("gateway", "gateway", "1", "application/octet-stream")
    tails = one.payloads[0].value[5:] + two.payloads[0].value[5:]
    groups = [
        (route, [head(one, 3), head(two, len(tails) - 3)], b"same-", tails),
        (("x", *route[1:]), [head(other, 0)], b"hello", b""),
    ]
    expected = eth_abi_encode([BATCH], [("isthmus-7", groups, 7, b"p" * 65 + b"q" * 65, b"update")])
    assert made == selector(f"recvPackets({BATCH})") + expected


def test_acknowledgements_travel_once_each_with_an_index():
    claims = [
        Acknowledged(packet=packet(i), acknowledgements=(ack,)) for i, ack in enumerate([b"a", b"b", b"a"], 1)
    ]
    made = batches.delivery_call(delivery(*claims), b"")
    heads = [head(packet(i), 0) for i in (1, 2, 3)]
    group = (("gateway", "gateway", "1", "application/octet-stream"), heads, b"hello", b"")
    batch = ("isthmus-0", [group], 7, b"p" * 65 + b"q" * 65, b"")
    expected = eth_abi_encode([BATCH, "bytes[]", "bytes"], [batch, [b"a", b"b"], bytes([0, 1, 0])])
    assert made == selector(f"ackPackets({BATCH},bytes[],bytes)") + expected


def test_timeouts_go_to_the_source_client():
    assert batches.delivery_call(delivery(NotReceived(packet=packet(1))), b"")[:4] == selector(
        f"timeoutPackets({BATCH})"
    )
    assert batches.host_client(delivery(NotReceived(packet=packet(1)))) == LANE.source_client
    assert batches.host_client(delivery(Sent(packet=packet(1)))) == LANE.destination_client


def test_what_the_router_cannot_take_is_refused_here():
    two = replace(packet(1), payloads=packet(1).payloads * 2)
    with pytest.raises(Refused, match="takes 1 payload, got 2"):
        batches.delivery_call(delivery(Sent(packet=two)), b"")
    with pytest.raises(Refused, match="one kind"):
        batches.delivery_call(delivery(Sent(packet=packet(1)), NotReceived(packet=packet(2))), b"")
    many = [Acknowledged(packet=packet(i + 1), acknowledgements=(b"%d" % i,)) for i in range(257)]
    with pytest.raises(Refused, match="at most 256"):
        batches.delivery_call(delivery(*many), b"")


@given(
    st.lists(st.binary(max_size=70), max_size=5), st.text(max_size=40), st.lists(st.integers(0, 2**64 - 1))
)
def test_the_encoder_agrees_with_eth_abi(items, text, numbers):
    ours = encode(
        [struct([array([dynamic(each) for each in items]), word(5)]), dynamic(text), uint64s(numbers)]
    )
    assert ours == eth_abi_encode(["(bytes[],uint64)", "string", "uint64[]"], [(items, 5), text, numbers])
    answer = Answer(ours)
    assert answer.inner(32).text() == text
    assert [int.from_bytes(each, "big") for each in answer.inner(64).words()] == numbers


@given(st.binary(max_size=200))
def test_answers_that_are_no_abi_are_malformed_and_nothing_else(raw):
    for reader in ("text", "content", "words"):
        try:
            getattr(Answer(raw).inner(0), reader)()
        except MalformedReply:
            continue


@given(
    st.integers(0, 2**40),
    st.integers(0, 2**70),
    st.integers(0, 2**70),
    st.integers(21_000, 2**40),
    st.binary(max_size=300),
)
def test_a_signed_transaction_is_the_one_that_eth_account_makes(nonce, fee, value, gas, data):
    intent = Intent(to=bytes(range(20)), data=data, gas=gas, value_wei=value)
    made = sign(DevSigner(0), 31337, nonce, Fee(max_fee_wei=fee, priority_fee_wei=fee // 2), intent)
    theirs = Account.from_key(DEV_KEYS[0]).sign_transaction(
        {
            "type": 2, "chainId": 31337, "nonce": nonce, "maxFeePerGas": fee,
            "maxPriorityFeePerGas": fee // 2,
            "gas": gas, "to": intent.to, "value": value, "data": data,
        }
    )  # fmt: skip
    assert made == SignedTransaction(raw=bytes(theirs.raw_transaction), hash=bytes(theirs.hash))


def test_contract_addresses_follow_from_the_nonce():
    creator = DevSigner(0).address
    assert contract_address(creator, 0).hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert contract_address(creator, 1).hex() == "e7f1725e7734ce288f8367e1bb143e90bb3f0512"


POLICY = FeePolicy(max_fee_wei=1000, max_priority_fee_wei=10, bump_percent=15)


@given(st.integers(0, 1000), st.integers(0, 10**6))
def test_an_offer_keeps_to_both_caps_and_pays_the_base_fee(base, tip):
    fee = POLICY.quote(base, tip)
    assert base <= fee.max_fee_wei <= 1000
    assert fee.priority_fee_wei <= min(10, fee.max_fee_wei)


def test_a_base_fee_above_the_cap_is_underfunded():
    with pytest.raises(Underfunded, match="max_fee_per_gas_wei = 1000"):
        POLICY.quote(1001, 1)


@given(st.integers(0, 900), st.integers(0, 10), st.integers(0, 2000))
def test_a_raise_is_enough_for_nodes_or_none(max_fee, tip, base):
    fee = Fee(max_fee_wei=max_fee, priority_fee_wei=min(tip, max_fee))
    raised = POLICY.raised(fee, base)
    if raised is not None:
        assert raised.max_fee_wei * 100 >= fee.max_fee_wei * 110
        assert raised.priority_fee_wei * 100 >= fee.priority_fee_wei * 110
        assert raised.priority_fee_wei <= raised.max_fee_wei <= 1000


def test_gas_is_scaled_by_what_grew_more_and_doubted_when_too_different():
    model = GasModel()
    assert model.limit("k", 10, 1000) is None
    assert model.learn("k", 10, 1000, 100_000) == 125_000
    assert model.limit("k", 1, 100) == 125_000
    assert model.limit("k", 20, 1000) == 250_000
    assert model.limit("k", 10, 3000) == 375_000
    assert model.limit("k", 41, 1000) is None
    assert model.limit("k", 10, 4001) is None
    model.forget("k")
    assert model.limit("k", 10, 1000) is None


def waiting(nonce):
    intent = Intent(to=b"", data=b"", gas=1)
    version = SignedTransaction(raw=b"", hash=bytes([nonce]) * 32)
    return Waiting(
        nonce=nonce,
        intent=intent,
        fee=Fee(max_fee_wei=1, priority_fee_wei=1),
        versions=[version],
        sent_at_s=0,
    )


def test_the_ledger_never_gives_a_nonce_twice():
    ledger = Ledger()
    ledger.load(5)
    assert ledger.next_nonce == 5
    for nonce in (5, 6, 9):
        ledger.hold(waiting(nonce))
    assert ledger.next_nonce == 10
    ledger.load(3)
    assert ledger.next_nonce == 10
    assert [each.nonce for each in ledger.open()] == [5, 6, 9]
    assert ledger.find(bytes([6]) * 32).nonce == 6
    for each in ledger.used_below(7):
        ledger.release(each)
    assert [each.nonce for each in ledger.open()] == [9]
    assert ledger.find(bytes([6]) * 32) is None


def test_reverts_are_told_in_the_words_of_the_contracts():
    assert (
        describe(selector("ClientNotFound(string)") + eth_abi_encode(["string"], ["x-1"]))
        == "ClientNotFound('x-1')"
    )
    assert describe(selector("Error(string)") + eth_abi_encode(["string"], ["no"])) == "Error('no')"
    assert describe(b"") == "reverted without a reason"
    assert describe(b"\x01\x02\x03\x04rest") == "unknown error 0x0102030472657374"
    assert (
        describe(selector("ClientNotFound(string)") + b"\xff")
        == "ClientNotFound, with arguments that do not decode"
    )


def test_a_good_configuration_has_no_problems():
    assert check(GOOD) == {}
    assert ADAPTER.check(GOOD) == {}
    assert GOOD.threshold() == 2


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"endpoints": ()}, "endpoints"),
        (
            {"endpoints": (*GOOD.endpoints, EndpointConfig(name="a", url="https://c.example"))},
            "endpoints[2].name",
        ),
        (
            {"endpoints": (*GOOD.endpoints, EndpointConfig(name="c", url="https://a.example"))},
            "endpoints[2].url",
        ),
        ({"endpoints": (EndpointConfig(name="a", url="ftp://a"),)}, "endpoints[0].url"),
        (
            {"endpoints": (EndpointConfig(name="a", url="http://a.example", ws_url="http://a"),)},
            "endpoints[0].ws_url",
        ),
        ({"endpoints": (EndpointConfig(name="", url="http://a.example"),)}, "endpoints[0].name"),
        ({"router": "0x5fbDB2315678afecb367f032d93F642f64180aa3"}, "router"),
        ({"router": ""}, "router"),
        ({"transfer": "0x12"}, "transfer"),
        ({"agreement_threshold": 3}, "agreement_threshold"),
        ({"finality": "soon"}, "finality"),
        ({"finality": "safe"}, "accept_reorg_risk"),
        ({"finality": "confirmations", "accept_reorg_risk": True}, "confirmations"),
        ({"bump_percent": 5}, "bump_percent"),
        ({"poll_s": 0.0}, "poll_s"),
        ({"in_flight_window": 0}, "in_flight_window"),
    ],
)
def test_each_mistake_is_reported_under_its_key(changes, key):
    assert list(check(replace(GOOD, **changes))) == [key]


def test_the_light_client_and_the_store_are_made_of_the_configuration():
    chain = ChainId("eip155:1")
    spec = light_client(chain, GOOD)
    assert (spec.family, spec.assurance) == ("agreement", Assurance.AGREEMENT)
    assert (spec.params.witnesses, spec.params.threshold, spec.params.chain) == (("a", "b"), 2, chain)
    assert store(chain, GOOD).address.hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
