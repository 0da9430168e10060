"""A Cosmos chain with IBC, as relays see it: composes the parts, adds nothing.

Read in this order: `endpoints` (whom to ask), `state`, `heads`, `source`, `channels`, `messages`,
`destination`, `sender`. Building does no I/O.
"""

from collections.abc import AsyncIterator, Sequence
from fractions import Fraction

from adapters.api import (
    ChainStatus,
    ClientView,
    ClientWatcher,
    Delivery,
    EndpointHealth,
    EndpointReporter,
    Funds,
    FundsReporter,
    GatewayChain,
    HeadWatcher,
    MessageSender,
    Resources,
    SeenAcknowledgement,
    SeenClientUpdate,
    SeenPacket,
    SendMessage,
    SendTransfer,
    SubmissionId,
    SubmissionStatus,
)
from adapters.cosmos.account import Account
from adapters.cosmos.channels import Ends
from adapters.cosmos.config import CosmosConfig, gas_price, native_id, store
from adapters.cosmos.destination import Destination
from adapters.cosmos.endpoints import Endpoints
from adapters.cosmos.fees import FeePolicy
from adapters.cosmos.funds import Purse
from adapters.cosmos.gas import GasModel
from adapters.cosmos.heads import Heads, wake
from adapters.cosmos.history import History
from adapters.cosmos.key import KeySender, SendLimits
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.send import Applications
from adapters.cosmos.sender import Sender
from adapters.cosmos.source import Source
from adapters.cosmos.state import State
from adapters.cosmos.tx import address_of
from adapters.cosmos.watch import Watch
from adapters.jsonrpc import RpcLimits
from proofs.types import (
    BlockRef,
    ChainId,
    Claim,
    ClientId,
    Height,
    Lane,
    UntrustedProofs,
    UntrustedUpdate,
)
from proofs.types import Sequence as PacketSequence

_MAX_ANSWER_BYTES = 128 * 1024 * 1024
"""What happened in one full block, written as JSON, is several times the block."""


def build(chain_id: ChainId, config: CosmosConfig, resources: Resources) -> "CosmosChain":
    """Return the chain. No I/O."""
    return CosmosChain(chain_id, config, resources)


