"""Collecting signatures: enough good ones, or a reason for every missing one."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from adapters.secret import Secret
from gateway.attestor.client import PeerClient
from gateway.attestor.finality import Finality
from gateway.attestor.peers import LaneAttestors, Peers
from gateway.attestor.signing import LaneSigners, Signed
from gateway.attestor.wire import PATH, decode_request, encode_answer
from gateway.config.schema import PeerConfig
from gateway.keys.derive import attestor_key
from proofs import attestation
from proofs.types import BlockRef, Height
from proofs.verdict import Accepted
from relays.runtime.clock import SystemClock
from relays.runtime.ports import AttestorsMissing
from tests.gateway.attestor.test_signing import STORES, acknowledged, proven, sent
from tests.gateway.fleet import reserved_ports
from tests.gateway.store.samples import BACK, LANE

NAMES = ("alpha", "beta", "gamma", "delta")


def key(name, lane=LANE):
    return attestor_key(name.encode().ljust(32, b"."), lane, *STORES)


class Log:
    async def remember_height(self, lane, height, time_s, *, asked_by):
        return None


class Chain:
    """A chain that is final far enough."""

    chain_id = LANE.source

    async def status(self):
        from types import SimpleNamespace

        return SimpleNamespace(finalized=BlockRef(chain=self.chain_id, height=Height(100), hash=bytes(32)))


def signing(name):
    """A peer that signs what it is asked for, with its own key."""

    async def answer(request):
        wanted = decode_request(await request.read())
        items = [proven(claim, lane=wanted.lane) for claim in wanted.untrusted_claims]
        signers = LaneSigners({lane: key(name, lane) for lane in (LANE, BACK)}, Log())
        return web.Response(
            body=encode_answer(await signers.sign(items, finalized=Height(100), asked_by="x"))
        )

    return answer


def answering(make):
    async def answer(request):
        return make()

    return answer


async def silent(request):
    await asyncio.sleep(3600)


def with_signatures(state, packets):
    signed = Signed(height=Height(50), time_s=1_000, state_signature=state, packet_signature=packets)
    return answering(lambda: web.Response(body=encode_answer(signed)))


@asynccontextmanager
async def peers(behaviours, *, threshold, timeout_s=60.0):
    """`Peers` of alpha, with one server for each behaviour; None is a peer that is not there."""
    with reserved_ports(len(behaviours)) as ports:
        async with served_at(ports, behaviours, threshold=threshold, timeout_s=timeout_s) as made:
            yield made


@asynccontextmanager
async def served_at(ports, behaviours, *, threshold, timeout_s):
    runners, clients, asked = [], {}, {}
    for port, (name, behaviour) in zip(ports, behaviours.items(), strict=True):
        if behaviour is not None:

            async def counted(request, name=name, behaviour=behaviour):
                asked[name] = asked.get(name, 0) + 1
                assert request.headers["Authorization"] == "Bearer key"
                return await behaviour(request)

            app = web.Application()
            app.add_routes([web.post(PATH, counted)])
            runner = web.AppRunner(app, shutdown_timeout=0.01)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            runners.append(runner)
        config = PeerConfig(
            url=f"http://127.0.0.1:{port}", api_key=Secret("env:PEER_KEY"), timeout_s=timeout_s
        )
        clients[name] = PeerClient(config, SystemClock())
    lanes = {
        lane: LaneAttestors(
            threshold=threshold, addresses={name: key(name, lane).address for name in ("alpha", *behaviours)}
        )
        for lane in (LANE, BACK)
    }
    made = Peers(
        name="alpha",
        lanes=lanes,
        signers=LaneSigners({lane: key("alpha", lane) for lane in (LANE, BACK)}, Log()),
        clients=clients,
        chains={LANE.source: Chain(), LANE.destination: Chain()},
        finality=Finality(),
    )
    made.asked, made.clients = asked, clients
    try:
        yield made
    finally:
        for client in clients.values():
            await client.close()
        for runner in runners:
            await runner.cleanup()


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("PEER_KEY", "key")


@pytest.fixture
def patient(monkeypatch):
    """However slowly a peer answers here, it is not the one that lets wait."""
    monkeypatch.setattr("gateway.attestor.peers._HEDGE_S", 60.0)


def judged(attested, items, *, threshold, lane=LANE, names=NAMES):
    """What the destination's client would say."""
    addresses = [key(name, lane).address for name in names]
    state = attestation.state_digest(attestation.encode_state(attested.height, attested.time_s))
    pairs = attestation.pairs([one.claim for one in items])
    packets = attestation.packets_digest(attestation.encode_packets(attested.height, pairs))
    verdicts = [
        attestation.check(addresses, threshold, state, attested.state_signatures),
        attestation.check(addresses, threshold, packets, attested.packet_signatures),
    ]
    assert all(isinstance(verdict, Accepted) for verdict in verdicts), verdicts
    return {names[addresses.index(one)] for one in verdicts[0].value}


async def missing(made, items):
    with pytest.raises(AttestorsMissing) as caught:
        await made.attest(LANE, items)
    return caught.value


ITEMS = [proven(sent(1)), proven(sent(2))]


@pytest.mark.usefixtures("patient")
async def test_exactly_the_threshold_is_returned_and_the_destination_accepts_it():
    async with peers({name: signing(name) for name in ("beta", "gamma", "delta")}, threshold=3) as made:
        attested = await made.attest(LANE, ITEMS)
        assert len(attested.state_signatures) == len(attested.packet_signatures) == 3
        assert "alpha" in judged(attested, ITEMS, threshold=3)
        assert sum(made.asked.values()) == 2, "no more are asked than are needed"


