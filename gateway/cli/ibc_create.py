"""`isthmus ibc create`: clients, connections, channels, lanes. What stopped half-way is gone on with."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.clients import create_tendermint_client
from adapters.cosmos.ibc.connections import connection_end, open_connection
from adapters.cosmos.ibc.handshake import Opened
from adapters.cosmos.ibc.lanes import open_lane, own_clients
from adapters.cosmos.ibc.specs import ClientTerms
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.ibc_chains import cosmos_chain, opened, run
from gateway.cli.output import CliError, Exit, Json, emit_json, note
from gateway.config.schema import ChainConfig, Config
from gateway.imports.write import lane_toml
from proofs.types import ClientId

app = typer.Typer(
    help="Create clients, connections, channels, lanes.", no_args_is_help=True, rich_markup_mode=None
)

_CENTURY_S = 100 * 366 * 86_400

First = Annotated[str, typer.Argument(metavar="A", help="The first chain.")]
Second = Annotated[str, typer.Argument(metavar="B", help="The second chain.")]
TrustingPeriod = Annotated[
    int,
    typer.Option(
        "--trusting-period",
        metavar="SECONDS",
        min=0,
        max=_CENTURY_S,
        help="Of the clients made; default two thirds of the unbonding period.",
    ),
]
UnbondingPeriod = Annotated[
    int,
    typer.Option(
        "--unbonding-period",
        metavar="SECONDS",
        min=0,
        max=_CENTURY_S,
        help="Where the tracked chain has no staking module.",
    ),
]
New = Annotated[
    bool,
    typer.Option("--new-client-connection", help="Make new clients and a new connection, whatever there is."),
]
FirstClient = Annotated[str, typer.Option("--a-client", help="An existing client of B on A.")]
SecondClient = Annotated[str, typer.Option("--b-client", help="An existing client of A on B.")]


@app.command("client")
def create_client(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The chain on which the client lives.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The chain that it tracks.")],
    *,
    config_file: ConfigFile,
    trusting_period: TrustingPeriod = 0,
    unbonding_period: UnbondingPeriod = 0,
    as_json: Json = False,
) -> None:
    """Create a 07-tendermint client of OTHER on HOST, at a header that was verified here."""
    config = read_config(config_file)
    chains = cosmos_chain(config, host), cosmos_chain(config, other)
    terms = ClientTerms(trusting_period_s=trusting_period, unbonding_period_s=unbonding_period)

    async def work() -> ClientId:
        async with (
            opened(config, chains[0], signing=True) as (where,),
            opened(config, chains[1]) as (tracked,),
        ):
            return await create_tendermint_client(where, tracked, terms)

    client = run(work())
    if as_json:
        emit_json({"chain": chains[0].id, "client": client, "tracks": chains[1].id})
    else:
        print(client)


@app.command("connection")
def create_connection(
    first: First,
    second: Second,
    *,
    config_file: ConfigFile,
    first_client: FirstClient = "",
    second_client: SecondClient = "",
    trusting_period: TrustingPeriod = 0,
    unbonding_period: UnbondingPeriod = 0,
    as_json: Json = False,
) -> None:
    """Open a connection, or finish one; without clients given, over those that we made, or over new ones."""
    config = read_config(config_file)
    terms = ClientTerms(trusting_period_s=trusting_period, unbonding_period_s=unbonding_period)

    async def work(a: CosmosHost, b: CosmosHost) -> Opened:
        clients = await _clients(a, b, terms, (first_client, second_client))
        return await open_connection(a, clients[0], b, clients[1])

    chains, done = _between(config, first, second, work)
    _print(chains, "connection", done, as_json=as_json)


@app.command("channel")
def create_channel(
    first: First,
    second: Second,
    *,
    config_file: ConfigFile,
    port: Annotated[str, typer.Option("--port", help="Port on A, and on B without --b-port.")] = "transfer",
    second_port: Annotated[str, typer.Option("--b-port", help="Port on B.")] = "",
    version: Annotated[str, typer.Option("--version", help="Version of the application.")] = "ics20-1",
    order: Annotated[str, typer.Option("--order", help="unordered or ordered.")] = "unordered",
    connection: Annotated[str, typer.Option("--a-connection", help="An existing connection on A.")] = "",
    new: New = False,
    trusting_period: TrustingPeriod = 0,
    as_json: Json = False,
) -> None:
    """Open a channel, or finish one, and print the [[lanes]] entries for it.

    Without a connection given it goes over one that we made; one that is missing is opened first.
    """
    if order not in ("ordered", "unordered"):
        raise CliError(f"--order: expected unordered or ordered, got {order!r}", exit_code=Exit.USAGE)
    if new and connection:
        raise CliError("--new-client-connection and --a-connection exclude each other", exit_code=Exit.USAGE)
    config = read_config(config_file)
    agreed = ChannelTerms(version=version, ordered=order == "ordered")
    terms = ClientTerms(trusting_period_s=trusting_period)

    async def work(a: CosmosHost, b: CosmosHost) -> Opened:
        ends = await _connection(a, b, terms, connection, new=new)
        on_a = await place(a, ends.first, port)
        return await open_channel(on_a, await place(b, ends.second, second_port or port), agreed)

    chains, done = _between(config, first, second, work)
    _print(chains, "channel", done, as_json=as_json, lanes=True, ordered=agreed.ordered)


@app.command("lane")
def create_lane(
    first: First,
    second: Second,
    *,
    config_file: ConfigFile,
    trusting_period: TrustingPeriod = 0,
    unbonding_period: UnbondingPeriod = 0,
    as_json: Json = False,
) -> None:
    """Make clients of IBC v2 on both chains, each the other's counterparty; print the [[lanes]] entries."""
    config = read_config(config_file)
    terms = ClientTerms(trusting_period_s=trusting_period, unbonding_period_s=unbonding_period)

    async def work(a: CosmosHost, b: CosmosHost) -> Opened:
        return await open_lane(a, b, terms)

    chains, done = _between(config, first, second, work)
    _print(chains, "client", done, as_json=as_json, lanes=True)


