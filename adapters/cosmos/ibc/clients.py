"""Light clients on a Cosmos chain: making them, reading them, bringing them forward, naming counterparties.

A client is made from a header that our own light client accepted, on terms that are proven or given; which
name the chain gave it is checked in the chain's proven state.

Implements: ICS-2 (create, update), ICS-7 (07-tendermint), ibc-go's `attestations`, IBC v2 counterparties.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError, Message

from adapters.api import Carried, Delivery
from adapters.cosmos.ibc.host import Host, height_at
from adapters.cosmos.ibc.specs import ClientTerms, client_state
from adapters.cosmos.messages import messages
from adapters.cosmos.pb.cosmos.staking.v1beta1 import staking_pb2
from adapters.cosmos.pb.ibc.core.client.v1 import tx_pb2
from adapters.cosmos.pb.ibc.core.client.v2 import counterparty_pb2
from adapters.cosmos.pb.ibc.core.client.v2 import tx_pb2 as tx_v2_pb2
from adapters.cosmos.pb.ibc.lightclients.attestations.v1 import attestations_pb2
from adapters.cosmos.tx import pack
from adapters.errors import MalformedReply, NotYetAvailable, Refused
from proofs.codec import check_client_id
from proofs.ids import format_evm_address
from proofs.pb.ibc.lightclients.tendermint.v1 import tendermint_pb2
from proofs.types import BlockRef, ClientId, Lane
from proofs.verdict import Refusal

M = TypeVar("M", bound=Message)

TENDERMINT_PREFIX = (b"ibc", b"")
"""Counterparty prefix of a client that checks ICS-23 proofs: the store, then nothing before the key."""

ATTESTATIONS_PREFIX = (b"",)
"""Counterparty prefix of a client that checks attestations of plain paths."""

_STAKING_PARAMS = b"\x51"
"""Key of the parameters in the staking module's store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A 07-tendermint client, proven in its host's state."""

    id: ClientId
    state: tendermint_pb2.ClientState
    latest: tendermint_pb2.ConsensusState
    """What it stores about its latest height."""


async def create_tendermint_client(host: Host, other: Host, terms: ClientTerms | None = None) -> ClientId:
    """Create a client of `other` on `host`, at a verified header of it; return its name.

    Raises `Refused` when the unbonding period is neither proven nor given, and what the host refuses.
    """
    at = await other.head()
    complete = await complete_terms(other, terms or ClientTerms(), at)
    state = client_state(other.native_id, height_at(other, at.height), complete)
    client = await _create(host, state, await other.consensus(at))
    found = await hosted(host, client, await host.head())
    if found.state != state:
        raise MalformedReply(f"client {client}: expected the one that we made, got {found.state}")
    return client


async def create_attestations_client(
    host: Host, attestors: Sequence[bytes], threshold: int, height: int, time_s: int
) -> ClientId:
    """Create a client that believes `threshold` of these attestors (20-byte addresses); return its name.

    `height` and `time_s` (unix seconds) are of a final block of the chain that they attest.
    """
    state = attestations_pb2.ClientState(
        attestor_addresses=[format_evm_address(each) for each in attestors],
        min_required_sigs=threshold,
        latest_height=height,
    )
    client = await _create(host, state, attestations_pb2.ConsensusState(timestamp=time_s * 10**9))
    [found] = await host.stored([state_key(client)], await host.head())
    if unpacked(found.value, attestations_pb2.ClientState, f"client {client}") != state:
        raise MalformedReply(f"client {client}: expected the one that we made, got another")
    return client


async def register_counterparty(
    host: Host, client: ClientId, other_client: ClientId, prefix: Sequence[bytes]
) -> bool:
    """Make `client` of IBC v2: what is sent over it goes to `other_client`. Return False if it was so before.

    Only who created the client may, and once. Raises `Refused` when another counterparty is registered.
    """
    known = await counterparty(host, client, await host.head())
    if known is not None:
        if (known.client_id, tuple(known.merkle_prefix)) == (other_client, tuple(prefix)):
            return False
        raise Refused(f"client {client}: expected counterparty {other_client}, it has {known.client_id}")
    message = tx_v2_pb2.MsgRegisterCounterparty(
        client_id=client,
        counterparty_merkle_prefix=list(prefix),
        counterparty_client_id=other_client,
        signer=host.signer,
    )
    await host.execute([message])
    return True


async def counterparty(
    host: Host, client: ClientId, at: BlockRef
) -> counterparty_pb2.CounterpartyInfo | None:
    """Return a client's IBC v2 counterparty, proven; None when it has none."""
    [found] = await host.stored([client_key(client, "counterparty")], at)
    if not found.value:
        return None
    return parsed(found.value, counterparty_pb2.CounterpartyInfo, f"counterparty of {client}")