async def test_acknowledgements_are_signed_with_the_keys_of_the_lane_back():
    items = [proven(acknowledged(1))]
    async with peers({"beta": signing("beta")}, threshold=2) as made:
        attested = await made.attest(LANE, items)
        assert judged(attested, items, threshold=2, lane=BACK) == {"alpha", "beta"}


async def test_one_that_is_down_is_replaced_by_another():
    async with peers({"beta": None, "gamma": signing("gamma")}, threshold=2) as made:
        assert judged(await made.attest(LANE, ITEMS), ITEMS, threshold=2) == {"alpha", "gamma"}
        assert "unreachable" in made.clients["beta"].error


async def test_one_that_lets_wait_is_overtaken():
    async with peers({"beta": silent, "gamma": signing("gamma")}, threshold=2, timeout_s=600) as made:
        async with asyncio.timeout(60):
            assert judged(await made.attest(LANE, ITEMS), ITEMS, threshold=2) == {"alpha", "gamma"}


@pytest.mark.usefixtures("patient")
async def test_the_one_that_failed_last_is_asked_last():
    async with peers(
        {"beta": None, "gamma": signing("gamma"), "delta": signing("delta")}, threshold=2
    ) as made:
        for _ in range(4):
            await made.attest(LANE, ITEMS)
        assert sum(made.asked.values()) == 4


async def test_a_signature_with_another_key_is_ignored_and_its_sender_named():
    async with peers({"beta": signing("gamma")}, threshold=2) as made:
        error = await missing(made, ITEMS)
        assert (error.have, error.need) == (1, 2)
        assert "another key" in error.missing["beta"]
        assert key("gamma").address.hex() in error.missing["beta"]


@pytest.mark.parametrize(
    "signatures", [(bytes(65), bytes(65)), (b"", b""), (b"\xff" * 65, b"\xff" * 65), (b"x" * 3000, b"")]
)
async def test_what_is_no_signature_is_ignored_and_its_sender_named(signatures):
    async with peers({"beta": with_signatures(*signatures), "gamma": signing("gamma")}, threshold=2) as made:
        assert judged(await made.attest(LANE, ITEMS), ITEMS, threshold=2) == {"alpha", "gamma"}
        assert "sent no signature" in made.clients["beta"].error


async def test_a_replayed_signature_over_other_packets_is_ignored():
    other = await LaneSigners({LANE: key("beta")}, Log()).sign(
        [proven(sent(9))], finalized=Height(100), asked_by="x"
    )
    replay = answering(lambda: web.Response(body=encode_answer(other)))
    async with peers({"beta": replay}, threshold=2) as made:
        assert "other data" in (await missing(made, ITEMS)).missing["beta"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: web.Response(body=b"nonsense"), "expected an attestation"),
        (lambda: web.Response(body=b"x" * 10_000_000), "expected an attestation"),
        (lambda: web.Response(status=500, text="oops"), "answered 500"),
        (lambda: web.Response(status=302, headers={"Location": "http://127.0.0.1:1"}), "answered 302"),
        (
            lambda: web.json_response({"code": "not-final", "detail": "final: 3"}, status=503),
            "not-final: final: 3",
        ),
    ],
)
async def test_a_peer_that_declines_or_babbles_is_named_with_the_reason(make, says):
    async with peers({"beta": answering(make)}, threshold=2) as made:
        assert says in (await missing(made, ITEMS)).missing["beta"]


async def test_every_missing_attestor_is_named():
    async with peers({"beta": None, "gamma": None}, threshold=2) as made:
        error = await missing(made, ITEMS)
        assert set(error.missing) == {"beta", "gamma"}
        assert "1 of 2" in str(error)


async def test_a_dead_peer_is_not_asked_again_at_once():
    class Clock(SystemClock):
        ahead_s = 0.0

        def monotonic_s(self):
            return 1_000.0 + Clock.ahead_s

    from gateway.attestor.client import PeerFailed

    with reserved_ports(1) as (port,):
        config = PeerConfig(url=f"http://127.0.0.1:{port}", api_key=Secret("env:PEER_KEY"))
        client = PeerClient(config, Clock())
        for _ in range(3):
            with pytest.raises(PeerFailed, match=r"^unreachable"):
                await client.ask(b"")
        with pytest.raises(PeerFailed, match="asked again in 1 s"):
            await client.ask(b"")
        Clock.ahead_s = 1.1
        with pytest.raises(PeerFailed, match=r"unreachable: [^;]*$"):
            await client.ask(b"")
        with pytest.raises(PeerFailed, match="asked again in 2 s"):
            await client.ask(b"")
        await client.close()


async def test_a_missing_key_for_a_peer_is_said_plainly(monkeypatch):
    monkeypatch.delenv("PEER_KEY")
    async with peers({"beta": signing("beta")}, threshold=2) as made:
        assert "env:PEER_KEY is empty" in (await missing(made, ITEMS)).missing["beta"]


async def test_a_block_that_is_not_final_with_us_any_more_is_waited_for():
    async with peers({"beta": signing("beta")}, threshold=2) as made:
        error = await missing(made, [proven(sent(1), height=101)])
        assert "not-final" in error.missing["alpha"]


async def test_a_lane_of_one_asks_nobody():
    async with peers({"beta": signing("beta")}, threshold=1) as made:
        assert judged(await made.attest(LANE, ITEMS), ITEMS, threshold=1) == {"alpha"}
        assert made.asked == {}
