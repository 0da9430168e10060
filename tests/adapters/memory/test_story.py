"""The whole story on two memory chains: messages, tokens, errors, timeouts, refunds; each once."""

import time

import pytest

from adapters.api import SendMessage, SendTransfer
from adapters.errors import Refused
from adapters.memory.apps import TRANSFER_RESULT
from adapters.memory.audit import Tally, locked, supply, tally
from adapters.memory.transactions import Mint
from adapters.testkit.attesting import Key, delivery_of
from proofs.codec import ERROR_ACKNOWLEDGEMENT
from proofs.records import replace
from proofs.types import Acknowledged, Claim, ClientId, Lane, NotReceived, Packet, Sent
from tests.support.memory import ATTESTORS, LANE, RECIPIENT, A, B, Bridge, run

BACK = LANE.reverse()
VOUCHER = "transfer/on-b/umem"


@pytest.fixture
async def bridge() -> Bridge:
    return await Bridge().connect()


def counts(bridge: Bridge, lane: Lane = LANE) -> Tally:
    return tally(bridge.chains[lane.source], bridge.chains[lane.destination], lane)


async def answers(bridge: Bridge, lane: Lane, packets: list[Packet]) -> list[Claim]:
    seen = await bridge.adapters[lane.destination].acknowledged(lane, 1, await bridge.final(lane.destination))
    written = {item.sequence: item.acknowledgements for item in seen}
    return [Acknowledged(packet=packet, acknowledgements=written[packet.sequence]) for packet in packets]


async def transfer(
    bridge: Bridge, lane: Lane, denom: str, amount: int, receiver: str = RECIPIENT, lives_s: int = 3600
):
    request = SendTransfer(
        lane=lane, denom=denom, amount=amount, receiver=receiver, timeout_s=int(bridge.clock.time_s) + lives_s
    )
    (sequence,) = await bridge.adapters[lane.source].send([request])
    seen = await bridge.adapters[lane.source].sent(lane, 1, await bridge.final(lane.source))
    return next(item.packet for item in seen if item.packet.sequence == sequence)


def account(chain: str) -> str:
    return f"0x{Key(f'relayer {chain}').address.hex()}"


async def test_a_thousand_messages_each_way_are_each_delivered_and_acknowledged_once_in_seconds(
    bridge,
) -> None:
    started_s = time.monotonic()
    for lane in (LANE, BACK):
        packets = await bridge.message(1000, lane=lane)
        for first in range(0, 1000, 200):
            await bridge.carry(lane, [Sent(packet=packet) for packet in packets[first : first + 200]])
        claims = await answers(bridge, lane, packets)
        for first in range(0, 1000, 200):
            await bridge.carry(lane, claims[first : first + 200])
        whole = Tally(sent=1000, delivered=1000, acknowledged=1000, refunded=0, duplicated=0, contradicted=0)
        assert counts(bridge, lane) == whole
        final = await bridge.final(lane.source)
        assert not any(await bridge.adapters[lane.source].outstanding(lane, claims, final))
    assert time.monotonic() - started_s < 20


async def test_delivering_the_same_packets_again_changes_nothing(bridge) -> None:
    packets = await bridge.message(3)
    claims: list[Claim] = [Sent(packet=packet) for packet in packets]
    await bridge.carry(LANE, claims)
    await bridge.carry(LANE, claims)
    await bridge.carry(LANE, claims[1:])
    assert counts(bridge) == Tally(
        sent=3, delivered=3, acknowledged=0, refunded=0, duplicated=0, contradicted=0
    )


