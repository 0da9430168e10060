"""`isthmus ibc clear`: relay what is pending over one channel or client, both ways, and end.

A gateway for these lanes alone, built from the configuration, with a store that is thrown away. It may run
beside the gateway that usually relays: what the other one delivers counts.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from adapters.cosmos.ibc.pending import PendingPackets, Way, pending
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.ibc_chains import ChainName, cosmos_chain, opened, run
from gateway.cli.ibc_ends import Ends, find_ends
from gateway.cli.output import CliError, Exit, Json, emit_json, note
from gateway.config.diagnostics import ConfigError
from gateway.config.plugins import InstalledAdapters
from gateway.config.schema import (
    ApiConfig,
    ChainConfig,
    Config,
    EndConfig,
    LaneConfig,
    Security,
    StoreConfig,
)
from proofs.types import ClientId

_POLL_S = 0.5
_DAY_S = 86_400


def clear(
    chain: ChainName,
    end: Annotated[str, typer.Argument(metavar="CHANNEL|CLIENT", help="A channel, or a client of IBC v2.")],
    *,
    config_file: ConfigFile,
    port: Annotated[str, typer.Option("--port", help="Port of the channel.")] = "transfer",
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=0, max=_DAY_S, help="When to give up.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """Relay what is pending over a channel or client, both ways, then end. Exit code 4 when some is left.

    The lanes need not be configured; both chains must be, with a signer.
    """
    config = read_config(config_file)
    before, after = run(_clear(config, cosmos_chain(config, chain), end, port, timeout))
    left = _count(after)
    if as_json:
        emit_json({"chain": chain, "end": end, "before": _said(before), "after": _said(after)})
    else:
        print(f"{_count(before)} packets were pending, {left} are left")
    if left:
        raise CliError(
            f"{left} packets are still pending after {timeout} s",
            exit_code=Exit.PENDING,
            hint="isthmus ibc pending",
        )


async def _clear(
    config: Config, chain: ChainConfig, end: str, port: str, timeout_s: int
) -> tuple[tuple[PendingPackets, ...], tuple[PendingPackets, ...]]:
    async with opened(config, chain) as (host,):
        ends = await find_ends(config, host, end, port)
        async with opened(config, ends.other) as (other,):
            ways = ends.ways(host, other)
            before = await _pending(ways)
            if not _count(before):
                return before, before
            note(f"{_count(before)} packets are pending")
            async with _relaying(_reduced(config, chain, ends)):
                return before, await _settled(ways, before, timeout_s)


async def _settled(
    ways: tuple[Way, Way], before: tuple[PendingPackets, ...], timeout_s: int
) -> tuple[PendingPackets, ...]:
    """Return what is left once nothing is, or when time is up."""
    deadline_s, now, shown = time.monotonic() + timeout_s, before, _count(before)
    while _count(now) and time.monotonic() < deadline_s:
        await asyncio.sleep(_POLL_S)
        now = await _pending(ways)
        if _count(now) != shown:
            shown = _count(now)
            note(f"{shown} are left")
    return now


@asynccontextmanager
async def _relaying(config: Config) -> AsyncIterator[None]:
    """Run a gateway whose store is thrown away. Raises `CliError` when it cannot be built."""
    from gateway.wiring import build

    with tempfile.TemporaryDirectory(prefix="isthmus-clear-") as directory:
        store = StoreConfig(file=Path(directory) / "isthmus.db")
        try:
            gateway = build(replace(config, store=store), InstalledAdapters())
        except ConfigError as error:
            for diagnostic in error.diagnostics:
                note(str(diagnostic))
            raise CliError("keys", exit_code=Exit.USAGE, hint="nothing was started") from None
        try:
            await gateway.start()
            yield
        finally:
            await gateway.stop()


def _reduced(config: Config, chain: ChainConfig, ends: Ends) -> Config:
    """Return the configuration for these two chains and the lanes between these two ends alone."""
    here = EndConfig(chain=chain.id, client=ClientId(ends.end))
    there = EndConfig(chain=ends.other.id, client=ClientId(ends.other_end))
    pair = ((here, there), (there, here))
    named = [lane for lane in config.lanes if (lane.source, lane.destination) in pair]
    lanes = named or [
        LaneConfig(
            source=source, destination=destination, security=Security.LIGHT_CLIENT, ordered=ends.ordered
        )
        for source, destination in pair
    ]
    attested = any(lane.security is Security.ATTESTED for lane in lanes)
    return replace(
        config,
        chains=(chain, ends.other),
        lanes=tuple(lanes),
        api=ApiConfig(listen="127.0.0.1:0"),
        peers=config.peers if attested else {},
    )


async def _pending(ways: tuple[Way, Way]) -> tuple[PendingPackets, ...]:
    return (await pending(ways[0]), await pending(ways[1]))


def _count(found: tuple[PendingPackets, ...]) -> int:
    return sum(len(one.unreceived) + len(one.unacknowledged) for one in found)


def _said(found: tuple[PendingPackets, ...]) -> dict[str, object]:
    return {name: asdict(one) for name, one in zip(("sent", "to_receive"), found, strict=True)}
