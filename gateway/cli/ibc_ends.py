"""From one end of a channel or lane, as a person names it, to both directions of it."""

from dataclasses import dataclass

from adapters.cosmos.channels import is_channel
from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.channels import channel_end
from adapters.cosmos.ibc.clients import counterparty, hosted
from adapters.cosmos.ibc.connections import connection_end
from adapters.cosmos.ibc.pending import Way
from adapters.cosmos.ibc.queries import client
from gateway.cli.ibc_chains import tracked_chain
from gateway.cli.output import CliError, Exit
from gateway.config.schema import ChainConfig, Config
from proofs.pb.ibc.core.channel.v1 import channel_pb2
from proofs.types import ClientId


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Both ends of a channel, or of a pair of lanes of IBC v2."""

    end: str
    port: str
    """Empty for IBC v2."""
    other: ChainConfig
    other_end: str
    other_port: str
    ordered: bool = False

    def ways(self, host: CosmosHost, other: CosmosHost) -> tuple[Way, Way]:
        """Return the way out of the named end, and the way back."""
        out = Way(
            source=host,
            source_end=self.end,
            source_port=self.port,
            destination=other,
            destination_end=self.other_end,
            destination_port=self.other_port,
        )
        back = Way(
            source=other,
            source_end=self.other_end,
            source_port=self.other_port,
            destination=host,
            destination_end=self.end,
            destination_port=self.port,
        )
        return out, back


async def find_ends(config: Config, host: CosmosHost, end: str, port: str) -> Ends:
    """Return both ends, read from the chain's proven state. Raises `CliError`, `Refused`."""
    return await (_channel(config, host, end, port) if is_channel(end) else _client(config, host, end))


async def _channel(config: Config, host: CosmosHost, end: str, port: str) -> Ends:
    at = await host.head()
    found = await channel_end(host, port, end, at)
    connection = await connection_end(host, found.connection_hops[0], at)
    behind = await hosted(host, ClientId(connection.client_id), at)
    return Ends(
        end=end,
        port=port,
        other=_configured(config, host, behind.state.chain_id),
        other_end=found.counterparty.channel_id,
        other_port=found.counterparty.port_id,
        ordered=found.ordering == channel_pb2.ORDER_ORDERED,
    )


async def _client(config: Config, host: CosmosHost, end: str) -> Ends:
    at = await host.head()
    row = await client(host, ClientId(end), at)
    registered = await counterparty(host, ClientId(end), at)
    if row is None or registered is None:
        what = "no such client" if row is None else "no counterparty registered"
        raise CliError(
            f"{end}: expected a client of IBC v2, got {what}", hint=f"isthmus ibc clients {host.chain}"
        )
    if not row.tracks:
        raise CliError(
            f"{end}: expected a client of a Cosmos chain, got one of kind {row.kind}",
            exit_code=Exit.USAGE,
            hint="ask the gateway that relays it: isthmus route list",
        )
    other = _configured(config, host, row.tracks)
    return Ends(end=end, port="", other=other, other_end=registered.client_id, other_port="")


def _configured(config: Config, host: CosmosHost, native: str) -> ChainConfig:
    found = tracked_chain(config, native)
    if found is None:
        raise CliError(
            f"{host.chain}: the other end is on {native!r}, which the configuration does not have",
            exit_code=Exit.USAGE,
            hint="add it under [[chains]]; isthmus ibc import chain-registry writes the entry",
        )
    return found
