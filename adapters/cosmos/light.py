"""Light blocks of one Cosmos chain, fetched from one endpoint: headers, commits, and whole validator sets.

Not a light client: here a hash counts only as far as the header's own bytes give it, and a validator set only
as far as the header names its hash. An endpoint that contradicts itself is caught here, before anything is
handed on; whether a block was signed by whom we trust, `proofs.lightclients.tendermint` judges.

Implements: CometBFT light blocks (types/light.go) from `/commit` and `/validators`.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from adapters.cosmos.endpoints import Hostile, Lie
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import (
    BlockIdJson,
    CommitJson,
    CommitResultJson,
    CommitSigJson,
    HeaderJson,
    ValidatorJson,
    read,
)
from adapters.errors import MalformedReply, Reorged
from proofs.lightclients.tendermint.hashing import header_hash, validators_hash
from proofs.lightclients.tendermint.keys import address_of
from proofs.lightclients.tendermint.types import (
    BlockId,
    Commit,
    CommitSig,
    Flag,
    Header,
    KeyType,
    LightBlock,
    Validator,
    Validators,
)
from proofs.lightclients.tendermint.wire import encode_light_block, encode_validators
from proofs.types import BlockRef, ChainId, Height, UntrustedUpdate

FAMILY = "tendermint"
"""Name of the light client in `proofs.registry`."""

_KEY_TYPES = {
    ("tendermint/PubKeyEd25519", 32): KeyType.ED25519,
    ("tendermint/PubKeySecp256k1", 33): KeyType.SECP256K1,
}
"""(name of the type, size of a key) -> type."""

_FLAGS = {int(flag): flag for flag in Flag}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block whose header gives its hash, with the votes that the endpoint has for it."""

    ref: BlockRef
    header: Header
    commit: Commit

    @property
    def time_s(self) -> int:
        """Return the block's timestamp, unix seconds, floored."""
        return self.header.time_ns // 10**9


async def read_blocks(
    client: CometClient, chain: ChainId, native_id: str, heights: Sequence[int]
) -> list[Block]:
    """Return the blocks at these heights, in order, their hashes recomputed.

    Raises `Hostile` for a header that contradicts its commit or is of another chain, `NotYetAvailable`,
    `Pruned`.
    """
    found = await client.commits(heights)
    return [
        _block(client, chain, native_id, height, each.signed_header.header, each.signed_header.commit)
        for height, each in zip(heights, found, strict=True)
    ]


async def read_latest(client: CometClient, chain: ChainId, native_id: str) -> Block:
    """Return the newest block of the endpoint, its hash recomputed. Raises what `read_blocks` raises.

    What was wanted `ahead` of the next one is asked with it, and kept.
    """
    questions = client.ahead.questions()
    reply, *others = await client.batch([("commit", {}), *[each.call() for each in questions]])
    client.ahead.keep(questions, others)
    found = read(reply, CommitResultJson, f"endpoint {client.name}: commit").signed_header
    return _block(client, chain, native_id, found.header.height, found.header, found.commit)


async def light_update(
    client: CometClient,
    target: BlockRef,
    native_id: str,
    *,
    known: Block | None = None,
    sets: MutableMapping[bytes, Validators] | None = None,
) -> UntrustedUpdate:
    """Return evidence for this block: the light block, and the validators of the block after it.

    `known` spares reading the block. `sets` are validator sets by hash: those in it are not read, and what is
    read is entered.

    Raises `Reorged` when the endpoint has another block at this height, `Hostile` for sets that the header
    does not name, `NotYetAvailable`, `Pruned`.
    """
    block = known or (await read_blocks(client, target.chain, native_id, [target.height]))[0]
    if block.ref != target:
        wanted = f"expected block {target.hash.hex()} at {target.height}"
        raise Reorged(f"endpoint {client.name}: {wanted}, it has {block.ref.hash.hex()}")
    validators, next_validators = await _sets(client, block, {} if sets is None else sets)
    light_block = LightBlock(header=block.header, commit=block.commit, validators=validators)
    return UntrustedUpdate(
        light_client=FAMILY,
        target=target,
        header=encode_light_block(light_block),
        next_set=encode_validators(next_validators),
    )


