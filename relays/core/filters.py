"""Which packets a lane does not relay: the operator's wish, not a judgement about evidence.

A filtered packet is recorded and left alone. Others may relay it; nothing depends on that.
"""

from dataclasses import dataclass

from proofs.apps.ics20 import TransferData, decode_transfer
from proofs.types import Packet, Payload
from proofs.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketFilter:
    """What a lane relays. As it is by default, it relays everything."""

    senders: frozenset[str] = frozenset()
    """Only transfers of these senders, as the packet data spells them; empty: of everybody."""
    ports: frozenset[str] = frozenset()
    """Only packets whose payloads all come from these ports of the source; empty: from any."""
    max_memo_bytes: int | None = None
    """Only transfers with a memo of at most this many bytes of UTF-8; None: with any."""


NO_FILTER = PacketFilter()


def refused(rules: PacketFilter, packet: Packet) -> str:
    """Return why the packet is not relayed, empty when it is.

    What cannot be read is not relayed where its sender or memo matters, and neither is a packet without a
    sender where only certain senders are served.
    """
    for payload in packet.payloads:
        if rules.ports and payload.source_port not in rules.ports:
            return f"filtered: port {payload.source_port} is not among those relayed"
        if rules.senders or rules.max_memo_bytes is not None:
            reason = _refused_transfer(rules, payload)
            if reason:
                return f"filtered: {reason}"
    return ""


def _refused_transfer(rules: PacketFilter, payload: Payload) -> str:
    try:
        data = decode_transfer(payload)
    except Refusal as error:
        return str(error)
    if data is None:
        return f"port {payload.source_port} names no sender" if rules.senders else ""
    return _refused_data(rules, data)


def _refused_data(rules: PacketFilter, data: TransferData) -> str:
    if rules.senders and data.sender not in rules.senders:
        return f"sender {data.sender[:80]} is not among those relayed"
    size = len(data.memo.encode())
    if rules.max_memo_bytes is not None and size > rules.max_memo_bytes:
        return f"memo: expected at most {rules.max_memo_bytes} bytes, got {size}"
    return ""
