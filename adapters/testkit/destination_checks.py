"""Checks of what an adapter does to its chain: proven claims take effect once, and nothing else has one."""

import asyncio
from collections.abc import Sequence
from functools import partial

from adapters.api import (
    GatewayChain,
    HeadWatcher,
    Lost,
    MessageSender,
    SendMessage,
    SubmissionId,
)
from adapters.errors import Refused
from adapters.testkit.attesting import Key, delivery_of
from adapters.testkit.bench import LONG_S, SOON_S, Bench
from adapters.testkit.judge import CheckSkipped, expect
from adapters.testkit.source_checks import cancel_after, fails_with
from adapters.testkit.subject import ATTESTORS, KIT_CLIENT, KIT_KEYS, THRESHOLD
from proofs.records import replace
from proofs.types import Claim, ClientId, Height, NotReceived, Packet, Proven, Sent
from proofs.verdict import Rejected

_HEAD_WAIT_S = 15
_LIST = 60
"""Packets of a long list."""
_CANCELLED = 5
"""Submissions that are cancelled, each a few steps later than the one before."""


async def client_is_shown(bench: Bench) -> None:
    """The light client is shown as it was set up: attestors, threshold, counterparty, not frozen."""
    async with bench.open() as chain:
        at = (await chain.status()).finalized
        view = await chain.client(bench.subject.client, at)
        expect(view.kind == "attestations", "kind", expected="attestations", actual=view.kind)
        expect(view.attestors == ATTESTORS, "attestors", expected=ATTESTORS, actual=view.attestors)
        expect(view.threshold == THRESHOLD, "threshold", expected=THRESHOLD, actual=view.threshold)
        expect(view.counterparty == KIT_CLIENT, "counterparty", expected=KIT_CLIENT, actual=view.counterparty)
        expect(not view.frozen, "frozen", expected=False, actual=view.frozen)


async def unknown_client_is_refused(bench: Bench) -> None:
    """A client that the chain does not host is `Refused`."""
    async with bench.open() as chain:
        at = (await chain.status()).finalized
        await fails_with(Refused, "client of no name", chain.client(ClientId("no-such-client-0"), at))


async def delivery_takes_effect(bench: Bench) -> None:
    """Packets are outstanding before their delivery and not after it; each is acknowledged once."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        packets = await bench.incoming(3)
        claims = _sent(packets)
        start = (await chain.status()).finalized
        await _outstanding(bench, chain, claims, expected=True)
        included = await bench.deliver(chain, lane, claims)
        expect(included.succeeded, "delivery", expected="success", actual=included.detail)
        expect(
            await chain.block(included.at.height) == included.at,
            "block",
            expected=included.at,
            actual="other",
        )
        await _outstanding(bench, chain, claims, expected=False)
        before = await chain.outstanding(lane, claims, start)
        expect(all(before), "outstanding in the older block", expected="all", actual=before)
        await _acknowledged_once(bench, chain, packets, start.height)


async def same_delivery_twice_is_one(bench: Bench) -> None:
    """Submitting one delivery again, at once and later, by this adapter and by a new one, has one effect."""
    async with bench.open() as chain:
        packets = await bench.incoming(2)
        start = (await chain.status()).finalized
        proven = await bench.prove(
            bench.kit, bench.lane.reverse(), _sent(packets), (await bench.kit.status()).finalized
        )
        delivery = delivery_of(bench.lane.reverse(), proven, KIT_KEYS[:THRESHOLD])
        ids = [await chain.submit(delivery), await chain.submit(delivery)]
        for submission in ids:
            await bench.included(chain, submission)
    async with bench.open() as chain:
        await bench.included(chain, await chain.submit(delivery))
        await _acknowledged_once(bench, chain, packets, start.height)


async def list_is_one_transaction(bench: Bench) -> None:
    """A long list of packets is one submission, and every packet of it takes effect."""
    async with bench.open() as chain:
        packets = await bench.incoming(min(_LIST, bench.subject.plugin.max_attested))
        start = (await chain.status()).finalized
        included = await bench.deliver(chain, bench.lane.reverse(), _sent(packets))
        expect(included.succeeded, "delivery of a list", expected="success", actual=included.detail)
        await _outstanding(bench, chain, _sent(packets), expected=False)
        await _acknowledged_once(bench, chain, packets, start.height)


async def concurrent_deliveries_all_take_effect(bench: Bench) -> None:
    """Several deliveries submitted at the same time by one adapter all get into blocks."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        packets = await bench.incoming(4)
        start = (await chain.status()).finalized
        carried = [bench.carry(chain, lane, _sent([packet])) for packet in packets]
        for submission in await asyncio.gather(*carried):
            included = await bench.included(chain, submission)
            expect(included.succeeded, "concurrent delivery", expected="success", actual=included.detail)
        await _outstanding(bench, chain, _sent(packets), expected=False)
        await _acknowledged_once(bench, chain, packets, start.height)