async def test_tokens_cross_and_come_home_and_their_sum_never_changes(bridge) -> None:
    run(bridge.chains[A], Mint(account=account(A), denom="umem", amount=1000))
    out = await transfer(bridge, LANE, "umem", 300, receiver=account(B))
    assert (supply(bridge.chains[A], "umem"), locked(bridge.chains[A], LANE.source_client, "umem")) == (
        700,
        300,
    )
    await bridge.carry(LANE, [Sent(packet=out)])
    assert supply(bridge.chains[B], VOUCHER) == 300
    (claim,) = await answers(bridge, LANE, [out])
    assert claim.acknowledgements == (TRANSFER_RESULT,)
    await bridge.carry(LANE, [claim])

    home = await transfer(bridge, BACK, VOUCHER, 120, receiver=account(A))
    await bridge.carry(BACK, [Sent(packet=home)])
    await bridge.carry(BACK, await answers(bridge, BACK, [home]))
    assert supply(bridge.chains[B], VOUCHER) == 180
    assert locked(bridge.chains[A], LANE.source_client, "umem") == 180
    assert supply(bridge.chains[A], "umem") == 820
    assert counts(bridge).acknowledged == counts(bridge, BACK).acknowledged == 1


async def test_a_transfer_that_the_receiving_chain_refuses_is_refunded(bridge) -> None:
    run(bridge.chains[A], Mint(account=account(A), denom="umem", amount=1000))
    packet = await transfer(bridge, LANE, "umem", 300, receiver="not an account")
    await bridge.carry(LANE, [Sent(packet=packet)])
    (claim,) = await answers(bridge, LANE, [packet])
    assert claim.acknowledgements == (ERROR_ACKNOWLEDGEMENT,)
    assert supply(bridge.chains[B], VOUCHER) == 0
    await bridge.carry(LANE, [claim])
    assert (supply(bridge.chains[A], "umem"), locked(bridge.chains[A], LANE.source_client, "umem")) == (
        1000,
        0,
    )
    assert counts(bridge) == Tally(
        sent=1, delivered=0, acknowledged=0, refunded=1, duplicated=0, contradicted=0
    )


async def test_a_transfer_past_its_timeout_is_refunded_and_never_delivered(bridge) -> None:
    run(bridge.chains[A], Mint(account=account(A), denom="umem", amount=1000))
    packet = await transfer(bridge, LANE, "umem", 300, lives_s=60)
    late = await bridge.delivery(LANE, [Sent(packet=packet)], await bridge.final(A))
    bridge.clock.time_s += 60
    bridge.chains[B].mine()
    await bridge.adapters[B].submit(late)
    await bridge.carry(LANE, [NotReceived(packet=packet)])
    assert (supply(bridge.chains[A], "umem"), supply(bridge.chains[B], VOUCHER)) == (1000, 0)
    await bridge.adapters[B].submit(late)
    assert counts(bridge) == Tally(
        sent=1, delivered=0, acknowledged=0, refunded=1, duplicated=0, contradicted=0
    )


async def test_a_timeout_proven_at_a_time_before_it_is_refused(bridge) -> None:
    (packet,) = await bridge.message(timeout_s=60)
    bridge.clock.time_s += 60
    bridge.chains[B].mine()
    proven = await bridge.prove(LANE, [NotReceived(packet=packet)], await bridge.final(B))
    early = replace_time(delivery_of(LANE, proven, ATTESTORS[:2]), packet.timeout_s - 1)
    with pytest.raises(Refused, match="times out at"):
        await bridge.adapters[A].submit(early)


def replace_time(delivery, time_s: int):
    from proofs import attestation

    digest = attestation.state_digest(attestation.encode_state(delivery.evidence.height, time_s))
    signatures = tuple([key.sign(digest) for key in ATTESTORS[:2]])
    return replace(delivery, evidence=replace(delivery.evidence, time_s=time_s, state_signatures=signatures))


async def test_two_times_for_one_height_freeze_the_client_for_good(bridge) -> None:
    packets = await bridge.message(2)
    at = await bridge.final(A)
    await bridge.adapters[B].submit(await bridge.delivery(LANE, [Sent(packet=packets[0])], at))
    good = await bridge.delivery(LANE, [Sent(packet=packets[1])], at)
    await bridge.adapters[B].submit(replace_time(good, good.evidence.time_s + 1))
    view = await bridge.adapters[B].client(LANE.destination_client, await bridge.final(B))
    assert view.frozen
    with pytest.raises(Refused, match="frozen"):
        await bridge.adapters[B].submit(good)
    assert counts(bridge).delivered == 1


