"""`isthmus ibc`: clients, connections and channels between Cosmos chains, and what is under way on them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from adapters.cosmos.ibc import queries
from adapters.cosmos.ibc.clients import hosted, update_client
from adapters.cosmos.ibc.paging import Listed
from adapters.cosmos.ibc.pending import PendingPackets, pending
from gateway.cli import ibc_attested, ibc_clear, ibc_close, ibc_create, ibc_import, ibc_trust
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.ibc_chains import ChainName, cosmos_chain, opened, run, tracked_chain
from gateway.cli.ibc_ends import find_ends
from gateway.cli.output import CliError, Exit, Json, emit_json, note, table
from gateway.config.schema import ChainConfig, Config
from proofs.types import BlockRef, ClientId

app = typer.Typer(
    help="Clients, connections, channels and packets of IBC.", no_args_is_help=True, rich_markup_mode=None
)
ibc_create.app.add_typer(ibc_attested.app)
app.add_typer(ibc_create.app, name="create")
app.add_typer(ibc_close.app, name="close")
app.add_typer(ibc_import.app, name="import")
app.command("clear")(ibc_clear.clear)
app.command("trust")(ibc_trust.trust)

End = Annotated[str, typer.Argument(metavar="CHANNEL|CLIENT", help="A channel, or a client of IBC v2.")]
Port = Annotated[str, typer.Option("--port", help="Port of the channel.")]

_SHOWN = 20


@app.command("clients")
def list_clients(
    chain: ChainName,
    *,
    config_file: ConfigFile,
    tracks: Annotated[
        str, typer.Option("--tracks", help="Only clients of the chain with this native id.")
    ] = "",
    as_json: Json = False,
) -> None:
    """List the light clients on a chain, with their status and how long they live without an update."""
    config = read_config(config_file)
    one = cosmos_chain(config, chain)

    async def work() -> tuple[BlockRef, Listed[queries.ClientRow]]:
        async with opened(config, one) as (host,):
            at = await host.head()
            return at, await queries.clients(host, at, tracks)

    at, found = run(work())
    rows = [
        (
            row.id,
            row.kind,
            row.tracks,
            str(row.height),
            row.status,
            _lives(row.expires_in_s),
            row.counterparty,
        )
        for row in found.entries
    ]
    columns = ("id", "kind", "tracks", "height", "status", "expires in", "counterparty")
    _show("clients", at, found, columns, rows, as_json=as_json)


@app.command("connections")
def list_connections(chain: ChainName, *, config_file: ConfigFile, as_json: Json = False) -> None:
    """List the connections of a chain."""
    config = read_config(config_file)
    one = cosmos_chain(config, chain)

    async def work() -> tuple[BlockRef, Listed[queries.ConnectionRow]]:
        async with opened(config, one) as (host,):
            at = await host.head()
            return at, await queries.connections(host, at)

    at, found = run(work())
    rows = [
        (row.id, row.state, row.client, row.counterparty, row.counterparty_client) for row in found.entries
    ]
    columns = ("id", "state", "client", "counterparty", "its client")
    _show("connections", at, found, columns, rows, as_json=as_json)


@app.command("channels")
def list_channels(chain: ChainName, *, config_file: ConfigFile, as_json: Json = False) -> None:
    """List the channels of a chain."""
    config = read_config(config_file)
    one = cosmos_chain(config, chain)

    async def work() -> tuple[BlockRef, Listed[queries.ChannelRow]]:
        async with opened(config, one) as (host,):
            at = await host.head()
            return at, await queries.channels(host, at)

    at, found = run(work())
    rows = [
        (
            row.port,
            row.id,
            row.state,
            row.order,
            row.version,
            row.connection,
            row.counterparty_port,
            row.counterparty,
        )
        for row in found.entries
    ]
    columns = ("port", "id", "state", "order", "version", "connection", "other port", "other id")
    _show("channels", at, found, columns, rows, as_json=as_json)


@app.command("pending")
def show_pending(
    chain: ChainName, end: End, *, config_file: ConfigFile, port: Port = "transfer", as_json: Json = False
) -> None:
    """Show what is under way over a channel or client, both ways. Exit code 4 when something is."""
    config = read_config(config_file)
    out, back, other = run(_pending(config, cosmos_chain(config, chain), end, port))
    directions = {"sent": out, "to_receive": back}
    if as_json:
        emit_json(
            {"chain": chain, "end": end, "other": other} | {k: asdict(v) for k, v in directions.items()}
        )
    else:
        for words, one in ((f"from {chain} to {other}", out), (f"from {other} to {chain}", back)):
            waiting = f"{_numbers(one.unreceived)} not received"
            print(f"{words}: {waiting}, {_numbers(one.unacknowledged)} not acknowledged")
            if one.more:
                note(f"{words}: there are more than were read")
    if any(one.unreceived or one.unacknowledged for one in directions.values()):
        raise typer.Exit(Exit.PENDING)


@app.command("update")
def update(
    chain: ChainName,
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="The client, for example 07-tendermint-0.")],
    *,
    config_file: ConfigFile,
    as_json: Json = False,
) -> None:
    """Bring a 07-tendermint client on a chain to a block of now."""
    config = read_config(config_file)
    height = run(_update(config, cosmos_chain(config, chain), ClientId(client)))
    if as_json:
        emit_json({"chain": chain, "client": client, "height": height})
    else:
        print(f"{client} is at height {height}")


async def _pending(
    config: Config, chain: ChainConfig, end: str, port: str
) -> tuple[PendingPackets, PendingPackets, str]:
    async with opened(config, chain) as (host,):
        ends = await find_ends(config, host, end, port)
        async with opened(config, ends.other) as (other,):
            out, back = ends.ways(host, other)
            return await pending(out), await pending(back), ends.other.name or ends.other.id


async def _update(config: Config, chain: ChainConfig, client: ClientId) -> int:
    async with opened(config, chain, signing=True) as (host,):
        tracks = (await hosted(host, client, await host.head())).state.chain_id
        other = tracked_chain(config, tracks)
        if other is None:
            raise CliError(
                f"{client} tracks {tracks!r}, which the configuration does not have",
                exit_code=Exit.USAGE,
                hint="add it under [[chains]]",
            )
        async with opened(config, other) as (tracked,):
            return await update_client(host, client, tracked)


def _show(
    what: str,
    at: BlockRef,
    found: Listed[Any],
    columns: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        entries = [asdict(row) for row in found.entries]
        emit_json({"chain": at.chain, "height": at.height, what: entries, "more": found.more})
        return
    table(f"{what.capitalize()} of {at.chain} at {at.height}", columns, rows)
    if found.more:
        note(f"there are more than these {len(found.entries)}")


def _lives(seconds: int | None) -> str:
    if seconds is None:
        return "never"
    days, rest = divmod(seconds, 86_400)
    return f"{days} d {rest // 3600} h" if days else f"{rest // 3600} h {rest % 3600 // 60} min"


def _numbers(sequences: tuple[int, ...]) -> str:
    """Return how many, and the first of them."""
    if not sequences:
        return "0"
    shown = ", ".join(map(str, sequences[:_SHOWN]))
    return f"{len(sequences)} ({shown}{', ...' if len(sequences) > _SHOWN else ''})"
