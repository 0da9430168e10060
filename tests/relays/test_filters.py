"""What a lane does not relay: by port, by sender, by the size of the memo."""

import json

import pytest

from adapters.api import SeenPacket
from proofs.apps import gmp
from proofs.records import replace
from relays.core.filters import PacketFilter, refused
from relays.core.steps import Check, Prove, Submit
from relays.core.types import Leg, State
from tests.relays.lanes import Drive, driven, packet, seen


def call(*, sender: str = "alice", memo: str = "", encoding: str = gmp.ENCODING) -> SeenPacket:
    data = gmp.CallData(sender=sender, receiver="", salt=b"", payload=b"do", memo=memo)
    fields = {"source_port": gmp.PORT, "destination_port": gmp.PORT, "version": gmp.VERSION}
    payload = replace(packet(1).payloads[0], **fields, encoding=encoding, value=gmp.encode(data))
    return replace(seen(1), packet=replace(packet(1), payloads=(payload,)))


ALICE = PacketFilter(senders=frozenset({"alice"}))
SHORT = PacketFilter(max_memo_bytes=4)
UNREADABLE_CALL = (
    "filtered: malformed: call: expected version ics27-2 in application/x-solidity-abi, "
    "got 'ics27-2' in 'application/json'"
)


def transfer(sequence: int = 1, *, sender: str = "alice", memo: str = "", **changes: object) -> SeenPacket:
    value = {"denom": "uatom", "amount": "5", "sender": sender, "receiver": "bob", "memo": memo}
    old = packet(sequence)
    fields = {"source_port": "transfer", "destination_port": "transfer", "version": "ics20-1"}
    fields |= {"encoding": "application/json", "value": json.dumps(value).encode()}
    payload = replace(old.payloads[0], **(fields | changes))
    return replace(seen(sequence), packet=replace(old, payloads=(payload,)))


@pytest.mark.parametrize(
    ("rules", "one", "reason"),
    [
        (PacketFilter(), transfer(sender="mallory", memo="x" * 999), ""),
        (ALICE, transfer(), ""),
        (ALICE, transfer(sender="mallory"), "filtered: sender mallory is not among those relayed"),
        (ALICE, seen(1), "filtered: port a names no sender"),
        (ALICE, call(), ""),
        (ALICE, call(sender="mallory"), "filtered: sender mallory is not among those relayed"),
        (ALICE, call(encoding="application/json"), UNREADABLE_CALL),
        (SHORT, call(encoding="application/json"), UNREADABLE_CALL),
        (SHORT, call(memo="fives"), "filtered: memo: expected at most 4 bytes, got 5"),
        (SHORT, transfer(memo="four"), ""),
        (SHORT, transfer(memo="fünf"), "filtered: memo: expected at most 4 bytes, got 5"),
        (SHORT, seen(1), ""),
        (PacketFilter(max_memo_bytes=0), transfer(), ""),
        (PacketFilter(ports=frozenset({"transfer"})), transfer(), ""),
        (PacketFilter(ports=frozenset({"transfer"})), seen(1), "filtered: port a is not among those relayed"),
    ],
)
def test_what_is_relayed_and_why_not(rules: PacketFilter, one: SeenPacket, reason: str) -> None:
    assert refused(rules, one.packet) == reason


@pytest.mark.parametrize("rules", [ALICE, SHORT])
def test_a_transfer_that_cannot_be_read_is_not_relayed(rules: PacketFilter) -> None:
    doubled = b'{"denom":"u","amount":"1","sender":"alice","sender":"mallory","receiver":"b"}'
    assert refused(rules, transfer(value=doubled).packet).startswith("filtered: ")


def test_a_call_of_another_version_is_not_relayed_where_its_memo_matters() -> None:
    """The receiving application is chosen by the port, whatever version the packet names."""
    payload = replace(call(memo="fives").packet.payloads[0], version="ics20-1", source_port="wasm.x")
    packet_ = replace(packet(1), payloads=(payload,))
    assert refused(SHORT, packet_).startswith("filtered: malformed: call: expected version ics27-2")


def mixed() -> Drive:
    """Return a lane that relays Alice alone, with transfers of Alice (odd) and of Mallory (even)."""
    packets = [transfer(n, sender="alice" if n % 2 else "mallory") for n in range(1, 9)]
    return driven(packets, filter=ALICE)


def test_a_filtered_packet_is_recorded_and_neither_proven_nor_delivered() -> None:
    drive = mixed()
    drive.go(30)
    assert drive.state.ended == {State.ACKNOWLEDGED: 4, State.REJECTED: 4}
    recorded = {m.packet.sequence: m for change in drive.changes for m in change.inserted}
    assert {n for n, message in recorded.items() if message.state is State.REJECTED} == {2, 4, 6, 8}
    assert recorded[2].reason == "filtered: sender mallory is not among those relayed"
    for kind in (Prove, Submit):
        handled = {n for leg in Leg for step in drive.of(kind, leg) for n in step.batch.sequences}
        assert handled == {1, 3, 5, 7}
    assert not any(2 in move.sequences for move in drive.moves())


def test_what_others_deliver_of_the_filtered_is_none_of_our_business() -> None:
    drive = mixed()
    drive.go(30)
    before = len(drive.of(Check, Leg.OUT)) + len(drive.of(Submit, Leg.BACK))
    drive.received.add(2)
    drive.acknowledgements.append(replace(drive.acknowledgements[0], sequence=2, height=drive.height + 1))
    drive.go(30)
    assert len(drive.of(Check, Leg.OUT)) + len(drive.of(Submit, Leg.BACK)) == before
    assert not drive.state.acknowledged


def test_filtered_packets_are_no_gap_in_what_was_read() -> None:
    drive = mixed()
    drive.go(30)
    assert drive.state.last_sequence == 8
    drive.packets.append(replace(transfer(9), height=drive.height + 1))
    drive.go(10)
    assert drive.state.ended[State.ACKNOWLEDGED] == 5
