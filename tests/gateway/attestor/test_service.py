"""A gateway asked for signatures: it proves for itself, says why it does not sign, lets no stranger in."""

import asyncio
import io

import aiohttp
import pytest

from adapters.api import ChainStatus, LightClientSpec
from adapters.memory.faults import ForgeProof
from gateway.attestor import service
from gateway.attestor.finality import Finality
from gateway.attestor.wire import CONTENT_TYPE, MAX_REQUEST, PATH, Request, decode_answer, encode_request
from proofs import attestation
from proofs.records import replace
from proofs.types import (
    Acknowledged,
    Assurance,
    BlockRef,
    ChainId,
    CommitmentStore,
    Height,
    NotReceived,
    Sent,
    UntrustedProof,
    UntrustedProofs,
)
from relays.runtime.trust import TrustBook
from tests.gateway.fleet import LANE, A, B, fleet, key_of, lane_key, until
from tests.support.clocks import ManualClock
from tests.support.cosmos_blocks import CHAIN, grow, params_of, seats
from tests.support.packets import packet


@pytest.fixture
async def running(keystores, tmp_path, monkeypatch):
    async with fleet(keystores, tmp_path, monkeypatch) as running:
        await running.start("alpha")
        yield running


@pytest.fixture
async def seen(running):
    """One packet that was sent, and a final block that holds it."""
    (identity,) = await running.send("alpha", 1)
    reader = running.gateways["alpha"].services.reader

    async def observed():
        overview = await reader.overview()
        return overview.lanes[0].open == 1

    await until(observed, "observed")
    stored = await reader._find(identity)
    return stored.message.packet, running.chains[A].at(stored.message.height).ref


async def ask(running, body, *, key=None, content_type=CONTENT_TYPE):
    key = key_of("beta", "alpha") if key is None else key
    headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {key}"} if key else {})
    async with aiohttp.ClientSession() as session:
        url = running.gateways["alpha"].url + PATH
        async with session.post(url, data=body, headers=headers) as answer:
            content = await answer.read()
            if answer.status == 200:
                return decode_answer(content)
            return (answer.status, (await answer.json())["code"])


async def test_what_is_proven_is_signed_with_the_key_of_the_lane(running, seen):
    packet, at = seen
    signed = await ask(running, encode_request(LANE, at, [Sent(packet=packet)]))
    data = attestation.encode_packets(at.height, attestation.pairs([Sent(packet=packet)]))
    signer = attestation.recover(attestation.packets_digest(data), signed.packet_signature)
    assert signer == lane_key("alpha", LANE).address


async def test_what_is_not_so_is_not_signed(running, seen):
    packet, at = seen
    forged = replace(packet, timeout_s=packet.timeout_s + 1)
    unsent = replace(packet, sequence=99)
    for claim in (Sent(packet=forged), Sent(packet=unsent)):
        assert await ask(running, encode_request(LANE, at, [claim])) == (409, "not-proven")
    mixed = [Sent(packet=packet), Sent(packet=forged)]
    assert await ask(running, encode_request(LANE, at, mixed)) == (409, "not-proven")
    there = running.chains[B].at(2).ref
    for claim in (Acknowledged(packet=packet, acknowledgements=(b"no",)), NotReceived(packet=packet)):
        assert await ask(running, encode_request(LANE, there, [claim])) == (409, "not-proven")


async def test_a_block_that_is_not_ours_or_not_final_is_not_signed(running, seen):
    packet, at = seen
    claim = Sent(packet=packet)
    other = BlockRef(chain=A, height=at.height, hash=bytes(32))
    assert await ask(running, encode_request(LANE, other, [claim])) == (409, "other-block")
    future = BlockRef(chain=A, height=Height(at.height + 1_000_000), hash=at.hash)
    assert await ask(running, encode_request(LANE, future, [claim])) == (503, "not-final")


async def test_a_lane_that_is_not_configured_is_not_signed(running, seen):
    packet, at = seen
    lane = replace(LANE, destination=ChainId("memory:c"))
    assert await ask(running, encode_request(lane, at, [Sent(packet=packet)])) == (409, "unknown-lane")


