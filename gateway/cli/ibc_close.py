"""`isthmus ibc close`: a channel, on both its ends, for ever."""

from typing import Annotated

import typer

from adapters.cosmos.channels import is_channel
from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.channels import Place, channel_end, close_channel, place
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.ibc_chains import ChainName, cosmos_chain, opened, run
from gateway.cli.ibc_ends import Ends, find_ends
from gateway.cli.output import CliError, Exit, Json, emit_json
from gateway.config.schema import ChainConfig, Config

app = typer.Typer(help="Close channels.", no_args_is_help=True, rich_markup_mode=None)


@app.command("channel")
def close(
    chain: ChainName,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Its name on that chain.")],
    *,
    config_file: ConfigFile,
    port: Annotated[str, typer.Option("--port", help="Port of the channel.")] = "transfer",
    yes: Annotated[bool, typer.Option("--yes", help="Nobody can open it again, and you know it.")] = False,
    as_json: Json = False,
) -> None:
    """Close both ends of a channel, or the one that is still open, for ever.

    What is under way over it is then timed out on close, by whoever relays its lanes. The applications decide
    whether they let a channel be closed: token transfer does not.
    """
    if not is_channel(channel):
        raise CliError(
            f"expected a channel, got {channel!r}", exit_code=Exit.USAGE, hint="isthmus ibc channels"
        )
    if not yes:
        told = f"{chain} {channel}: this closes for ever, on both chains"
        raise CliError(told, exit_code=Exit.USAGE, hint="say --yes if that is meant")
    config = read_config(config_file)
    here = cosmos_chain(config, chain)
    ends = run(_close(config, here, channel, port))
    closed = ((here.id, ends.end), (ends.other.id, ends.other_end))
    if as_json:
        chains, names = zip(*closed, strict=True)
        emit_json({"chains": chains, "channel": names, "state": "closed"})
    else:
        for where, name in closed:
            print(f"{where} {name} is closed")


async def _close(config: Config, chain: ChainConfig, channel: str, port: str) -> Ends:
    async with opened(config, chain, signing=True) as (host,):
        ends = await find_ends(config, host, channel, port)
        async with opened(config, ends.other, signing=True) as (other,):
            first = await _place(host, ends.port, ends.end)
            second = await _place(other, ends.other_port, ends.other_end)
            await close_channel(first, ends.end, second, ends.other_end)
            return ends


async def _place(host: CosmosHost, port: str, channel: str) -> Place:
    end = await channel_end(host, port, channel)
    return await place(host, end.connection_hops[0], port)
