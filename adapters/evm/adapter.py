"""An EVM chain with our contracts on it, as relays see it: composes the parts, adds nothing.

Read in this order: `endpoints` (whom to ask), `heads`, `source`, `router`, `destination`, `sender`.
Building does no I/O.
"""

from collections.abc import AsyncIterator, Sequence

from adapters.api import (
    ChainStatus,
    ClientView,
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
    SeenPacket,
    SendMessage,
    SendTransfer,
    SubmissionId,
    SubmissionStatus,
)
from adapters.errors import Refused
from adapters.evm.account import Account
from adapters.evm.config import EvmConfig, chain_number, store
from adapters.evm.destination import Destination
from adapters.evm.endpoints import Endpoints
from adapters.evm.fees import FeePolicy
from adapters.evm.heads import Heads, wake
from adapters.evm.logs import LogReader
from adapters.evm.router import Router
from adapters.evm.rpc import RpcClient, RpcLimits
from adapters.evm.send import Applications
from adapters.evm.sender import Sender
from adapters.evm.source import Source
from proofs.ids import format_evm_address, parse_evm_address
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


def build(chain_id: ChainId, config: EvmConfig, resources: Resources) -> "EvmChain":
    """Return the chain. No I/O."""
    return EvmChain(chain_id, config, resources)


class EvmChain(GatewayChain, HeadWatcher, EndpointReporter, MessageSender, FundsReporter):
    """One EVM chain. See `adapters.api` for what each method promises."""

    def __init__(self, chain_id: ChainId, config: EvmConfig, resources: Resources) -> None:
        self.chain_id = chain_id
        self.store = store(chain_id, config)
        self._config = config
        self._clock = resources.clock
        self._endpoints = open_endpoints(chain_id, config, resources)
        router = Router(endpoints=self._endpoints, address=self.store.address)
        self._sender = sender = open_sender(chain_id, config, resources, self._endpoints)
        self._heads = Heads(
            chain=chain_id,
            endpoints=self._endpoints,
            clock=resources.clock,
            finality=config.finality,
            confirmations=config.confirmations,
        )
        self._source = Source(
            endpoints=self._endpoints,
            router=router,
            logs=LogReader(address=self.store.address, range_blocks=config.log_range_blocks),
            start_height=config.start_height,
        )
        self._destination = Destination(
            chain=chain_id,
            endpoints=self._endpoints,
            router=router,
            sender=sender,
            max_gas=config.max_gas_per_transaction,
        )
        self._applications: Applications | None = None
        if sender is not None:
            self._applications = Applications(
                endpoints=self._endpoints,
                sender=sender,
                router=self.store.address,
                gateway=parse_evm_address(config.erc7786_gateway) if config.erc7786_gateway else b"",
                transfer=parse_evm_address(config.transfer) if config.transfer else b"",
                max_gas=config.max_gas_per_transaction,
            )

    async def funds(self) -> Sequence[Funds]:
        """See `FundsReporter.funds`."""
        if self._sender is None:
            return ()
        account, address = self._sender.account, self._sender.account.address
        held = (await account.market()).balance_wei
        return (Funds(account=format_evm_address(address), amount=held, unit="wei"),)

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
        return (await self._heads.block(height)).ref

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
        if self._applications is None:
            raise Refused("expected a signer for this chain, none is configured")
        return await self._applications.send(requests)


def open_endpoints(chain_id: ChainId, config: EvmConfig, resources: Resources) -> Endpoints:
    """Return the configured endpoints, not yet connected."""
    limits = RpcLimits(timeout_s=config.request_timeout_s, batch=config.batch_calls)
    return Endpoints(
        chain_number=chain_number(chain_id),
        clients=[RpcClient(endpoint.name, endpoint.url, limits) for endpoint in config.endpoints],
        clock=resources.clock,
        threshold=config.threshold(),
        patience_s=config.straggler_s,
    )


def open_sender(
    chain_id: ChainId, config: EvmConfig, resources: Resources, endpoints: Endpoints
) -> Sender | None:
    """Return the one owner of the signer's nonces on this chain, or None without a signer."""
    if resources.signer is None:
        return None
    return Sender(
        chain_number=chain_number(chain_id),
        signer=resources.signer,
        account=Account(
            endpoints=endpoints,
            address=resources.signer.address,
            final_tag="latest" if config.finality == "confirmations" else config.finality,
            default_tip_wei=config.max_priority_fee_per_gas_wei,
        ),
        endpoints=endpoints,
        clock=resources.clock,
        policy=FeePolicy(
            max_fee_wei=config.max_fee_per_gas_wei,
            max_priority_fee_wei=config.max_priority_fee_per_gas_wei,
            bump_percent=config.bump_percent,
        ),
        window=config.in_flight_window,
        bump_after_s=config.bump_after_s,
        poll_s=config.poll_s,
    )
