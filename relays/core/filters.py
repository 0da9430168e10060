"""Which packets a lane does not relay: the operator's wish, not a judgement about evidence.

A filtered packet is recorded and left alone. Others may relay it; nothing depends on that.
"""

from dataclasses import dataclass

from proofs.apps import gmp
from proofs.apps.ics20 import decode_transfer
from proofs.types import Packet, Payload
from proofs.verdict import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketFilter:
    """What a lane relays. As it is by default, it relays everything."""

    senders: frozenset[str] = frozenset()
    """Only transfers and calls of these senders, as the packet data spells them; empty: of everybody."""
    ports: frozenset[str] = frozenset()
    """Only packets whose payloads all come from these ports of the source; empty: from any."""
    max_memo_bytes: int | None = None
    """Only transfers and calls with a memo of at most this many bytes of UTF-8; None: with any."""


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
            reason = _refused_data(rules, payload)
            if reason:
                return f"filtered: {reason}"
    return ""


def _refused_data(rules: PacketFilter, payload: Payload) -> str:
    try:
        said = _sender_and_memo(payload)
    except Refusal as error:
        return str(error)
    if said is None:
        return f"port {payload.source_port} names no sender" if rules.senders else ""
    sender, memo = said
    if rules.senders and sender not in rules.senders:
        return f"sender {sender[:80]} is not among those relayed"
    size = len(memo.encode())
    if rules.max_memo_bytes is not None and size > rules.max_memo_bytes:
        return f"memo: expected at most {rules.max_memo_bytes} bytes, got {size}"
    return ""


def _sender_and_memo(payload: Payload) -> tuple[str, str] | None:
    """Return both of a transfer (ICS-20) or a call (ICS-27), None for another packet. Raises `Refusal`."""
    data = gmp.decode_call(payload) or decode_transfer(payload)
    return None if data is None else (data.sender, data.memo)
