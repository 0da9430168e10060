"""The carrying half of the kit's bridge: packets travel between the subject's chain and one of the kit's.

It does what a relay does (read, prove, verify, sign, submit), one step at a time and without a policy, so
that a check can stop anywhere and look. A step that is rejected fails the check.
"""

import asyncio
from collections.abc import Sequence

from adapters.api import (
    DestinationChain,
    GatewayChain,
    Included,
    Lost,
    Pending,
    SendMessage,
    SendTransfer,
    SourceChain,
    SubmissionId,
)
from adapters.testkit.attesting import delivery_of
from adapters.testkit.judge import KIT_DENOM, SUBJECT_KEYS, CheckFailed, Judge, expect
from adapters.testkit.subject import KIT_CHAIN, KIT_KEYS, THRESHOLD
from proofs.types import Acknowledged, Claim, Height, Lane, Packet, Sent

LONG_S = 3 * 3600
"""A timeout that no check lives to see."""

SOON_S = 10
"""A timeout that checks wait for, in real time where no clock can be moved: enough to send and prove."""

_MARGIN_S = 2
_POLLS = 600
_POLL_S = 0.05


class Bench(Judge):
    """The subject, the kit's chain, and packets on their way between them."""

    async def outgoing(self, chain: SourceChain, count: int = 1, *, lives_s: int = LONG_S) -> list[Packet]:
        """Let the subject's chain send packets; return them as the adapter reports them, final."""
        before = (await chain.status()).finalized
        deadline = int(self.subject.resources.clock.now_s()) + lives_s
        await self.subject.produce(count, deadline)
        await self.subject.settle()
        seen = await chain.sent(self.lane, before.height, (await chain.status()).finalized)
        packets = [item.packet for item in seen][-count:]
        expect(len(packets) == count, "packets sent", expected=count, actual=len(packets))
        return packets

    async def incoming(self, count: int = 1, *, lives_s: int = LONG_S) -> list[Packet]:
        """Let the kit's chain send packets to the subject's."""
        await self.kit.connect()
        deadline = int(self.kit_clock.now_s()) + lives_s
        lane = self.lane.reverse()
        first = (await self.kit.status()).head.height + 1
        await self.kit.send([self._request(lane, deadline)] * count)
        seen = await self.kit.sent(lane, Height(first), (await self.kit.status()).finalized)
        return [item.packet for item in seen]

    def _request(self, lane: Lane, deadline_s: int) -> SendMessage | SendTransfer:
        recipient = self.subject.recipient
        if self.subject.takes_tokens:
            return SendTransfer(
                lane=lane, denom=KIT_DENOM, amount=1, receiver=recipient, timeout_s=deadline_s
            )
        return SendMessage(lane=lane, recipient=recipient, payload=b"from the kit", timeout_s=deadline_s)

    async def expire(self, packet: Packet) -> None:
        """Let time pass on the subject's chain until the packet's timeout is over."""
        left_s = packet.timeout_s - int(self.subject.resources.clock.now_s())
        await self.subject.pass_time(max(left_s, 0) + _MARGIN_S)

    def expire_on_kit(self, packet: Packet) -> None:
        """Let time pass on the kit's chain until the packet's timeout is over."""
        left_s = packet.timeout_s - int(self.kit_clock.now_s())
        self.kit_clock.ahead_s += max(left_s, 0) + _MARGIN_S
        self.kit_chain.mine()

    async def carry(self, chain: GatewayChain, lane: Lane, claims: Sequence[Claim]) -> SubmissionId:
        """Prove claims in the newest final block of their chain and submit them to the other."""
        proven_on = lane.source if isinstance(claims[0], Sent) else lane.destination
        source, target, keys = (
            (self.kit, chain, KIT_KEYS) if proven_on == KIT_CHAIN else (chain, self.kit, SUBJECT_KEYS)
        )
        await self.kit.connect()
        at = (await source.status()).finalized
        proven = await self.prove(source, lane, claims, at)
        return await target.submit(delivery_of(lane, proven, keys[:THRESHOLD]))

    async def included(self, chain: DestinationChain, submission: SubmissionId) -> Included:
        """Return the submission's inclusion in a block; fail when it is lost or waits for ever."""
        for _ in range(_POLLS):
            (status,) = await chain.submissions([submission])
            match status:
                case Included():
                    await self.subject.settle()
                    return status
                case Lost(detail=detail):
                    raise CheckFailed(f"submission {submission}: expected a block, got Lost: {detail}")
                case Pending():
                    await self.subject.resources.clock.sleep(_POLL_S)
                    await asyncio.sleep(0)
        raise CheckFailed(f"submission {submission}: expected a block, still pending")

    async def deliver(self, chain: GatewayChain, lane: Lane, claims: Sequence[Claim]) -> Included:
        """Carry claims to the subject's chain and return their inclusion there, final."""
        return await self.included(chain, await self.carry(chain, lane, claims))

    async def answered(self, chain: GatewayChain, packets: Sequence[Packet]) -> list[Claim]:
        """Deliver outgoing packets to the kit's chain and return the claims that it acknowledged them."""
        await self.carry(chain, self.lane, [Sent(packet=packet) for packet in packets])
        head = (await self.kit.status()).finalized
        seen = await self.kit.acknowledged(self.lane, Height(1), head)
        by_sequence = {item.sequence: item.acknowledgements for item in seen}
        return [
            Acknowledged(packet=packet, acknowledgements=by_sequence[packet.sequence]) for packet in packets
        ]
