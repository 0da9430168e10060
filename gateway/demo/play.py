"""Sets the stage, plays the story, says what to open next, and takes everything down again."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from adapters.errors import AdapterError
from gateway.cli.output import CliError
from gateway.demo import evm_stage, memory_stage, story
from gateway.demo.screen import Screen
from gateway.demo.stage import Stage
from gateway.dev import evm, place, processes
from gateway.dev.binaries import NoNode, anvil_binary, simd_binary
from gateway.dev.fleet import payers
from proofs.types import ChainId


async def demonstrate(
    screen: Screen, *, memory: bool, cosmos: bool, messages: int, stay: bool
) -> story.Outcome:
    """Play on nodes, or on memory chains when that is wanted or there is no anvil; return the outcome.

    With `cosmos` there are two Cosmos chains beside one EVM chain. Raises `NoNode` when their programs
    are missing.
    """
    _end_on_sigterm()
    async with _ground(screen, memory=memory, cosmos=cosmos) as stage:
        outcome = await story.play(stage, messages, screen.tell, screen.show)
        _what_next(stage, screen, stay=stay, cosmos=cosmos)
        if stay:
            with suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
                await asyncio.Event().wait()
    return outcome


def _ground(screen: Screen, *, memory: bool, cosmos: bool) -> AbstractAsyncContextManager[Stage]:
    if cosmos:
        return _on_cosmos(anvil_binary(), simd_binary(), screen)
    binary = None if memory else _anvil(screen)
    return memory_stage.open_stage(screen.tell) if binary is None else _on_anvil(binary, screen)


def _anvil(screen: Screen) -> Path | None:
    try:
        return anvil_binary()
    except NoNode as missing:
        screen.tell(f"{missing}. The same story on two `memory` chains, in this process:")
        return None


@asynccontextmanager
async def _on_anvil(binary: Path, screen: Screen) -> AsyncIterator[Stage]:
    async with (
        _running(screen, lambda directory: evm.up(directory, binary, screen.tell)) as network,
        evm_stage.open_stage(network, _accounts(network)) as stage,
    ):
        yield stage


@asynccontextmanager
async def _on_cosmos(anvil: Path, simd: Path, screen: Screen) -> AsyncIterator[Stage]:
    from gateway.demo import cosmos_stage
    from gateway.dev import cosmos

    async with (
        _running(screen, lambda directory: cosmos.up(directory, anvil, simd, screen.tell)) as network,
        cosmos_stage.open_stage(network) as stage,
    ):
        screen.tell("messages to Hub and Zone are calls: the stock ICS-27 module there pays a coin for each")
        yield stage


@asynccontextmanager
async def _running(
    screen: Screen, up: Callable[[Path], Awaitable[place.Network]]
) -> AsyncIterator[place.Network]:
    """Yield a network in a directory of its own; stop it afterwards; remove its files if all went well."""
    directory = Path(tempfile.mkdtemp(prefix="isthmus-demo-"))
    keep = False
    try:
        network = await up(directory)
        try:
            yield network
        finally:
            processes.stop(network.processes)
    except (AdapterError, CliError, processes.ProcessError):
        keep = True
        screen.tell(f"what nodes and gateways said is in {directory}")
        raise
    finally:
        if not keep:
            place.remove(directory)


def _accounts(network: place.Network) -> dict[ChainId, str]:
    """Return the address of the gateway that sends from each chain."""
    pairs = zip(network.nodes, payers(), strict=False)
    return {ChainId(chain): f"0x{payer.address.hex()}" for chain, payer in pairs}


def _what_next(stage: Stage, screen: Screen, *, stay: bool, cosmos: bool) -> None:
    if not stay:
        make, command = ("make demo WITH=cosmos", "up --with cosmos") if cosmos else ("make demo", "up")
        look = f"DEMO_STAY=1 {make}"
        screen.tell(f"to look around in what you saw: {look}; to keep a network: isthmus dev {command}")
        return
    for name, access in stage.gateways.items():
        screen.tell(f"gateway {name}: {access.url} (status page), {access.url}/v1/openapi.json")
    first = next(iter(stage.gateways.values()))
    screen.tell(f"try: ISTHMUS_URL={first.url} isthmus message list; Ctrl-C ends everything")


def _end_on_sigterm() -> None:
    """Let SIGTERM end the story as Ctrl-C does, with everything taken down."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


def stay_wanted() -> bool:
    """Say whether the environment asks to keep everything up: `DEMO_STAY=1`."""
    return os.environ.get("DEMO_STAY", "") == "1"
