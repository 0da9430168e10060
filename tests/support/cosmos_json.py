"""CometBFT's JSON, as third-party vectors hold it, to light blocks: two spellings, hex and base64 mixed.

For tests only: what is missing gets the value that CometBFT gives it, and sets may be put in order first.
"""

import base64
import re
from datetime import datetime
from typing import Any

from proofs.lightclients.tendermint.keys import validator
from proofs.lightclients.tendermint.types import (
    BlockId,
    Commit,
    CommitSig,
    Flag,
    Header,
    KeyType,
    LightBlock,
    Validators,
)
from proofs.lightclients.tendermint.wire import ZERO_TIME_NS

_NS = 10**9
_KEY_TYPES = {"tendermint/PubKeyEd25519": KeyType.ED25519, "tendermint/PubKeySecp256k1": KeyType.SECP256K1}


def time_ns(text: str) -> int:
    """Return unix nanoseconds of an RFC 3339 time with up to nine digits of a second."""
    whole, digits = re.fullmatch(r"([^.Z+]+)(?:\.(\d+))?(?:Z|\+00:00)", text).groups()
    seconds = int(datetime.fromisoformat(whole + "+00:00").timestamp())
    return seconds * _NS + int((digits or "0").ljust(9, "0"))


def block_id(document: Any) -> BlockId:
    """Return how a header or a commit names a block; nothing names none."""
    if document is None:
        return BlockId(hash=b"", parts_total=0, parts_hash=b"")
    parts = document.get("parts") or document.get("part_set_header")
    return BlockId(
        hash=bytes.fromhex(document["hash"]),
        parts_total=int(parts["total"]),
        parts_hash=bytes.fromhex(parts["hash"]),
    )


def header(document: Any) -> Header:
    """Return the header."""
    hashes = (
        *("last_commit_hash", "data_hash", "validators_hash", "next_validators_hash", "consensus_hash"),
        *("app_hash", "last_results_hash", "evidence_hash", "proposer_address"),
    )
    return Header(
        block_version=int(document["version"]["block"]),
        app_version=int(document["version"].get("app", 0)),
        chain_id=document["chain_id"],
        height=int(document["height"]),
        time_ns=time_ns(document["time"]),
        last_block=block_id(document["last_block_id"]),
        **{name: bytes.fromhex(document[name]) for name in hashes},
    )


def commit(document: Any) -> Commit:
    """Return the commit; entries without a vote have no time, whatever the document says."""
    return Commit(
        height=int(document["height"]),
        round=int(document["round"]),
        block=block_id(document["block_id"]),
        signatures=tuple([_entry(entry) for entry in document["signatures"] or []]),
    )


def _entry(document: Any) -> CommitSig:
    flag = Flag(document["block_id_flag"])
    return CommitSig(
        flag=flag,
        address=bytes.fromhex(document["validator_address"]),
        time_ns=ZERO_TIME_NS if flag is Flag.ABSENT else time_ns(document["timestamp"]),
        signature=base64.b64decode(document["signature"] or ""),
    )


def validators(documents: Any, *, is_unordered: bool = False) -> Validators:
    """Return the set, as it stands or in CometBFT's order."""
    found = [
        validator(
            _KEY_TYPES[seat["pub_key"]["type"]],
            base64.b64decode(seat["pub_key"]["value"]),
            int(seat["voting_power"]),
        )
        for seat in documents or []
    ]
    if is_unordered:
        found.sort(key=lambda seat: (-seat.power, seat.address))
    return tuple(found)


def light_block(document: Any, *, is_unordered: bool = False) -> LightBlock:
    """Return a document with `signed_header` and `validator_set`."""
    return LightBlock(
        header=header(document["signed_header"]["header"]),
        commit=commit(document["signed_header"]["commit"]),
        validators=validators(document["validator_set"]["validators"], is_unordered=is_unordered),
    )
