"""The trust book: what is believed of one chain, in any order, and what a contradiction does to it."""

import asyncio

import coincurve
import pytest

from adapters.api import LightClientSpec
from proofs.lightclients.quorum import QuorumParams
from proofs.memory_tree import MemoryHeader, encode_header, header_hash
from proofs.signatures import address_of, sign
from proofs.types import Assurance, BlockRef, ChainId, Height, UntrustedUpdate
from proofs.verdict import Accepted, NotEnoughTrust, Reason, Rejected
from relays.runtime.evidence import contradiction_of
from relays.runtime.trust import TrustBook

CHAIN = ChainId("memory:red")
KEYS = [bytes([number]) * 32 for number in (1, 2, 3)]
ADDRESSES = tuple([address_of(coincurve.PrivateKey(key).public_key) for key in KEYS])
NOW_S = 2_000.0
SPEC = LightClientSpec(
    family="quorum",
    params=QuorumParams(chain=CHAIN, signers=ADDRESSES, threshold=2),
    assurance=Assurance.CONSENSUS,
)


class SignedChain:
    """Serves headers that `signers` validators signed."""

    def __init__(self) -> None:
        self.asked = 0
        self.signers = 3
        self.headers: dict[BlockRef, bytes] = {}

    def add(self, height: int, root: bytes = b"r" * 32) -> BlockRef:
        header = encode_header(
            MemoryHeader(
                chain=CHAIN, height=Height(height), time_s=1_000 + height, parent_hash=bytes(32), root=root
            )
        )
        block = BlockRef(chain=CHAIN, height=Height(height), hash=header_hash(header))
        self.headers[block] = header
        return block

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        self.asked += 1
        await asyncio.sleep(0)
        votes = {
            address.hex(): sign(key, target.hash)
            for key, address in list(zip(KEYS, ADDRESSES, strict=True))[: self.signers]
        }
        return UntrustedUpdate(light_client="quorum", target=target, header=self.headers[target], votes=votes)


async def test_an_accepted_block_is_trusted_and_not_asked_for_again() -> None:
    chain, book = SignedChain(), TrustBook()
    block = chain.add(10)
    verdict = await book.advance_to(chain, SPEC, block, NOW_S)
    assert isinstance(verdict, Accepted)
    assert book.at(block) == verdict.value
    await book.advance_to(chain, SPEC, block, NOW_S)
    assert chain.asked == 1


async def test_many_who_want_one_block_ask_for_it_once() -> None:
    chain, book = SignedChain(), TrustBook()
    block = chain.add(10)
    await asyncio.gather(*[book.advance_to(chain, SPEC, block, NOW_S) for _ in range(10)])
    assert chain.asked == 1


@pytest.mark.parametrize("order", [(10, 20, 15), (20, 10, 15), (15, 10, 20)])
async def test_blocks_are_trusted_in_any_order_of_heights(order: tuple[int, ...]) -> None:
    chain, book = SignedChain(), TrustBook()
    for height in order:
        assert isinstance(await book.advance_to(chain, SPEC, chain.add(height), NOW_S), Accepted)


async def test_too_few_signers_are_not_enough_and_nothing_is_remembered() -> None:
    chain, book = SignedChain(), TrustBook()
    chain.signers = 1
    block = chain.add(10)
    assert await book.advance_to(chain, SPEC, block, NOW_S) == NotEnoughTrust(have=1, need=2)
    assert book.at(block) is None


async def test_two_signed_blocks_of_one_height_contradict_and_the_evidence_is_kept() -> None:
    chain, book = SignedChain(), TrustBook()
    one, other = chain.add(10), chain.add(10, root=b"x" * 32)
    await book.advance_to(chain, SPEC, one, NOW_S)
    verdict = await book.advance_to(chain, SPEC, other, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.CONTRADICTION
    assert book.contradiction is not None
    assert book.contradiction.trusted == book._states[10]
    assert book.contradiction.untrusted_update is not None
    assert book.contradiction.untrusted_update.target == other


async def test_after_a_contradiction_nothing_new_is_trusted_until_a_person_forgives() -> None:
    chain, book = SignedChain(), TrustBook()
    one, other, later = chain.add(10), chain.add(10, root=b"x" * 32), chain.add(11)
    await book.advance_to(chain, SPEC, one, NOW_S)
    await book.advance_to(chain, SPEC, other, NOW_S)
    verdict = await book.advance_to(chain, SPEC, later, NOW_S)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is Reason.CONTRADICTION
    book.forgive()
    assert isinstance(await book.advance_to(chain, SPEC, later, NOW_S), Accepted)


async def test_a_rival_block_without_signatures_is_a_lie_and_not_a_violation() -> None:
    chain, book = SignedChain(), TrustBook()
    one, other = chain.add(10), chain.add(10, root=b"x" * 32)
    await book.advance_to(chain, SPEC, one, NOW_S)
    chain.signers = 0
    assert await contradiction_of(chain, SPEC, book, one, other, NOW_S) == ""
    assert book.contradiction is None


async def test_a_rival_block_with_signatures_is_a_violation_even_when_the_old_one_is_forgotten() -> None:
    chain, book = SignedChain(), TrustBook()
    one, other = chain.add(10), chain.add(10, root=b"x" * 32)
    detail = await contradiction_of(chain, SPEC, book, one, other, NOW_S)
    assert detail == f"finalized block 10: expected {one.hash.hex()}, got {other.hash.hex()}"


async def test_the_book_keeps_a_bounded_number_of_states() -> None:
    chain, book = SignedChain(), TrustBook()
    for height in range(1, 600, 2):
        await book.advance_to(chain, SPEC, chain.add(height, root=bytes(32)), NOW_S)
    assert len(book._states) == 256