async def test_endpoints_that_forge_proofs_get_nothing_signed(running, seen):
    packet, at = seen
    for endpoint in ("a", "b", "c"):
        running.chains[A].faults[endpoint] = ForgeProof()
    status, _ = await ask(running, encode_request(LANE, at, [Sent(packet=packet)]))
    assert status in (409, 503)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", 401),
        ("nonsense", 401),
        ("person", 403),
        (key_of("beta", "gamma"), 401),
        (key_of("beta", "alpha")[:-1], 401),
    ],
)
async def test_strangers_and_keys_without_the_scope_are_let_in_nowhere(running, seen, key, expected):
    packet, at = seen
    status, _ = await ask(running, encode_request(LANE, at, [Sent(packet=packet)]), key=key)
    assert status == expected


async def test_a_key_that_is_no_text_is_a_stranger_and_no_error(running, seen):
    packet, at = seen
    body = encode_request(LANE, at, [Sent(packet=packet)])
    host, _, port = running.gateways["alpha"].url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Authorization: Bearer \xff\xfe\r\n\r\n" + body)
    assert (await reader.readline()).startswith(b"HTTP/1.1 401")
    writer.close()
    await writer.wait_closed()


async def test_a_proof_that_takes_too_long_makes_room_for_others(running, seen, monkeypatch):
    packet, at = seen
    body = encode_request(LANE, at, [Sent(packet=packet)])

    async def never(*_):
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(service, "_MAX_ANSWER_S", 0.05)
        patched.setattr(service, "prove_and_verify", never)
        answers = await asyncio.gather(*[ask(running, body) for _ in range(service._MAX_AT_ONCE + 1)])
    assert answers == [(503, "too-slow")] * (service._MAX_AT_ONCE + 1)
    assert (await ask(running, body)).height == at.height


async def test_bodies_that_are_no_request_are_refused(running):
    assert await ask(running, b"nonsense") == (400, "malformed")
    assert (await ask(running, b"{}", content_type="application/json"))[0] == 415
    assert (await ask(running, io.BytesIO(bytes(MAX_REQUEST + 1))))[0] == 413


class Steady:
    """A chain of CometBFT that counts for which blocks it gives evidence."""

    chain_id = CHAIN
    store = CommitmentStore(chain=CHAIN, format="ics23", address=b"ibc")

    def __init__(self):
        self.blocks = grow([seats(1, 2, 3, 4)] * 60)
        self.updates = []

    async def status(self):
        head = self.blocks[60]
        return ChainStatus(
            head=head.ref, finalized=head.ref, finalized_time_s=head.time_s, observed_at_s=head.time_s
        )

    async def block(self, height):
        return self.blocks[height].ref

    async def update(self, target):
        self.updates.append(target.height)
        return self.blocks[target.height].update

    async def prove(self, lane, claims, at):
        return UntrustedProofs(
            format="ics23", at=at, common=(), each=(UntrustedProof(nodes=()),) * len(claims)
        )


class Signers:
    def address(self, lane):
        return bytes(20)


@pytest.mark.parametrize(("height", "code"), [(29, "too-old"), (1, "too-old"), (45, "not-proven")])
async def test_a_peer_cannot_make_us_walk_down_a_chain_while_our_own_proofs_wait(height, code):
    chain, trust = Steady(), TrustBook()
    anchor = chain.blocks[30]
    spec = LightClientSpec(
        family="tendermint", params=params_of(anchor), assurance=Assurance.CONSENSUS, anchor=anchor.ref
    )
    clock = ManualClock(chain.blocks[60].time_s + 1.0)
    await trust.advance_to(chain, spec, chain.blocks[50].ref, clock.now_s())
    before = len(chain.updates)
    answering = service.AttestationService(
        sources={CHAIN: service.Source(chain=chain, light_client=spec, trust=trust)},
        signers=Signers(),
        finality=Finality(),
        clock=clock,
    )
    lane = replace(LANE, source=CHAIN)
    wanted = Request(
        lane=lane,
        untrusted_at=chain.blocks[height].ref,
        untrusted_claims=(Sent(packet=packet(1, lane=lane)),),
    )
    with pytest.raises(service.Declined) as declined:
        await answering.answer(wanted, asked_by="mallory")
    assert declined.value.code == code
    assert len(chain.updates) - before == (0 if code == "too-old" else 1)