def _between(
    config: Config, first: str, second: str, work: Callable[[CosmosHost, CosmosHost], Awaitable[Opened]]
) -> tuple[tuple[ChainConfig, ChainConfig], Opened]:
    """Do something between two chains, with the keys of both."""
    chains = cosmos_chain(config, first), cosmos_chain(config, second)
    if chains[0] == chains[1]:
        raise CliError(f"expected two chains, got {chains[0].id} twice", exit_code=Exit.USAGE)

    async def both() -> Opened:
        async with opened(config, *chains, signing=True) as (a, b):
            return await work(a, b)

    return chains, run(both())


async def _clients(
    a: CosmosHost, b: CosmosHost, terms: ClientTerms, given: tuple[str, str]
) -> tuple[ClientId, ClientId]:
    """Return the clients to connect: those that are given, else the oldest that we made, else new ones."""
    found = []
    for host, other, name in ((a, b, given[0]), (b, a, given[1])):
        if name:
            found.append(ClientId(name))
            continue
        own = await own_clients(host, other, terms)
        found.append(own[0].id if own else await create_tendermint_client(host, other, terms))
    return found[0], found[1]


async def _connection(
    a: CosmosHost, b: CosmosHost, terms: ClientTerms, connection: str, *, new: bool
) -> Opened:
    if connection:
        end = await connection_end(a, connection, await a.head())
        return Opened(first=connection, second=end.counterparty.connection_id)
    if new:
        on_a = await create_tendermint_client(a, b, terms)
        return await open_connection(a, on_a, b, await create_tendermint_client(b, a, terms))
    clients = await _clients(a, b, terms, ("", ""))
    return await open_connection(a, clients[0], b, clients[1])


def _print(
    chains: tuple[ChainConfig, ChainConfig],
    what: str,
    done: Opened,
    *,
    as_json: bool,
    lanes: bool = False,
    ordered: bool = False,
) -> None:
    ends = ((chains[0].id, done.first), (chains[1].id, done.second))
    entries = [lane_toml(ends[0], ends[1], ordered=ordered), lane_toml(ends[1], ends[0], ordered=ordered)]
    toml = "\n".join(entries) if lanes else ""
    if as_json:
        said = {"chains": [chain.id for chain in chains], what: [done.first, done.second]}
        emit_json(said | ({"toml": toml} if lanes else {}))
        return
    say = note if lanes else print
    for chain, end in ends:
        say(f"{chain} {end}")
    if lanes:
        note("for the configuration:")
        print(toml, end="")
