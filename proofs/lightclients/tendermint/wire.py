"""Light blocks and validator sets as bytes: the messages `LightBlock` and `ValidatorSet` of tendermint.types.

One meaning has one encoding: bytes that would not be written again as they were read are refused, and so is a
submessage left out where CometBFT always writes one. Not bound, because CometBFT itself binds them nowhere:
the proposer of a set, its total power, and priorities; they are skipped. Sizes are checked before anything is
decoded.

Implements: tendermint/types/{types,validator}.proto, tendermint/crypto/keys.proto.
"""

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from proofs import limits, protobuf
from proofs.lightclients.tendermint.keys import validator
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
from proofs.pb.tendermint.crypto import keys_pb2
from proofs.pb.tendermint.types import types_pb2, validator_pb2
from proofs.pb.tendermint.version import types_pb2 as version_pb2
from proofs.verdict import Reason, Refusal

ZERO_TIME_NS = -62_135_596_800 * 10**9
"""The first moment of year 1, which CometBFT writes where there is no time."""

_NS = 10**9
_END_OF_TIME_S = 253_402_300_800
_FLAGS = {
    Flag.ABSENT: validator_pb2.BLOCK_ID_FLAG_ABSENT,
    Flag.COMMIT: validator_pb2.BLOCK_ID_FLAG_COMMIT,
    Flag.NIL: validator_pb2.BLOCK_ID_FLAG_NIL,
}
_FLAG_OF = {value: flag for flag, value in _FLAGS.items()}


def decode_light_block(encoded: bytes) -> LightBlock:
    """Return the light block; raise `Refusal` if these are not its canonical bytes. Nothing is verified."""
    message = protobuf.parse(types_pb2.LightBlock, encoded, "light block", limits.MAX_LIGHT_BLOCK)
    _present("light block", message, "signed_header", "validator_set")
    _present("signed header", message.signed_header, "header", "commit")
    commit = message.signed_header.commit
    limits.check_at_most("commit: signatures", len(commit.signatures), limits.MAX_VALIDATORS)
    validators = _validators(message.validator_set)
    _present("commit", commit, "block_id")
    block = LightBlock(
        header=_header(message.signed_header.header),
        commit=Commit(
            height=commit.height,
            round=commit.round,
            block=_block_id(commit.block_id),
            signatures=tuple([_commit_sig(entry) for entry in commit.signatures]),
        ),
        validators=validators,
    )
    protobuf.check_canonical(message, encoded, "light block")
    return block


def decode_header(encoded: bytes) -> Header:
    """Return the header of a light block; raise `Refusal` if these are not its canonical bytes."""
    message = protobuf.parse(types_pb2.Header, encoded, "header", limits.MAX_HEADER)
    header = _header(message)
    protobuf.check_canonical(message, encoded, "header")
    return header


def decode_validators(encoded: bytes) -> Validators:
    """Return the validator set; raise `Refusal` if these are not its canonical bytes. Nothing is verified."""
    message = protobuf.parse(validator_pb2.ValidatorSet, encoded, "validator set", limits.MAX_LIGHT_BLOCK)
    validators = _validators(message)
    protobuf.check_canonical(message, encoded, "validator set")
    return validators


def encode_light_block(block: LightBlock) -> bytes:
    """Return the bytes that `decode_light_block` takes and that chains take in a client update."""
    commit = types_pb2.Commit(
        height=block.commit.height,
        round=block.commit.round,
        block_id=_block_id_message(block.commit.block),
        signatures=[
            types_pb2.CommitSig(
                block_id_flag=_FLAGS[entry.flag],
                validator_address=entry.address,
                timestamp=_timestamp(entry.time_ns),
                signature=entry.signature,
            )
            for entry in block.commit.signatures
        ],
    )
    message = types_pb2.LightBlock(
        signed_header=types_pb2.SignedHeader(header=_header_message(block.header), commit=commit),
        validator_set=_validators_message(block.validators),
    )
    return message.SerializeToString(deterministic=True)


def encode_validators(validators: Validators) -> bytes:
    """Return the bytes that `decode_validators` takes.

    Chains insist on a proposer and do not say which: it is the first validator. Priorities are zero.
    """
    return _validators_message(validators).SerializeToString(deterministic=True)


def _present(what: str, message: Message, *names: str) -> None:
    for name in names:
        if not message.HasField(name):
            raise Refusal(Reason.MALFORMED, f"{what}: expected {name}, got none")


