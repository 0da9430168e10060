"""The gate before the key: what is signed, and everything that is not."""

import pytest

from gateway.attestor.signing import LaneSigners, SigningRefused, client_in_path, signing_lane
from gateway.keys.derive import attestor_key
from gateway.store.errors import TimestampConflictError
from gateway.store.store import SqliteStore
from proofs import attestation
from proofs.codec import packet_commitment
from proofs.hashing import keccak256
from proofs.records import replace
from proofs.types import (
    Acknowledged,
    Assurance,
    BlockRef,
    ChainId,
    ClientId,
    Height,
    NotReceived,
    Proven,
    Sent,
)
from tests.gateway.store.samples import BACK, LANE, message

SEED = bytes(range(32))
STORES = (b"\x11" * 20, b"\x22" * 20)
FINAL = Height(100)


def proven(claim, *, lane=LANE, height=50, time_s=1_000, chain=None):
    """A `Proven` made with the real seal: these tests are about what happens after proving."""
    from proofs import types

    side = signing_lane(lane, claim).source if chain is None else chain
    return Proven(
        lane=lane,
        claim=claim,
        at=BlockRef(chain=side, height=Height(height), hash=bytes(32)),
        time_s=time_s,
        assurance=Assurance.CONSENSUS,
        seal=types._SEAL,
    )


def packet(sequence=1, lane=LANE):
    return message(sequence, lane=lane).packet


def sent(sequence=1):
    return Sent(packet=packet(sequence))


def acknowledged(sequence=1):
    return Acknowledged(packet=packet(sequence), acknowledgements=(b"ok",))


def missed(sequence=1):
    return NotReceived(packet=packet(sequence))


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore(tmp_path / "isthmus.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def signers(store):
    return LaneSigners({lane: attestor_key(SEED, lane, *STORES) for lane in (LANE, BACK)}, store)


async def refused(signers, items, code, *, finalized=FINAL):
    with pytest.raises(SigningRefused) as caught:
        await signers.sign(items, finalized=finalized, asked_by="beta")
    assert caught.value.code == code


@pytest.mark.parametrize(("claim", "lane"), [(sent, LANE), (acknowledged, BACK), (missed, BACK)])
async def test_each_kind_is_signed_with_the_key_of_the_lane_that_begins_where_it_was_proven(
    signers, claim, lane
):
    claims = [claim(1), claim(2)]
    signed = await signers.sign([proven(one) for one in claims], finalized=FINAL, asked_by="self")
    state = attestation.state_digest(attestation.encode_state(Height(50), 1_000))
    packets = attestation.packets_digest(attestation.encode_packets(Height(50), attestation.pairs(claims)))
    expected = attestor_key(SEED, lane, *STORES).address
    assert attestation.recover(state, signed.state_signature) == expected
    assert attestation.recover(packets, signed.packet_signature) == expected
    assert signers.address(lane) == expected


def test_the_path_carries_the_client_of_the_proven_chain():
    assert client_in_path(sent()) == LANE.source_client == signing_lane(LANE, sent()).source_client
    assert client_in_path(missed()) == LANE.destination_client == signing_lane(LANE, missed()).source_client
    path = LANE.source_client.encode() + b"\x01" + (1).to_bytes(8, "big")
    assert attestation.pairs([sent()]) == ((keccak256(path), packet_commitment(packet())),)


async def test_a_path_of_another_client_is_refused(signers):
    foreign = Sent(packet=replace(packet(), source_client=ClientId("attestations-9")))
    await refused(signers, [proven(foreign)], "foreign-path")
    late = NotReceived(packet=replace(packet(), destination_client=ClientId("attestations-9")))
    await refused(signers, [proven(late)], "foreign-path")
    await refused(signers, [proven(sent(1)), proven(foreign)], "foreign-path")


async def test_a_block_of_the_other_chain_is_refused(signers):
    await refused(signers, [proven(sent(), chain=LANE.destination)], "foreign-chain")
    await refused(signers, [proven(acknowledged(), chain=LANE.source)], "foreign-chain")


async def test_a_lane_that_is_not_ours_is_refused(signers):
    other = replace(LANE, destination=ChainId("eip155:1"))
    await refused(signers, [proven(sent(), lane=other)], "unknown-lane")
    with pytest.raises(SigningRefused):
        signers.address(other)


@pytest.mark.parametrize(("height", "time_s"), [(0, 1), (-1, 1), (101, 1), (50, 0), (50, -5)])
async def test_heights_that_are_not_final_and_times_that_are_none_are_refused(signers, height, time_s):
    await refused(signers, [proven(sent(), height=height, time_s=time_s)], "not-final")


async def test_a_mixed_list_is_refused(signers):
    first = proven(sent(1))
    for other in (
        proven(sent(2), height=51),
        proven(sent(2), time_s=1_001),
        proven(acknowledged(2), chain=LANE.source),
        replace(first, lane=BACK, seal=__import__("proofs.types", fromlist=["_SEAL"])._SEAL),
    ):
        await refused(signers, [first, other], "mixed")


async def test_nothing_too_much_and_the_unproven_are_refused(signers):
    await refused(signers, [], "size")
    await refused(signers, [proven(sent())] * 1025, "size")
    await refused(signers, [sent()], "unproven")


async def test_a_second_timestamp_for_a_height_is_never_signed_even_after_a_restart(signers, store, tmp_path):
    await signers.sign([proven(sent())], finalized=FINAL, asked_by="self")
    await signers.sign([proven(sent(2))], finalized=FINAL, asked_by="self")
    with pytest.raises(TimestampConflictError):
        await signers.sign([proven(sent(), time_s=1_001)], finalized=FINAL, asked_by="beta")
    await store.close()
    again = SqliteStore(tmp_path / "isthmus.db")
    await again.open()
    restarted = LaneSigners({LANE: attestor_key(SEED, LANE, *STORES)}, again)
    with pytest.raises(TimestampConflictError):
        await restarted.sign([proven(sent(), time_s=999)], finalized=FINAL, asked_by="beta")
    await again.close()


async def test_nothing_is_signed_when_the_height_could_not_be_written_down(store):
    class Recording:
        address = bytes(20)
        signed = 0

        def sign(self, digest):
            Recording.signed += 1
            return bytes(65)

    await store.close()
    from gateway.store.errors import StoreError

    with pytest.raises(StoreError):
        await LaneSigners({LANE: Recording()}, store).sign([proven(sent())], finalized=FINAL, asked_by="self")
    assert Recording.signed == 0
