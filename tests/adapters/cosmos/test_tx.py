"""Transactions, fees, gas limits and sequences, without a chain."""

from fractions import Fraction

import pytest

from adapters.cosmos.codes import WRONG_SEQUENCE, Declined, refusal
from adapters.cosmos.fees import FeePolicy
from adapters.cosmos.gas import GasModel
from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2 as bank_pb2
from adapters.cosmos.pb.cosmos.base.abci.v1beta1 import abci_pb2
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.cosmos.tx.v1beta1 import tx_pb2
from adapters.cosmos.sequences import Ledger, Waiting
from adapters.cosmos.tx import (
    Fee,
    Intent,
    Ticket,
    address_of,
    authority,
    body_of,
    encoded,
    fee_of,
    pack,
    parse_ticket,
    responses,
    sign,
)
from adapters.errors import MalformedReply, RateLimited, Underfunded
from proofs.hashing import sha256
from tests.support.evm import DevSigner

KEY = bytes.fromhex("0382b6ba33806e4bf63990137f62f2e5180888abfb52e2431c176cd0f314f93abb")
ADDRESS = "cosmos199ufpmryquja09gq335j7y6pxzj2srygexrvxz"
"""A public key and what `simd keys add` calls it."""


def intent(count=1, memo=""):
    coin = coin_pb2.Coin(denom="stake", amount="1")
    message = bank_pb2.MsgSend(from_address="a", to_address="b", amount=[coin])
    return Intent(signer="a", messages=(pack(message),) * count, kind="send", memo=memo)


def test_an_address_is_the_hash_of_the_key_under_the_prefix_of_the_chain():
    assert address_of("cosmos", KEY) == ADDRESS
    other = address_of("osmo", KEY)
    assert other.startswith("osmo1")
    assert other[5:-6] == ADDRESS[7:-6]


def test_a_message_is_packed_with_the_name_of_its_type_and_no_host():
    assert intent().messages[0].type_url == "/cosmos.bank.v1beta1.MsgSend"


def test_a_signature_is_over_body_authority_chain_and_account():
    signer, fee = DevSigner(0), Fee(gas=100, amount=7, denom="stake")
    body, who = body_of(intent(2, "hello"), 99), authority(signer.public_key, 5, fee)
    raw = sign(signer, "chain-a", 3, body, who)
    parsed = tx_pb2.TxRaw.FromString(raw)
    document = tx_pb2.SignDoc(body_bytes=body, auth_info_bytes=who, chain_id="chain-a", account_number=3)
    [signature] = parsed.signatures
    assert signature == signer.sign(sha256(encoded(document)))[:64]
    assert sign(signer, "chain-b", 3, body, who) != raw
    assert sign(signer, "chain-a", 4, body, who) != raw
    info, decoded = tx_pb2.AuthInfo.FromString(parsed.auth_info_bytes), tx_pb2.TxBody.FromString(body)
    assert (info.signer_infos[0].sequence, info.fee.gas_limit) == (5, 100)
    assert (decoded.timeout_height, decoded.memo, len(decoded.messages)) == (99, "hello", 2)
    assert (fee_of(raw, "stake"), fee_of(raw, "atom")) == (7, 0)


def test_a_transaction_that_pays_nothing_names_no_coin():
    info = tx_pb2.AuthInfo.FromString(authority(KEY, 0, Fee(gas=1, amount=0, denom="stake")))
    assert list(info.fee.amount) == []


def test_responses_of_a_transaction_are_read_and_nonsense_is_not():
    data = abci_pb2.TxMsgData(msg_responses=[pack(bank_pb2.MsgSendResponse())])
    assert [each.type_url for each in responses(encoded(data))] == ["/cosmos.bank.v1beta1.MsgSendResponse"]
    with pytest.raises(MalformedReply):
        responses(b"\xff")
    with pytest.raises(MalformedReply):
        fee_of(b"\xff", "stake")


def test_a_ticket_says_until_when_it_is_good_and_survives_as_text():
    ticket = Ticket(hash=bytes(range(32)), timeout_height=1234)
    assert parse_ticket(str(ticket)) == ticket
    for text in ("", "00@1", str(ticket).replace("@", ""), str(ticket) + "x", "zz" * 32 + "@1"):
        with pytest.raises(ValueError):
            parse_ticket(text)


def test_a_fee_is_rounded_up_and_never_above_the_cap():
    policy = FeePolicy(denom="stake", gas_price=Fraction("0.025"), max_fee=10)
    assert policy.quote(400).amount == 10
    assert policy.quote(361).amount == 10
    assert policy.quote(360).amount == 9
    with pytest.raises(Underfunded, match="the cap is max_fee = 10"):
        policy.quote(401)
    assert FeePolicy(denom="stake", gas_price=Fraction(0), max_fee=0).quote(10**9).amount == 0


