"""Checks of evidence: `proofs` accepts what the adapter fetches, and nothing that was changed in any way."""

from collections.abc import Iterator, Sequence

from adapters.api import GatewayChain
from adapters.testkit.bench import SOON_S, Bench
from adapters.testkit.judge import CheckFailed, CheckSkipped, expect
from proofs import registry
from proofs.codec import ERROR_ACKNOWLEDGEMENT
from proofs.records import replace
from proofs.types import (
    Acknowledged,
    Assurance,
    BlockRef,
    ChainId,
    Claim,
    Height,
    Lane,
    NotReceived,
    Packet,
    Sent,
    TrustedState,
    UntrustedProof,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.types import (
    Sequence as PacketSequence,
)
from proofs.verdict import Accepted, Rejected
from proofs.verify import verify

_FLIPS = 24
"""Bytes flipped in each piece of evidence, spread over its length."""


async def update_is_accepted(bench: Bench) -> None:
    """The configured light client accepts the update of a final block, and finds that block in it."""
    async with bench.open() as chain:
        at = (await chain.status()).finalized
        trusted = await bench.trusted(chain, at)
        expect(trusted.block == at, "trusted block", expected=at, actual=trusted.block)
        status = await chain.status()
        if status.finalized == at:
            actual = status.finalized_time_s
            expect(trusted.time_s == actual, "time of the block", expected=trusted.time_s, actual=actual)
        named = bench.subject.manifest.light_clients
        family = (await chain.update(at)).light_client
        expect(family in named, "family of the update", expected=named, actual=family)


async def changed_update_is_rejected(bench: Bench) -> None:
    """No update with a changed header, target, vote or set is accepted as another block than it was."""
    subject = bench.subject
    spec = subject.plugin.light_client(subject.chain_id, subject.config)
    async with bench.open() as chain:
        at = (await chain.status()).finalized
        before = await bench.anchored(chain, spec)
        update = await chain.update(at)
        now_s = bench.kit_clock.now_s()
        honest = registry.advance(before, update, spec.params, now_s)
        for what, mutant in _update_mutants(update):
            if mutant == update:
                continue
            verdict = registry.advance(before, mutant, spec.params, now_s)
            same = mutant.target == at and verdict == honest
            expect(
                same or not isinstance(verdict, Accepted),
                f"update with {what}",
                expected="no",
                actual=verdict,
            )


def _update_mutants(update: UntrustedUpdate) -> Iterator[tuple[str, UntrustedUpdate]]:
    for place, header in enumerate(_mutants(update.header)):
        yield f"changed header, {place}", replace(update, header=header)
    for place, next_set in enumerate(_mutants(update.next_set)):
        yield f"changed next set, {place}", replace(update, next_set=next_set)
    target = update.target
    yield "another height", replace(update, target=replace(target, height=Height(target.height + 1)))
    yield "another hash", replace(update, target=replace(target, hash=bytes(32)))
    yield "another chain", replace(update, target=replace(target, chain=ChainId("memory:no-such-chain")))
    yield "no votes", replace(update, votes={})


async def sent_is_proven(bench: Bench) -> None:
    """Packets that were sent are proven `Sent`, in one list, in order."""
    async with bench.open() as chain:
        packets = await bench.outgoing(chain, 3)
        at = (await chain.status()).finalized
        proven = await bench.prove(chain, bench.lane, [Sent(packet=packet) for packet in packets], at)
        actual = [item.claim.packet for item in proven]
        expect(actual == packets, "proven packets", expected=packets, actual=actual)


async def older_block_still_proves(bench: Bench) -> None:
    """A proof is of the state of its block, also after the chain has moved on."""
    async with bench.open() as chain:
        packets = await bench.outgoing(chain)
        at = (await chain.status()).finalized
        later = await bench.outgoing(chain)
        await bench.prove(chain, bench.lane, [Sent(packet=packets[0])], at)
        await _is_rejected(bench, chain, bench.lane, [Sent(packet=later[0])], at, "packet of a later block")


async def false_claims_are_rejected(bench: Bench) -> None:
    """Evidence for a packet never sent, or sent otherwise, comes without an error and is rejected."""
    async with bench.open() as chain:
        (packet,) = await bench.outgoing(chain)
        at = (await chain.status()).finalized
        payload = replace(packet.payloads[0], value=packet.payloads[0].value + b"!")
        lies: dict[str, Packet] = {
            "another payload": replace(packet, payloads=(payload,)),
            "another timeout": replace(packet, timeout_s=packet.timeout_s + 1),
            "a sequence not yet sent": replace(packet, sequence=PacketSequence(packet.sequence + 1000)),
        }
        for what, lie in lies.items():
            await _is_rejected(bench, chain, bench.lane, [Sent(packet=lie)], at, what)
        unborn = replace(
            lies["a sequence not yet sent"],
            source_client=packet.destination_client,
            destination_client=packet.source_client,
        )
        claim = Acknowledged(packet=unborn, acknowledgements=(b"\x01",))
        await _is_rejected(bench, chain, bench.lane.reverse(), [claim], at, "acknowledgement never written")


async def changed_proof_is_rejected(bench: Bench) -> None:
    """A proof with any byte changed, a node missing, or another claim's nodes is rejected."""
    async with bench.open() as chain:
        packets = await bench.outgoing(chain, 2)
        claims = [Sent(packet=packet) for packet in packets]
        at = (await chain.status()).finalized
        trusted = await bench.trusted(chain, at)
        evidence = await chain.prove(bench.lane, claims, at)
        _expect_all_rejected(bench, trusted, bench.lane, claims, evidence)


async def acknowledgement_is_proven(bench: Bench) -> None:
    """A packet received here is proven `Acknowledged` with what was written, and with nothing else."""
    async with bench.open() as chain:
        lane = bench.lane.reverse()
        (packet,) = await bench.incoming()
        start = (await chain.status()).finalized
        await bench.deliver(chain, lane, [Sent(packet=packet)])
        at = (await chain.status()).finalized
        seen = await chain.acknowledged(lane, start.height, at)
        mine = [item for item in seen if item.sequence == packet.sequence]
        expect(len(mine) == 1, "acknowledgements of a packet", expected=1, actual=len(mine))
        claim = Acknowledged(packet=packet, acknowledgements=mine[0].acknowledgements)
        await bench.prove(chain, lane, [claim], at)
        lie = replace(claim, acknowledgements=(ERROR_ACKNOWLEDGEMENT,))
        await _is_rejected(bench, chain, lane, [lie], at, "another acknowledgement")
        received = replace(packet, timeout_s=1)
        await _is_rejected(bench, chain, lane, [NotReceived(packet=received)], at, "absence of a receipt")
        trusted = await bench.trusted(chain, at)
        evidence = await chain.prove(lane, [claim], at)
        _expect_all_rejected(bench, trusted, lane, [claim], evidence)


async def absence_is_proven(bench: Bench) -> None:
    """A packet not received is proven `NotReceived` once its time has passed, and not before."""
    async with bench.open() as chain:
        lane = bench.lane.reverse()
        (late,) = await bench.incoming(lives_s=SOON_S)
        (early,) = await bench.incoming()
        await bench.expire(late)
        at = (await chain.status()).finalized
        claim = NotReceived(packet=late)
        await bench.prove(chain, lane, [claim], at)
        await _is_rejected(bench, chain, lane, [NotReceived(packet=early)], at, "absence before the timeout")
        trusted = await bench.trusted(chain, at)
        evidence = await chain.prove(lane, [claim], at)
        _expect_all_rejected(bench, trusted, lane, [claim], evidence)


async def roots_rest_on_consensus(bench: Bench) -> None:
    """The chain's blocks are judged by its consensus: what endpoints agree on is not enough."""
    subject = bench.subject
    spec = subject.plugin.light_client(subject.chain_id, subject.config)
    if spec.assurance is not Assurance.CONSENSUS:
        raise CheckSkipped(f"the light client {spec.family} claims no more than {spec.assurance.value}")
    async with bench.open() as chain:
        at = (await chain.status()).finalized
        actual = (await bench.trusted(chain, at)).assurance
        expect(
            actual is Assurance.CONSENSUS, "assurance of a final block", expected="consensus", actual=actual
        )


async def _is_rejected(
    bench: Bench, chain: GatewayChain, lane: Lane, claims: Sequence[Claim], at: BlockRef, what: str
) -> None:
    for verdict in await bench.verdicts(chain, lane, claims, at):
        expect(isinstance(verdict, Rejected), f"proof of {what}", expected="Rejected", actual=verdict)


def _expect_all_rejected(
    bench: Bench, trusted: TrustedState, lane: Lane, claims: Sequence[Claim], evidence: UntrustedProofs
) -> None:
    """Change the evidence for the first claim in every way and fail on the first that is accepted."""
    store = bench.store(trusted.block)
    formats = bench.subject.manifest.proof_formats
    expect(evidence.format in formats, "proof format", expected=formats, actual=evidence.format)
    tried = 0
    for what, mutant in _proof_mutants(evidence):
        verdict = verify(lane, trusted, store, claims, mutant)[0]
        expect(isinstance(verdict, Rejected), f"proof with {what}", expected="Rejected", actual=verdict)
        tried += 1
    if not tried:
        raise CheckFailed("proofs: expected evidence to change, got none")


def _proof_mutants(evidence: UntrustedProofs) -> Iterator[tuple[str, UntrustedProofs]]:
    first, *rest = evidence.each
    yield "another format", replace(evidence, format="no-such-format")
    yield "another block", replace(evidence, at=replace(evidence.at, height=Height(evidence.at.height + 1)))
    yield "no evidence", replace(evidence, each=(UntrustedProof(nodes=()), *rest))
    yield "one proof too many", replace(evidence, each=(*evidence.each, first))
    yield "a foreign common node", replace(evidence, common=(*evidence.common, b"\x80"))
    if rest and rest[0] != first:
        yield "another claim's proof", replace(evidence, each=(rest[0], *rest))
    for place, common in enumerate(_changed_lists(evidence.common)):
        yield f"changed common nodes, {place}", replace(evidence, common=common)
    for place, nodes in enumerate(_changed_lists(first.nodes)):
        yield f"changed nodes, {place}", replace(evidence, each=(replace(first, nodes=nodes), *rest))
    for place, preimage in enumerate(_mutants(first.preimage)):
        yield f"changed preimage, {place}", replace(evidence, each=(replace(first, preimage=preimage), *rest))


def _changed_lists(nodes: tuple[bytes, ...]) -> Iterator[tuple[bytes, ...]]:
    for index, node in enumerate(nodes):
        yield nodes[:index] + nodes[index + 1 :]
        for mutant in _mutants(node):
            yield (*nodes[:index], mutant, *nodes[index + 1 :])
    if nodes:
        yield (*nodes, nodes[-1])


def _mutants(data: bytes) -> Iterator[bytes]:
    """Yield the data with one bit flipped at places spread over it, cut short, and made longer."""
    step = max(len(data) // _FLIPS, 1)
    for place in range(0, len(data), step):
        yield data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
    if data:
        yield data[:-1]
        yield data + b"\0"