async def hosted(host: Host, client: ClientId, at: BlockRef) -> Hosted:
    """Return a 07-tendermint client as of block `at` of its host. Raises `Refused` when there is none."""
    [found] = await host.stored([state_key(client)], at)
    if not found.value:
        raise Refused(f"{host.chain}: no client {client} at height {at.height}")
    state = unpacked(found.value, tendermint_pb2.ClientState, f"client {client}")
    [latest] = await host.stored([consensus_key(client, state)], at)
    if not latest.value:
        raise Refused(f"client {client}: no consensus state at its latest height, {state.latest_height}")
    consensus = unpacked(latest.value, tendermint_pb2.ConsensusState, f"consensus state of {client}")
    return Hosted(id=client, state=state, latest=consensus)


async def meet(host: Host, client: ClientId, other: Host) -> tuple[BlockRef, list[Message]]:
    """Return a new block of `other`, and what brings a client on `host` there, to be sent in order.

    Nothing is to be sent when it is there already. The client is read first: that others bring it further
    meanwhile does no harm. Raises `Refused` for a client of another chain and for one that is frozen.
    """
    found = await hosted(host, client, await host.head())
    latest = found.state.latest_height.revision_height
    if found.state.chain_id != other.native_id:
        raise Refused(f"client {client}: expected one of {other.native_id}, got {found.state.chain_id}")
    if found.state.frozen_height.revision_height:
        raise Refused(f"client {client} is frozen: only governance of {host.chain} can replace it")
    at = await other.head()
    if latest > at.height:
        raise NotYetAvailable(
            f"client {client} is at height {latest}, the node of {other.chain} at {at.height}"
        )
    updates = await other.path(latest, found.latest, at)
    lane = Lane(
        source=other.chain, source_client=ClientId(""), destination=host.chain, destination_client=client
    )
    evidence = Carried(updates=updates, proofs=None)
    delivery = Delivery(lane=lane, proven=(), evidence=evidence, key=f"update {client}")
    return at, messages(delivery, client, host.signer, with_update=True)


async def update_client(host: Host, client: ClientId, other: Host) -> int:
    """Bring a client to a final block of `other` that is new now; return its height."""
    at, updates = await meet(host, client, other)
    if updates:
        await host.execute(updates)
    return at.height


async def complete_terms(other: Host, terms: ClientTerms, at: BlockRef) -> ClientTerms:
    """Return these terms with both periods filled in. Raises `Refused` when they do not fit together."""
    unbonding_s = terms.unbonding_period_s
    if not unbonding_s:
        [found] = await other.stored([_STAKING_PARAMS], at, b"staking")
        if not found.value:
            raise Refused(f"{other.chain} has no staking parameters: its unbonding period must be given")
        unbonding_s = parsed(found.value, staking_pb2.Params, "staking parameters").unbonding_time.seconds
    trusting_s = terms.trusting_period_s or unbonding_s * 2 // 3
    if not 0 < trusting_s < unbonding_s:
        raise Refused(
            f"trusting period: expected 1 to {unbonding_s - 1} s, below unbonding, got {trusting_s}"
        )
    return replace(terms, trusting_period_s=trusting_s, unbonding_period_s=unbonding_s)


def client_key(client: ClientId, what: str) -> bytes:
    """Return the key of something that belongs to a client, for example its `clientState`."""
    return f"clients/{client}/{what}".encode()


def state_key(client: ClientId) -> bytes:
    """Return the key of a client's state."""
    return client_key(client, "clientState")


def consensus_key(client: ClientId, state: tendermint_pb2.ClientState) -> bytes:
    """Return the key of what a client stores about its latest height."""
    height = state.latest_height
    return client_key(client, f"consensusStates/{height.revision_number}-{height.revision_height}")


def unpacked(value: bytes, kind: type[M], what: str) -> M:
    """Return the message of this kind in an encoded `Any`. Raises `Refused` when it is of another kind."""
    wrapped = parsed(value, Any, what)
    expected = f"/{kind.DESCRIPTOR.full_name}"
    if wrapped.type_url != expected:
        raise Refused(f"{what}: expected {expected}, got {wrapped.type_url[:200]!r}")
    return parsed(wrapped.value, kind, what)


def parsed(value: bytes, kind: type[M], what: str) -> M:
    """Return the message that these bytes are. Raises `MalformedReply`."""
    try:
        return kind.FromString(value)
    except DecodeError as error:
        name = kind.DESCRIPTOR.name
        raise MalformedReply(f"{what}: expected a {name}, got {len(value)} other bytes") from error


async def _create(host: Host, state: Message, consensus: Message) -> ClientId:
    message = tx_pb2.MsgCreateClient(
        client_state=pack(state), consensus_state=pack(consensus), signer=host.signer
    )
    [response] = await host.execute([message])
    client = ClientId(parsed(response, tx_pb2.MsgCreateClientResponse, "response").client_id)
    try:
        check_client_id(client)
    except Refusal as error:
        raise MalformedReply(f"response of {host.chain}: {error}") from error
    return client