def model():
    return GasModel(adjustment=Fraction("1.5"))


def test_what_was_never_simulated_has_no_limit():
    assert model().limit("send", 1, 100) is None


def test_two_simulations_give_a_line_and_a_small_batch_is_not_charged_as_a_large_one():
    gas = model()
    assert gas.learn("send", 1, 100, 90_000) == 135_000
    assert gas.learn("send", 101, 10_100, 1_090_000) == 1_635_000
    assert gas.limit("send", 1, 100) == pytest.approx(135_000, abs=3)
    assert gas.limit("send", 51, 5_100) == pytest.approx(885_000, abs=3)
    assert gas.limit("other", 51, 5_100) is None


def test_beyond_the_largest_it_grows_in_proportion_and_not_without_end():
    gas = model()
    gas.learn("send", 10, 1_000, 1_000_000)
    assert gas.limit("send", 40, 4_000) == 6_000_000
    assert gas.limit("send", 41, 4_100) is None
    assert gas.limit("send", 9, 900) is None


def test_larger_messages_are_simulated_anew():
    gas = model()
    gas.learn("send", 10, 1_000, 1_000_000)
    assert gas.limit("send", 10, 1_250) is not None
    assert gas.limit("send", 10, 1_251) is None


def test_an_execution_that_used_more_than_was_foretold_is_remembered():
    gas = model()
    gas.learn("send", 10, 1_000, 1_000_000)
    gas.used("send", 10, 1_200_000)
    assert gas.limit("send", 10, 1_000) == 1_800_000
    gas.used("send", 10, 1_100_000)
    assert gas.limit("send", 10, 1_000) == 1_800_000
    gas.used("send", 20, 3_000_000)
    assert gas.limit("send", 10, 1_000) == pytest.approx(1_800_000, abs=3)
    assert gas.limit("send", 20, 2_000) == pytest.approx(4_500_000, abs=3)
    gas.used("other", 20, 3_000_000)
    assert gas.limit("other", 20, 2_000) is None


def test_messages_without_effect_count_as_if_they_had_one_and_teach_nothing():
    gas = model()
    assert gas.partial(20, 400_000, 10) == 1_200_000
    assert gas.partial(20, 400_000, 19) == gas.partial(20, 400_000, 20) == 2_400_000
    assert gas.limit("send", 20, 2_000) is None


def test_a_smaller_batch_that_used_more_raises_the_line_from_below():
    gas = model()
    gas.learn("send", 10, 1_000, 1_000_000)
    gas.learn("send", 20, 2_000, 2_000_000)
    gas.used("send", 10, 1_500_000)
    assert gas.limit("send", 10, 1_000) == pytest.approx(2_250_000, abs=3)
    assert gas.limit("send", 20, 2_000) == pytest.approx(3_000_000, abs=3)


def waiting(sequence, timeout=10):
    ticket = Ticket(hash=bytes([sequence]) * 32, timeout_height=timeout)
    return Waiting(sequence=sequence, intent=intent(), raw=b"", ticket=ticket, sent_at_s=0.0)


def test_the_lowest_free_sequence_is_next_so_that_a_gap_is_filled():
    ledger, first, second, third = Ledger(), waiting(5), waiting(6), waiting(7)
    ledger.floor = 5
    for each in (first, second, third):
        assert ledger.next() == each.sequence
        ledger.hold(each)
    assert ledger.next() == 8
    ledger.lose(second, "gone")
    assert ledger.next() == 6
    assert ledger.open() == [first, third]
    assert ledger.find(second.ticket.hash).lost == "gone"
    ledger.include(first)
    assert ledger.next() == 6
    ledger.release(third)
    assert ledger.find(third.ticket.hash) is None
    ledger.forget_before(9)
    assert ledger.find(second.ticket.hash) is second
    ledger.forget_before(10)
    assert ledger.find(second.ticket.hash) is None


def test_codes_of_a_refusal_become_typed_errors():
    assert isinstance(refusal(("sdk", 5), "funds"), Underfunded)
    assert isinstance(refusal(("sdk", 13), "fee"), Underfunded)
    assert isinstance(refusal(("sdk", 20), "full"), RateLimited)
    declined = refusal(WRONG_SEQUENCE, "insufficient funds, mempool is full")
    assert isinstance(declined, Declined)
    assert declined.refusal == WRONG_SEQUENCE
    assert isinstance(refusal(("bank", 5), "another module's five"), Declined)
