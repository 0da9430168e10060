"""The memory chain as a chain: deterministic, on time, forkable; transactions are named by their content."""

import pytest

from adapters.api import SendMessage
from adapters.memory.apps import Revert
from adapters.memory.transactions import Mint, SendPackets
from adapters.memory.world import ChainSpec, MemoryChain, forget, open_chain, validator_addresses
from proofs.memory_tree import decode_header, header_hash
from proofs.signatures import recover
from proofs.types import ChainId
from tests.support.clocks import START_S, ManualClock
from tests.support.memory import LANE, RECIPIENT, A, Bridge

SPEC = ChainSpec(router=b"\x01" * 20, validators=4, block_time_s=2.0, finality_depth=2)


def chain(**changes: object) -> MemoryChain:
    spec = ChainSpec(
        **{"router": b"\x01" * 20, "validators": 4, "block_time_s": 2.0, "finality_depth": 2} | changes
    )
    return MemoryChain(ChainId("memory:w"), spec, ManualClock())


def mint(amount: int = 1) -> Mint:
    return Mint(account="0x" + "01" * 20, denom="umem", amount=amount)


def test_two_chains_with_the_same_history_are_the_same_chain() -> None:
    heads = []
    for _ in range(2):
        made = chain()
        made.submit(mint())
        made.clock.time_s += 5
        made.tick()
        made.reorg(1)
        heads.append(made.head.ref)
    assert heads[0] == heads[1]


def test_blocks_come_on_schedule_and_carry_the_time_of_their_slot() -> None:
    made = chain()
    made.clock.time_s += 7
    made.tick()
    assert [block.time_s - int(START_S) for block in made.blocks] == [0, 2, 4, 6]
    made.tick()
    assert len(made.blocks) == 4


def test_a_chain_without_block_time_makes_one_block_for_each_transaction_and_none_without() -> None:
    made = chain(block_time_s=0.0)
    made.clock.time_s += 100
    made.tick()
    assert len(made.blocks) == 1
    made.submit(mint())
    assert (len(made.blocks), made.head.time_s) == (2, int(START_S) + 100)


def test_headers_link_hash_and_are_signed_by_the_configured_validators() -> None:
    made = chain()
    made.mine(3)
    for parent, block in zip(made.blocks, made.blocks[1:], strict=False):
        header = decode_header(block.header)
        assert header.parent_hash == parent.ref.hash == header_hash(parent.header)
        assert header.root == made.state.tree(block.ref.height).root
    votes = made.votes(made.head)
    assert {f"0x{name}" for name in votes} == set(validator_addresses(made.chain_id, 4))
    assert all(recover(made.head.ref.hash, vote).hex() == name for name, vote in votes.items())


def test_a_transaction_handed_in_twice_is_one_transaction() -> None:
    made = chain()
    ids = {made.submit(mint()), made.submit(mint())}
    made.mine()
    ids.add(made.submit(mint()))
    made.mine()
    assert len(ids) == 1
    assert made.state.get(("balance", "umem", "0x" + "01" * 20)) == 1


def test_a_reorg_replaces_blocks_undoes_their_state_and_includes_their_transactions_again() -> None:
    made = chain()
    made.mine()
    tx_id = made.submit(mint(5))
    old = made.mine()
    made.reorg(1)
    new = made.at(old.ref.height)
    assert new is not None
    assert new.ref != old.ref
    assert made.head.ref.height == old.ref.height + 1
    assert made.find(tx_id) == new
    assert made.state.get(("balance", "umem", "0x" + "01" * 20)) == 5


def test_a_reorg_can_drop_the_transactions_of_the_blocks_that_left() -> None:
    made = chain()
    tx_id = made.submit(mint(5))
    made.mine()
    made.reorg(1, keep_transactions=False)
    assert made.find(tx_id) is None
    assert tx_id not in made.mempool
    assert made.state.get(("balance", "umem", "0x" + "01" * 20)) is None


def test_a_second_reorg_at_the_same_place_gives_a_third_branch() -> None:
    made = chain()
    seen = {made.mine().ref}
    for _ in range(3):
        made.reorg(len(made.blocks) - 1)
        seen.add(made.at(2).ref)
    assert len(seen) == 4


@pytest.mark.parametrize("depth", [0, -1, 4])
def test_a_reorg_never_takes_the_genesis_block(depth: int) -> None:
    made = chain()
    made.mine(3)
    with pytest.raises(ValueError, match="expected 1 to 3"):
        made.reorg(depth)


def test_state_is_read_as_of_any_block_and_its_trees_are_rebuilt() -> None:
    made = chain(block_time_s=0.0)
    roots = []
    for amount in range(1, 100):
        made.state.commit(made.head.ref.height + 1, {b"leaf": bytes([amount])})
        made.mine()
        roots.append((made.head.ref.height, decode_header(made.head.header).root, amount))
    for height, root, amount in roots:
        assert made.state.get(b"leaf", height) == bytes([amount])
        assert made.state.tree(height).root == root


def test_worlds_keep_chains_apart_and_refuse_another_spec() -> None:
    clock = ManualClock()
    try:
        first = open_chain("one", A, SPEC, clock)
        assert open_chain("one", A, SPEC, clock) is first
        assert open_chain("two", A, SPEC, clock) is not first
        other = ChainSpec(router=SPEC.router, validators=5, block_time_s=2.0, finality_depth=2)
        with pytest.raises(ValueError, match="validators=5"):
            open_chain("one", A, other, clock)
        forget("one")
        assert open_chain("one", A, other, clock) is not first
    finally:
        forget("one")
        forget("two")


def test_a_leap_of_the_clock_makes_a_bounded_number_of_blocks() -> None:
    made = chain()
    made.clock.time_s += 10**9
    made.tick()
    assert len(made.blocks) == 20_001
    assert made.head.time_s == int(START_S) + 10**9


async def test_a_transaction_that_would_fail_now_is_refused_and_one_that_fails_later_is_recorded() -> None:
    bridge = await Bridge(changes={"block_time_s": 1.0}).connect()
    bridge.clock.time_s += 5
    made = bridge.chains[A]
    made.tick()

    def send(timeout_s: int, salt: int) -> SendPackets:
        request = SendMessage(lane=LANE, recipient=RECIPIENT, payload=b"", timeout_s=timeout_s)
        return SendPackets(sender=bytes(20), requests=(request,), salt=salt)

    with pytest.raises(Revert, match="timeout: expected"):
        made.submit(send(int(bridge.clock.time_s), 1))
    tx_id = made.submit(send(int(bridge.clock.time_s) + 2, 2))
    bridge.clock.time_s += 10
    block = made.mine()
    assert not block.receipts[tx_id].succeeded
    assert "timeout: expected" in block.receipts[tx_id].detail
