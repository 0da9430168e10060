"""The JSON of CometBFT nodes as types: status, commits, validators, results, transactions, queries.

Everything here is untrusted. Decoding is strict about shape and says nothing about truth; wrong shapes
become `MalformedReply`. Fields that we do not read are ignored. Numbers that the node writes as text, hashes
in hexadecimal and times are types of their own, so that no other text passes for one.

Implements: the JSON encoding of CometBFT 0.38 and 0.39 RPC (rpc/core/types, libs/json).
"""

import re
from calendar import monthrange, timegm
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from adapters.errors import MalformedReply
from adapters.jsonrpc import Call, ErrorObject, Reply

T = TypeVar("T")

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_TIME = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-([0-3]\d)T([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII
)


class Number(int):
    """A whole number below 2^63 either way, as decimal text."""


class Hex(bytes):
    """Bytes in hexadecimal; elsewhere CometBFT writes bytes in base64."""


class TimeNs(int):
    """A time such as `2026-11-23T18:21:47.023602593Z`, as unix nanoseconds."""


class AbilitiesJson(msgspec.Struct, frozen=True):
    """What the node can do."""

    tx_index: str = ""
    """`on`: it finds transactions."""


class NodeJson(msgspec.Struct, frozen=True):
    """Who answers."""

    network: str
    """The chain's own name."""
    other: AbilitiesJson = AbilitiesJson()


class SyncJson(msgspec.Struct, frozen=True):
    """What the node has."""

    latest_block_hash: Hex
    latest_block_height: Number
    latest_block_time: TimeNs
    earliest_block_height: Number
    catching_up: bool


class StatusJson(msgspec.Struct, frozen=True):
    """The answer of `/status`."""

    node_info: NodeJson
    sync_info: SyncJson


class PartsJson(msgspec.Struct, frozen=True):
    """How a block was cut into parts."""

    total: Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
    hash: Hex


class BlockIdJson(msgspec.Struct, frozen=True):
    """A block as votes name it."""

    hash: Hex
    parts: PartsJson


class VersionJson(msgspec.Struct, frozen=True):
    """Of the block protocol and of the application."""

    block: Number
    app: Number = Number(0)


class HeaderJson(msgspec.Struct, frozen=True):
    """A header: every field that its hash covers."""

    version: VersionJson
    chain_id: str
    height: Number
    time: TimeNs
    last_block_id: BlockIdJson
    last_commit_hash: Hex
    data_hash: Hex
    validators_hash: Hex
    next_validators_hash: Hex
    consensus_hash: Hex
    app_hash: Hex
    last_results_hash: Hex
    evidence_hash: Hex
    proposer_address: Hex


class CommitSigJson(msgspec.Struct, frozen=True, gc=False):
    """One validator's vote in a commit, or its absence."""

    block_id_flag: int
    validator_address: Hex
    timestamp: TimeNs
    signature: bytes | None


class CommitJson(msgspec.Struct, frozen=True):
    """The votes for a block."""

    height: Number
    round: Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
    block_id: BlockIdJson
    signatures: list[CommitSigJson]


class SignedHeaderJson(msgspec.Struct, frozen=True):
    """A header and the votes for it."""

    header: HeaderJson
    commit: CommitJson


class CommitResultJson(msgspec.Struct, frozen=True):
    """The answer of `/commit`."""

    signed_header: SignedHeaderJson


class PublicKeyJson(msgspec.Struct, frozen=True, gc=False):
    """A validator's key, with its type by name."""

    type: str
    value: bytes


class ValidatorJson(msgspec.Struct, frozen=True, gc=False):
    """One member of a validator set."""

    address: Hex
    pub_key: PublicKeyJson
    voting_power: Number


class ValidatorsJson(msgspec.Struct, frozen=True):
    """One page of a validator set."""

    block_height: Number
    validators: list[ValidatorJson] | None
    count: Number
    total: Number


class AttributeJson(msgspec.Struct, frozen=True, gc=False):
    """One attribute of an event."""

    key: str
    value: str | None = ""


class EventJson(msgspec.Struct, frozen=True, gc=False):
    """What the application says that happened. Nothing in a block commits to it."""

    type: str
    attributes: list[AttributeJson] | None = None


class TxResultJson(msgspec.Struct, frozen=True, gc=False):
    """What became of one transaction of a block."""

    code: int
    gas_wanted: Number
    gas_used: Number
    data: bytes | None = None
    log: str = ""
    codespace: str = ""
    events: list[EventJson] | None = None


class BlockResultsJson(msgspec.Struct, frozen=True):
    """The answer of `/block_results`."""

    height: Number
    txs_results: list[TxResultJson] | None
    finalize_block_events: list[EventJson] | None
    app_hash: bytes | None = None
    """State after this block: what header `height` + 1 commits to."""


class BlockDataJson(msgspec.Struct, frozen=True):
    """Transactions of a block, as they stand in it."""

    txs: list[bytes] | None


class BlockTransactionsJson(msgspec.Struct, frozen=True):
    """A block, of which only its transactions are read."""

    data: BlockDataJson


class BlockBodyJson(msgspec.Struct, frozen=True):
    """The answer of `/block`."""

    block: BlockTransactionsJson


class ProofOpJson(msgspec.Struct, frozen=True, gc=False):
    """One storey of a proof."""

    type: str
    key: bytes
    data: bytes


class ProofOpsJson(msgspec.Struct, frozen=True, gc=False):
    """A proof, from the innermost store outwards."""

    ops: list[ProofOpJson]


class StateQuery(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One question to the application."""

    path: str
    """`/store/STORE/key`, or the full name of a gRPC method with a slash before it."""
    data: bytes
    """The key, or the encoded request."""
    prove: bool = False

    def call(self, height: int = 0) -> Call:
        """Return the call that asks it about the state after block `height`; 0 is the newest."""
        parameters = {"path": self.path, "data": self.data.hex(), "prove": self.prove}
        return "abci_query", {**parameters, "height": str(height)}


class QueryResponseJson(msgspec.Struct, frozen=True, gc=False, rename={"proof_ops": "proofOps"}):
    """The application's answer to a query: code 0 is success."""

    code: int
    height: Number
    key: bytes | None = None
    value: bytes | None = None
    proof_ops: ProofOpsJson | None = None
    log: str = ""
    codespace: str = ""


class QueryResultJson(msgspec.Struct, frozen=True, gc=False):
    """The answer of `/abci_query`."""

    response: QueryResponseJson


class BroadcastJson(msgspec.Struct, frozen=True, gc=False):
    """The answer of `/broadcast_tx_sync`: code 0 is acceptance into the mempool."""

    code: int
    hash: Hex
    log: str = ""
    codespace: str = ""


class TxJson(msgspec.Struct, frozen=True, gc=False):
    """A transaction in a block."""

    hash: Hex
    height: Number
    index: int
    tx_result: TxResultJson
    tx: bytes


def read(reply: Reply, kind: type[T], what: str) -> T:
    """Return the reply decoded as `kind`. Raises `MalformedReply` for errors and for other shapes."""
    if isinstance(reply, ErrorObject):
        raise MalformedReply(f"{what}: expected a result, got error {reply.code}: {said(reply)}")
    hashable: Any = kind
    try:
        found: T = _decoder(hashable).decode(reply)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedReply(f"{what}: {error}") from error
    return found


def said(error: ErrorObject) -> str:
    """Return what the node says about an error, shortened, for people: CometBFT puts it into `data`."""
    detail = bytes(error.data)[:300].decode(errors="replace").strip('"')
    return error.message[:100] if detail in ("", "null") else f"{error.message[:100]}: {detail}"


@cache
def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind, dec_hook=_special)


def _special(kind: type, value: object) -> object:
    """Decode what msgspec does not know. `ValueError` becomes a `ValidationError` with the place in it."""
    if isinstance(value, str):
        if kind is Number and _NUMBER.fullmatch(value) and abs(int(value)) < 2**63:
            return Number(value)
        if kind is Hex and len(value) % 2 == 0 and value.isalnum():
            return Hex(bytes.fromhex(value))
        if kind is Hex and not value:
            return Hex()
        if kind is TimeNs and (found := _TIME.fullmatch(value)):
            *moment, fraction = found.groups()
            return _time([int(each) for each in moment], fraction or "")
    raise ValueError(f"expected {kind.__name__}, got {str(value)[:80]!r}")


def _time(moment: Sequence[int], fraction: str) -> TimeNs:
    year, month, day, *clock = moment
    if not 1 <= day <= monthrange(year, month)[1]:
        raise ValueError(f"expected a day of {year}-{month:02}, got {day}")
    return TimeNs(timegm((year, month, day, *clock)) * 10**9 + int(fraction.ljust(9, "0")))
