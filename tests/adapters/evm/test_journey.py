"""One packet across two real development chains and back, by the adapter's border alone."""

import time

import pytest

from adapters.api import Included, SendMessage
from adapters.testkit.attesting import delivery_of
from proofs.types import Acknowledged, Sent
from tests.support.evm import KEYS, LANE, final_at_least, pair, proven, until_included

pytestmark = pytest.mark.nodes


async def test_a_message_crosses_two_chains_and_its_acknowledgement_comes_back():
    async with pair() as (a, b):
        recipient = b.deployed.sample_app
        request = SendMessage(
            lane=LANE, recipient=recipient, payload=b"hello", timeout_s=int(time.time()) + 3600
        )
        assert await a.chain.send([request, request]) == [1, 2]
        status = await final_at_least(a.chain, (await a.chain.status()).head.height)
        seen = await a.chain.sent(LANE, a.deployed.start_height, status.finalized)
        assert [each.packet.sequence for each in seen] == [1, 2]

        claims = [Sent(packet=each.packet) for each in seen]
        target = (await b.chain.status()).head
        assert list(await b.chain.outstanding(LANE, claims, target)) == [True, True]
        sent = await proven(a, LANE, claims, status.finalized)
        delivery = delivery_of(LANE, sent, KEYS[:2])
        included = await until_included(b.chain, await b.chain.submit(delivery))
        assert isinstance(included, Included)
        assert included.succeeded, included.detail

        status = await final_at_least(b.chain, included.at.height)
        assert list(await b.chain.outstanding(LANE, claims, status.finalized)) == [False, False]
        acks = await b.chain.acknowledged(LANE, b.deployed.start_height, status.finalized)
        assert [(each.sequence, each.acknowledgements) for each in acks] == [(1, (b"\x01",)), (2, (b"\x01",))]

        back = [
            Acknowledged(packet=claim.packet, acknowledgements=ack.acknowledgements)
            for claim, ack in zip(claims, acks, strict=True)
        ]
        acknowledged = await proven(b, LANE, back, status.finalized)
        included = await until_included(
            a.chain, await a.chain.submit(delivery_of(LANE, acknowledged, KEYS[1:]))
        )
        assert isinstance(included, Included)
        assert included.succeeded, included.detail
        assert list(await a.chain.outstanding(LANE, back, (await a.chain.status()).head)) == [False, False]