async def test_a_proof_from_a_sister_deployment_with_the_same_client_names_is_refused(bridge) -> None:
    packets = await bridge.message(1)
    proven = await bridge.prove(LANE, [Sent(packet=packets[0])], await bridge.final(A))
    sisters = tuple([Key(f"sister attestor {index}") for index in range(2)])
    with pytest.raises(Refused, match="expected one of the set"):
        await bridge.adapters[B].submit(delivery_of(LANE, proven, sisters))


async def test_an_attested_packet_that_was_not_sent_this_way_cannot_be_settled(bridge) -> None:
    (packet,) = await bridge.message(1)
    await bridge.carry(LANE, [Sent(packet=packet)])
    (claim,) = await answers(bridge, LANE, [packet])
    delivery = await bridge.delivery(LANE, [claim], await bridge.final(B))
    lie = replace(packet, timeout_s=packet.timeout_s + 1)
    forged = object.__new__(type(delivery.proven[0]))
    for name in ("lane", "at", "time_s", "assurance"):
        object.__setattr__(forged, name, getattr(delivery.proven[0], name))
    object.__setattr__(forged, "claim", replace(claim, packet=lie))
    with pytest.raises(Refused, match="not the one that was sent"):
        await bridge.adapters[A].submit(replace(delivery, proven=(forged,)))
    assert counts(bridge).acknowledged == 0


async def test_sends_over_unknown_clients_and_with_bad_timeouts_are_refused_whole(bridge) -> None:
    soon = int(bridge.clock.time_s) + 60
    good = SendMessage(lane=LANE, recipient=RECIPIENT, payload=b"x", timeout_s=soon)
    stranger = replace(LANE, source_client=ClientId("nobody"))
    bad = {
        "no client": replace(good, lane=stranger),
        "timeout": replace(good, timeout_s=int(bridge.clock.time_s) + 2 * 24 * 3600),
        "payload bytes": replace(good, payload=bytes(300_000)),
        "expected an account": replace(good, recipient="0xzz"),
        "amount": SendTransfer(lane=LANE, denom="umem", amount=0, receiver=RECIPIENT, timeout_s=soon),
        "wanted": SendTransfer(lane=LANE, denom="umem", amount=7, receiver=RECIPIENT, timeout_s=soon),
    }
    for reason, request in bad.items():
        with pytest.raises(Refused, match=reason):
            await bridge.adapters[A].send([good, request])
    assert counts(bridge).sent == 0


async def test_a_message_to_an_application_that_fails_leaves_no_trace_but_its_error(bridge) -> None:
    request = SendMessage(
        lane=LANE, recipient="0x" + "00" * 20, payload=b"x", timeout_s=int(bridge.clock.time_s) + 60
    )
    await bridge.adapters[A].send([request])
    (seen,) = await bridge.adapters[A].sent(LANE, 1, await bridge.final(A))
    await bridge.carry(LANE, [Sent(packet=seen.packet)])
    (claim,) = await answers(bridge, LANE, [seen.packet])
    assert claim.acknowledgements == (ERROR_ACKNOWLEDGEMENT,)
    await bridge.carry(LANE, [claim])
    assert counts(bridge) == Tally(
        sent=1, delivered=0, acknowledged=0, refunded=1, duplicated=0, contradicted=0
    )


async def test_an_adapter_without_a_signer_reads_and_submits_nothing(bridge) -> None:
    watcher = bridge.adapter(B)
    watcher._signer = None
    await watcher.connect()
    delivery = await bridge.delivery(LANE, [Sent(packet=(await bridge.message())[0])], await bridge.final(A))
    with pytest.raises(Refused, match="no signer"):
        await watcher.submit(delivery)