async def cancelled_submission_can_be_repeated(bench: Bench) -> None:
    """A submission that is cancelled at any step can be made again, and has one effect."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        packets = await bench.incoming(_CANCELLED)
        start = (await chain.status()).finalized
        for steps, packet in enumerate(packets):
            at = (await bench.kit.status()).finalized
            proven = await bench.prove(bench.kit, lane, _sent([packet]), at)
            delivery = delivery_of(lane, proven, KIT_KEYS[:THRESHOLD])
            await cancel_after(steps * 3, partial(chain.submit, delivery))
            included = await bench.included(chain, await chain.submit(delivery))
            expect(included.succeeded, "repeated delivery", expected="success", actual=included.detail)
        await _outstanding(bench, chain, _sent(packets), expected=False)
        await _acknowledged_once(bench, chain, packets, start.height)


async def acknowledged_is_complete(bench: Bench) -> None:
    """Acknowledgements of a span are those of its parts together, each with the packet's one answer."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        first, second = await bench.incoming(2), await bench.incoming(1)
        start = (await chain.status()).finalized
        await bench.deliver(chain, lane, _sent(first))
        middle = (await chain.status()).finalized
        await bench.deliver(chain, lane, _sent(second))
        last = (await chain.status()).finalized
        whole = list(await chain.acknowledged(lane, Height(start.height + 1), last))
        early = await chain.acknowledged(lane, Height(start.height + 1), middle)
        late = await chain.acknowledged(lane, Height(middle.height + 1), last)
        expect([*early, *late] == whole, "two halves", expected=whole, actual=[*early, *late])
        actual = [item.sequence for item in whole]
        wanted = [packet.sequence for packet in first + second]
        expect(sorted(actual) == wanted, "packets acknowledged", expected=wanted, actual=actual)
        answers = [len(item.acknowledgements) for item in whole]
        expect(set(answers) == {1}, "answers to one payload", expected=1, actual=answers)


async def overlap_has_the_rest_of_its_effect(bench: Bench) -> None:
    """A delivery of which a part was delivered before, by another relay, does what is left of it."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        packets = await bench.incoming(3)
        start = (await chain.status()).finalized
        await bench.deliver(chain, lane, _sent(packets[:2]))
        included = await bench.deliver(chain, lane, _sent(packets))
        expect(included.succeeded, "overlapping delivery", expected="success", actual=included.detail)
        await _outstanding(bench, chain, _sent(packets), expected=False)
        await _acknowledged_once(bench, chain, packets, start.height)


async def bad_attestation_is_refused(bench: Bench) -> None:
    """Too few, repeated or strange signatures, or those for another list, are `Refused`, without effect."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        packets = await bench.incoming(2)
        at = (await bench.kit.status()).finalized
        proven = await bench.prove(bench.kit, lane, _sent(packets), at)
        good = delivery_of(lane, proven, KIT_KEYS[:THRESHOLD])
        other = delivery_of(lane, proven[:1], KIT_KEYS[:THRESHOLD])
        stranger = Key("isthmus conformance kit, stranger")
        bad = {
            "too few signatures": delivery_of(lane, proven, KIT_KEYS[: THRESHOLD - 1]),
            "a repeated signature": delivery_of(lane, proven, (KIT_KEYS[0], KIT_KEYS[0])),
            "a stranger's signature": delivery_of(lane, proven, (KIT_KEYS[0], stranger)),
            "signatures for another list": replace(good, evidence=other.evidence),
        }
        for what, delivery in bad.items():
            await fails_with(Refused, f"delivery with {what}", chain.submit(replace(delivery, key=what)))
        await bench.subject.settle()
        await _outstanding(bench, chain, _sent(packets), expected=True)