def _header(message: types_pb2.Header) -> Header:
    _present("header", message, "version", "time", "last_block_id")
    return Header(
        block_version=message.version.block,
        app_version=message.version.app,
        chain_id=message.chain_id,
        height=message.height,
        time_ns=_time_ns(message.time),
        last_block=_block_id(message.last_block_id),
        last_commit_hash=message.last_commit_hash,
        data_hash=message.data_hash,
        validators_hash=message.validators_hash,
        next_validators_hash=message.next_validators_hash,
        consensus_hash=message.consensus_hash,
        app_hash=message.app_hash,
        last_results_hash=message.last_results_hash,
        evidence_hash=message.evidence_hash,
        proposer_address=message.proposer_address,
    )


def _header_message(header: Header) -> types_pb2.Header:
    return types_pb2.Header(
        version=version_pb2.Consensus(block=header.block_version, app=header.app_version),
        chain_id=header.chain_id,
        height=header.height,
        time=_timestamp(header.time_ns),
        last_block_id=_block_id_message(header.last_block),
        last_commit_hash=header.last_commit_hash,
        data_hash=header.data_hash,
        validators_hash=header.validators_hash,
        next_validators_hash=header.next_validators_hash,
        consensus_hash=header.consensus_hash,
        app_hash=header.app_hash,
        last_results_hash=header.last_results_hash,
        evidence_hash=header.evidence_hash,
        proposer_address=header.proposer_address,
    )


def _block_id(message: types_pb2.BlockID) -> BlockId:
    _present("block id", message, "part_set_header")
    return BlockId(
        hash=message.hash,
        parts_total=message.part_set_header.total,
        parts_hash=message.part_set_header.hash,
    )


def _block_id_message(block: BlockId) -> types_pb2.BlockID:
    parts = types_pb2.PartSetHeader(total=block.parts_total, hash=block.parts_hash)
    return types_pb2.BlockID(hash=block.hash, part_set_header=parts)


def _commit_sig(message: types_pb2.CommitSig) -> CommitSig:
    _present("commit signature", message, "timestamp")
    flag = _FLAG_OF.get(message.block_id_flag)
    if flag is None:
        raise Refusal(
            Reason.MALFORMED, f"commit signature: expected flag 1 to 3, got {message.block_id_flag}"
        )
    return CommitSig(
        flag=flag,
        address=message.validator_address,
        time_ns=_time_ns(message.timestamp),
        signature=message.signature,
    )


def _validators(message: validator_pb2.ValidatorSet) -> Validators:
    limits.check_at_most("validators", len(message.validators), limits.MAX_VALIDATORS)
    return tuple([_validator(seat) for seat in message.validators])


def _validator(message: validator_pb2.Validator) -> Validator:
    key = message.pub_key
    match key.WhichOneof("sum"):
        case "ed25519":
            seat = validator(KeyType.ED25519, key.ed25519, message.voting_power)
        case "secp256k1":
            seat = validator(KeyType.SECP256K1, key.secp256k1, message.voting_power)
        case other:
            raise Refusal(
                Reason.BAD_SIGNATURE,
                f"validator key: expected ed25519 or secp256k1, got {other or 'a type unknown here'}: "
                "this chain's votes cannot be checked",
            )
    if message.address != seat.address:
        raise Refusal(
            Reason.MALFORMED,
            f"validator: expected address {seat.address.hex()}, which its key has, "
            f"got {message.address.hex()[:80]}",
        )
    return seat


def _validators_message(validators: Validators) -> validator_pb2.ValidatorSet:
    seats = [
        validator_pb2.Validator(
            address=seat.address,
            pub_key=keys_pb2.PublicKey(**{seat.key_type.value: seat.public_key}),
            voting_power=seat.power,
        )
        for seat in validators
    ]
    return validator_pb2.ValidatorSet(validators=seats, proposer=seats[0] if seats else None)


def _time_ns(message: Timestamp) -> int:
    if not (ZERO_TIME_NS // _NS <= message.seconds < _END_OF_TIME_S and 0 <= message.nanos < _NS):
        raise Refusal(
            Reason.MALFORMED,
            f"time: expected a moment of the years 1 to 9999, got {message.seconds} s {message.nanos} ns",
        )
    return message.seconds * _NS + message.nanos


def _timestamp(time_ns: int) -> Timestamp:
    return Timestamp(seconds=time_ns // _NS, nanos=time_ns % _NS)
