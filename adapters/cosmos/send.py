"""Ability `send`: tokens through ICS-20 over clients and channels, calls through ICS-27 GMP, by our own keys.

Many requests go into few transactions, many of them on their way at once; the sequence of each packet is the
chain's response to its message. It only asks the modules: what they refuse, it refuses with their reason.

Implements: `MsgTransfer` (timeouts in nanoseconds over a channel, in seconds over a client), `MsgSendCall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError, Message

from adapters.api import Clock, SendMessage, SendTransfer
from adapters.cosmos.channels import is_channel
from adapters.cosmos.codes import Declined
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.ibc.applications.gmp.v1 import tx_pb2 as gmp_tx
from adapters.cosmos.pb.ibc.applications.transfer.v1 import tx_pb2 as transfer_tx
from adapters.cosmos.sender import Fate, Sender
from adapters.cosmos.tx import Intent, Ticket, pack, responses
from adapters.errors import MalformedReply, NotYetAvailable, Refused
from proofs.apps import gmp, ics20
from proofs.types import Sequence as PacketSequence

_NS = 10**9
_PER_TRANSACTION = 50
_INCLUSION_LIMIT_S = 600.0

Request = SendMessage | SendTransfer


@dataclass(slots=True, kw_only=True)
class Applications:
    """Acts for applications on one chain."""

    sender: Sender
    clock: Clock
    transfer_port: str
    poll_s: float

    async def send(self, requests: Sequence[Request]) -> Sequence[PacketSequence]:
        """See `MessageSender.send`."""
        parts = [requests[at : at + _PER_TRANSACTION] for at in range(0, len(requests), _PER_TRANSACTION)]
        intents = [self._intent(part) for part in parts]
        try:
            tickets = await self.sender.send(intents)
        except Declined as declined:
            raise Refused(str(declined)) from declined
        fates = await self._included(tickets)
        sent = [_sequences(part, fate) for part, fate in zip(parts, fates, strict=True)]
        return [sequence for part in sent for sequence in part]

    def _intent(self, part: Sequence[Request]) -> Intent:
        signer = self.sender.pick()
        kinds = sorted({f"{type(each).__name__} {each.lane.source_client}" for each in part})
        return Intent(
            signer=signer,
            messages=tuple([pack(self._message(each, signer)) for each in part]),
            kind=f"send {' '.join(kinds)}",
        )

    def _message(self, request: Request, signer: str) -> Message:
        if isinstance(request, SendMessage):
            return _call(request, signer)
        over_channel = is_channel(request.lane.source_client)
        return transfer_tx.MsgTransfer(
            source_port=self.transfer_port,
            source_channel=request.lane.source_client,
            token=coin_pb2.Coin(denom=request.denom, amount=str(request.amount)),
            sender=signer,
            receiver=request.receiver,
            timeout_timestamp=request.timeout_s * _NS if over_channel else request.timeout_s,
            encoding="" if over_channel else _encoding(request),
        )

    async def _included(self, tickets: Sequence[Ticket]) -> list[Fate]:
        """Wait until each of these is in a block; return their fates, in order.

        Raises `Refused` when one is lost or failed, `NotYetAvailable` after ten minutes.
        """
        deadline_s = self.clock.monotonic_s() + _INCLUSION_LIMIT_S
        while self.clock.monotonic_s() < deadline_s:
            fates = await self.sender.fates(tickets)
            for fate in fates:
                _check(fate)
            if all(fate.transaction is not None for fate in fates):
                return fates
            await self.clock.sleep(self.poll_s)
        raise NotYetAvailable(f"expected {len(tickets)} transactions in blocks within {_INCLUSION_LIMIT_S} s")


def _call(request: SendMessage, signer: str) -> Message:
    if is_channel(request.lane.source_client):
        raise Refused(f"lane {request.lane}: calls need a client of IBC v2, channels carry none")
    return gmp_tx.MsgSendCall(
        source_client=request.lane.source_client,
        sender=signer,
        receiver=request.recipient,
        payload=request.payload,
        timeout_timestamp=request.timeout_s,
        encoding=gmp.ENCODING,
    )


def _encoding(request: SendTransfer) -> str:
    """Return how the packet is to be encoded: as contracts read it, unless another Cosmos chain reads it."""
    return "" if request.lane.destination.startswith("cosmos:") else ics20.ABI


def _check(fate: Fate) -> None:
    if fate.lost:
        raise Refused(f"transaction lost: {fate.lost}")
    found = fate.transaction
    if found is not None and found.tx_result.code:
        result = found.tx_result
        raise Refused(f"{result.codespace} {result.code}: {result.log[:1000]}")


def _sequences(part: Sequence[Request], fate: Fate) -> list[PacketSequence]:
    """Return the sequence that the chain answered to each message. Raises `MalformedReply`."""
    data = fate.transaction.tx_result.data if fate.transaction else None
    answers = responses(data or b"")
    if len(answers) != len(part):
        raise MalformedReply(f"transaction: expected {len(part)} responses, got {len(answers)}")
    try:
        return [_sequence(request, answer.value) for request, answer in zip(part, answers, strict=True)]
    except DecodeError as error:
        raise MalformedReply("transaction: expected responses with sequences") from error


def _sequence(request: Request, response: bytes) -> PacketSequence:
    if isinstance(request, SendMessage):
        return PacketSequence(gmp_tx.MsgSendCallResponse.FromString(response).sequence)
    return PacketSequence(transfer_tx.MsgTransferResponse.FromString(response).sequence)