async def _sets(
    client: CometClient, block: Block, sets: MutableMapping[bytes, Validators]
) -> tuple[Validators, Validators]:
    """Return the validators of this block and of the next one, as the header names them."""
    height = block.ref.height
    names = {height: block.header.validators_hash, height + 1: block.header.next_validators_hash}
    missing = [each for each, name in names.items() if name not in sets]
    found = await client.validators(missing) if missing else []
    for each, members in zip(missing, found, strict=True):
        sets[names[each]] = _named(client, block, members, names[each])
    return sets[names[height]], sets[names[height + 1]]


def _block(
    client: CometClient,
    chain: ChainId,
    native_id: str,
    height: int,
    header_json: HeaderJson,
    commit_json: CommitJson,
) -> Block:
    header, commit = _header(header_json), _commit(commit_json)
    if header.height != height:
        raise MalformedReply(f"endpoint {client.name}: expected block {height}, got {header.height}")
    if header.chain_id != native_id:
        served = header.chain_id[:80]
        raise Hostile(
            Lie.WRONG_CHAIN,
            f"endpoint {client.name}: expected chain {native_id!r}, got a block of {served!r}",
        )
    actual = header_hash(header)
    if commit.block.hash != actual:
        claimed = commit.block.hash.hex()
        raise Hostile(
            Lie.FORGED_HEADER,
            f"endpoint {client.name}: block {height}: expected hash {claimed}, header gives {actual.hex()}",
        )
    ref = BlockRef(chain=chain, height=Height(int(height)), hash=actual)
    return Block(ref=ref, header=header, commit=commit)


def _named(
    client: CometClient, block: Block, members: Sequence[ValidatorJson], expected: bytes
) -> Validators:
    """Return the set, if it is the one that the header names."""
    validators = tuple([_validator(each) for each in members])
    actual = validators_hash(validators)
    if actual != expected:
        wanted = f"expected the set {expected.hex()}, which the header names"
        raise Hostile(
            Lie.FORGED_HEADER,
            f"endpoint {client.name}: block {block.ref.height}: {wanted}, got {actual.hex()}",
        )
    return validators


def _validator(each: ValidatorJson) -> Validator:
    key = each.pub_key.value
    key_type = _KEY_TYPES.get((each.pub_key.type, len(key)))
    if key_type is None:
        got = f"{len(key)} bytes of type {each.pub_key.type[:80]!r}"
        raise MalformedReply(f"validator key: expected one of {list(_KEY_TYPES)}, got {got}")
    address = address_of(key_type, key)
    return Validator(key_type=key_type, public_key=key, power=each.voting_power, address=address)


def _header(found: HeaderJson) -> Header:
    return Header(
        block_version=found.version.block,
        app_version=found.version.app,
        chain_id=found.chain_id,
        height=found.height,
        time_ns=found.time,
        last_block=_block_id(found.last_block_id),
        last_commit_hash=found.last_commit_hash,
        data_hash=found.data_hash,
        validators_hash=found.validators_hash,
        next_validators_hash=found.next_validators_hash,
        consensus_hash=found.consensus_hash,
        app_hash=found.app_hash,
        last_results_hash=found.last_results_hash,
        evidence_hash=found.evidence_hash,
        proposer_address=found.proposer_address,
    )


def _commit(found: CommitJson) -> Commit:
    return Commit(
        height=found.height,
        round=found.round,
        block=_block_id(found.block_id),
        signatures=tuple([_commit_sig(each) for each in found.signatures]),
    )


def _commit_sig(found: CommitSigJson) -> CommitSig:
    flag = _FLAGS.get(found.block_id_flag)
    if flag is None:
        raise MalformedReply(f"commit: expected flag 1 to 3, got {found.block_id_flag}")
    return CommitSig(
        flag=flag,
        address=found.validator_address,
        time_ns=found.timestamp,
        signature=found.signature or b"",
    )


def _block_id(found: BlockIdJson) -> BlockId:
    return BlockId(hash=found.hash, parts_total=found.parts.total, parts_hash=found.parts.hash)