class CosmosChain(GatewayChain, HeadWatcher, EndpointReporter, MessageSender, ClientWatcher, FundsReporter):
    """One Cosmos chain. See `adapters.api` for what each method promises."""

    def __init__(self, chain_id: ChainId, config: CosmosConfig, resources: Resources) -> None:
        self.chain_id = chain_id
        self.store = store(chain_id, config)
        self._config = config
        self._clock = resources.clock
        self._endpoints = open_endpoints(chain_id, config, resources)
        state = State(chain=chain_id, native_id=native_id(chain_id, config))
        ends, history = Ends(state=state, transfer_port=config.transfer_port), History()
        sender = open_sender(chain_id, config, resources, self._endpoints)
        self._heads = Heads(endpoints=self._endpoints, state=state, clock=resources.clock)
        self._source = Source(endpoints=self._endpoints, state=state, ends=ends, history=history)
        self._watch = Watch(endpoints=self._endpoints, ends=ends, history=history)
        self._destination = Destination(
            chain=chain_id,
            endpoints=self._endpoints,
            state=state,
            ends=ends,
            heads=self._heads,
            sender=sender,
        )
        self._applications = Applications(
            sender=sender, clock=resources.clock, transfer_port=config.transfer_port, poll_s=config.poll_s
        )

        self._purse = Purse(
            endpoints=config.endpoints,
            accounts=[address_of(config.bech32_prefix, one.public_key) for one in resources.signers],
            denom=gas_price(config)[1],
            timeout_s=config.request_timeout_s,
        )

    async def funds(self) -> Sequence[Funds]:
        """See `FundsReporter.funds`."""
        return await self._purse.funds()

    def endpoint_health(self) -> Sequence[EndpointHealth]:
        """See `EndpointReporter.endpoint_health`."""
        return self._endpoints.health()

    async def connect(self) -> None:
        """See `Chain.connect`."""
        await self._endpoints.connect()

    async def close(self) -> None:
        """See `Chain.close`."""
        await self._endpoints.close()

    async def status(self) -> ChainStatus:
        """See `Chain.status`."""
        return await self._heads.status()

    async def block(self, height: Height) -> BlockRef:
        """See `Chain.block`."""
        return await self._heads.block(height)

    async def sent(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenPacket]:
        """See `SourceChain.sent`."""
        return await self._source.sent(lane, first, last)

    async def acknowledged(self, lane: Lane, first: Height, last: BlockRef) -> Sequence[SeenAcknowledgement]:
        """See `SourceChain.acknowledged`."""
        return await self._source.acknowledged(lane, first, last)

    async def update(self, target: BlockRef) -> UntrustedUpdate:
        """See `SourceChain.update`."""
        return await self._source.update(target)

    async def prove(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> UntrustedProofs:
        """See `SourceChain.prove`."""
        return await self._source.prove(lane, claims, at)

    async def client(self, client: ClientId, at: BlockRef) -> ClientView:
        """See `DestinationChain.client`."""
        return await self._destination.client(client, at)

    async def outstanding(self, lane: Lane, claims: Sequence[Claim], at: BlockRef) -> Sequence[bool]:
        """See `DestinationChain.outstanding`."""
        return await self._destination.outstanding(lane, claims, at)

    async def submit(self, delivery: Delivery) -> SubmissionId:
        """See `DestinationChain.submit`."""
        return await self._destination.submit(delivery)

    async def submissions(self, ids: Sequence[SubmissionId]) -> Sequence[SubmissionStatus]:
        """See `DestinationChain.submissions`."""
        return await self._destination.submissions(ids)

    def heads(self) -> AsyncIterator[None]:
        """See `HeadWatcher.heads`."""
        urls = [endpoint.ws_url for endpoint in self._config.endpoints if endpoint.ws_url]
        return wake(urls, self._config.poll_s, self._clock)

    async def send(self, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[PacketSequence]:
        """See `MessageSender.send`."""
        return await self._applications.send(requests)

    async def client_updates(
        self, client: ClientId, first: Height, last: BlockRef
    ) -> Sequence[SeenClientUpdate]:
        """See `ClientWatcher.client_updates`."""
        return await self._watch.client_updates(client, first, last)


def open_endpoints(chain_id: ChainId, config: CosmosConfig, resources: Resources) -> Endpoints:
    """Return the configured endpoints, not yet connected."""
    limits = RpcLimits(
        timeout_s=config.request_timeout_s, max_body_bytes=_MAX_ANSWER_BYTES, batch=config.batch_calls
    )
    return Endpoints(
        native_id=native_id(chain_id, config),
        clients=[CometClient(endpoint.name, endpoint.rpc_url, limits) for endpoint in config.endpoints],
        clock=resources.clock,
        threshold=config.threshold(),
        patience_s=config.straggler_s,
    )


def open_sender(
    chain_id: ChainId, config: CosmosConfig, resources: Resources, endpoints: Endpoints
) -> Sender:
    """Return the one owner of the signers' sequences on this chain; without signers it refuses to send."""
    price, denom = gas_price(config)
    limits = SendLimits(
        window=config.in_flight_window,
        timeout_blocks=config.lifetime_blocks,
        resend_after_s=config.resend_after_s,
        poll_s=config.poll_s,
        max_gas=config.max_gas_per_transaction,
        max_bytes=config.max_transaction_bytes,
    )
    keys = [
        KeySender(
            native_id=native_id(chain_id, config),
            signer=signer,
            account=Account(
                endpoints=endpoints,
                address=address_of(config.bech32_prefix, signer.public_key),
                denom=denom,
            ),
            endpoints=endpoints,
            clock=resources.clock,
            policy=FeePolicy(denom=denom, gas_price=price, max_fee=config.max_fee),
            gas=GasModel(adjustment=Fraction(config.gas_adjustment)),
            limits=limits,
        )
        for signer in resources.signers
    ]
    return Sender(keys=keys, endpoints=endpoints)