async def expired_packet_is_not_received(bench: Bench) -> None:
    """A packet delivered after its timeout is not received: its absence stays provable."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        (packet,) = await bench.incoming(lives_s=SOON_S)
        at = (await bench.kit.status()).finalized
        proven = await bench.prove(bench.kit, lane, _sent([packet]), at)
        await bench.expire(packet)
        await _submit_without_effect(bench, chain, proven)
        await _outstanding(bench, chain, _sent([packet]), expected=True)
        final = (await chain.status()).finalized
        await bench.prove(chain, lane, [NotReceived(packet=packet)], final)


async def acknowledgement_settles_once(bench: Bench) -> None:
    """A proven acknowledgement clears the commitment; a second one does nothing."""
    async with bench.open() as chain:
        packets = await bench.outgoing(chain, 2)
        claims = await bench.answered(chain, packets)
        await _outstanding(bench, chain, claims, expected=True)
        included = await bench.deliver(chain, bench.lane, claims)
        expect(included.succeeded, "acknowledgements", expected="success", actual=included.detail)
        await _outstanding(bench, chain, claims, expected=False)
        again = await bench.deliver(chain, bench.lane, claims[:1])
        expect(
            again.succeeded, "second acknowledgement", expected="success, without effect", actual=again.detail
        )
        final = (await chain.status()).finalized
        claim = Sent(packet=packets[0])
        (verdict,) = await bench.verdicts(chain, bench.lane, [claim], final)
        expect(isinstance(verdict, Rejected), "commitment after", expected="gone", actual=verdict)


async def timeout_settles_once(bench: Bench) -> None:
    """A proven timeout clears the commitment, and a packet timed out cannot be acknowledged."""
    async with bench.open() as chain:
        (packet,) = await bench.outgoing(chain, lives_s=SOON_S)
        claims: list[Claim] = [NotReceived(packet=packet)]
        await _outstanding(bench, chain, claims, expected=True)
        bench.expire_on_kit(packet)
        included = await bench.deliver(chain, bench.lane, claims)
        expect(included.succeeded, "timeout", expected="success", actual=included.detail)
        await _outstanding(bench, chain, claims, expected=False)


async def unknown_submission_is_lost(bench: Bench) -> None:
    """A submission that the chain never saw is `Lost`; known ones keep their place in the list."""
    lane = bench.lane.reverse()
    async with bench.open() as chain:
        known = await bench.carry(chain, lane, _sent(await bench.incoming()))
        included = await bench.included(chain, known)
        unknown = SubmissionId(("0x" if known.startswith("0x") else "") + "77" * 32)
        statuses = await chain.submissions([unknown, known])
        expect(isinstance(statuses[0], Lost), "unknown submission", expected="Lost", actual=statuses[0])
        expect(statuses[1] == included, "known submission", expected=included, actual=statuses[1])


async def heads_wake(bench: Bench) -> None:
    """A watcher of heads wakes when the chain grows, and ends when it is told to."""
    async with bench.open() as chain:
        if not isinstance(chain, HeadWatcher):
            raise CheckSkipped("the adapter does not watch heads")
        heads = chain.heads()
        waking = asyncio.ensure_future(anext(heads))
        await asyncio.sleep(0)
        await bench.outgoing(chain)
        await asyncio.wait({waking}, timeout=_HEAD_WAIT_S)
        expect(waking.done(), "watcher after a new head", expected="awake", actual="asleep")
        await waking
        await heads.aclose()  # type: ignore[attr-defined]


async def send_returns_the_sequences(bench: Bench) -> None:
    """`send` returns, in order, the sequences under which the packets are then listed."""
    async with bench.open() as chain:
        if not isinstance(chain, MessageSender):
            raise CheckSkipped("the adapter does not send")
        start = (await chain.status()).head
        deadline = int(bench.subject.resources.clock.now_s()) + LONG_S
        payloads = [b"first", b"second", b"third"]
        requests = [
            SendMessage(lane=bench.lane, recipient="0x" + "66" * 20, payload=payload, timeout_s=deadline)
            for payload in payloads
        ]
        sequences = list(await chain.send(requests))
        await bench.subject.settle()
        last = (await chain.status()).finalized
        seen = await chain.sent(bench.lane, Height(start.height + 1), last)
        listed = {item.packet.sequence: item.packet.payloads[0].value for item in seen}
        values = [listed.get(sequence, b"") for sequence in sequences]
        right = [payload in value for value, payload in zip(values, payloads, strict=True)]
        expect(all(right), "values under the returned sequences", expected=payloads, actual=values)


def _sent(packets: Sequence[Packet]) -> list[Claim]:
    return [Sent(packet=packet) for packet in packets]


async def _outstanding(bench: Bench, chain: GatewayChain, claims: Sequence[Claim], *, expected: bool) -> None:
    lane = bench.lane.reverse() if isinstance(claims[0], Sent) else bench.lane
    at = (await chain.status()).finalized
    flags = list(await chain.outstanding(lane, claims, at))
    expect(flags == [expected] * len(claims), "outstanding", expected=expected, actual=flags)


async def _acknowledged_once(
    bench: Bench, chain: GatewayChain, packets: Sequence[Packet], first: Height
) -> None:
    at = (await chain.status()).finalized
    seen = await chain.acknowledged(bench.lane.reverse(), first, at)
    wanted = {packet.sequence for packet in packets}
    sequences = [item.sequence for item in seen if item.sequence in wanted]
    expect(sorted(sequences) == sorted(wanted), "acknowledged", expected=sorted(wanted), actual=sequences)
    heights = [item.height for item in seen]
    expect(heights == sorted(heights), "heights of acknowledgements", expected="rising", actual=heights)


async def _submit_without_effect(bench: Bench, chain: GatewayChain, proven: Sequence[Proven[Claim]]) -> None:
    """Submit; whether the chain refuses or includes it is its own choice."""
    try:
        submission = await chain.submit(delivery_of(bench.lane.reverse(), proven, KIT_KEYS[:THRESHOLD]))
    except Refused:
        return
    await bench.included(chain, submission)
