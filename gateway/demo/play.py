"""Sets the stage, plays the story, says what to open next, and takes everything down again."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from adapters.errors import AdapterError
from adapters.evm.devnode import DEV_KEYS
from gateway.cli.output import CliError
from gateway.demo import evm_stage, memory_stage, story
from gateway.demo.screen import Screen
from gateway.demo.stage import Stage
from gateway.dev import anvil, evm, place, processes
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId


async def demonstrate(screen: Screen, *, memory: bool, messages: int, stay: bool) -> story.Outcome:
    """Play on anvil, or on memory chains when that is wanted or there is no anvil; return the outcome."""
    _end_on_sigterm()
    binary = None if memory else _anvil(screen)
    ground = memory_stage.open_stage(screen.tell) if binary is None else _on_anvil(binary, screen)
    async with ground as stage:
        outcome = await story.play(stage, messages, screen.tell, screen.show)
        _what_next(stage, screen, stay=stay)
        if stay:
            with suppress(asyncio.CancelledError):  # Ctrl-C is how it is meant to end
                await asyncio.Event().wait()
    return outcome


def _anvil(screen: Screen) -> Path | None:
    try:
        return anvil.anvil_binary()
    except anvil.NoAnvil as missing:
        screen.tell(f"{missing}. The same story on two `memory` chains, in this process:")
        return None


@asynccontextmanager
async def _on_anvil(binary: Path, screen: Screen) -> AsyncIterator[Stage]:
    directory = Path(tempfile.mkdtemp(prefix="isthmus-demo-"))
    keep = False
    try:
        network = await evm.up(directory, binary, screen.tell)
        try:
            async with evm_stage.open_stage(network, _accounts(network)) as stage:
                yield stage
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
    return {
        ChainId(chain): "0x" + LocalSigner(bytes.fromhex(key)).address.hex()
        for chain, key in zip(network.nodes, DEV_KEYS, strict=False)
    }


def _what_next(stage: Stage, screen: Screen, *, stay: bool) -> None:
    if not stay:
        screen.tell(
            "to look around in what you saw: DEMO_STAY=1 make demo; to keep a network: isthmus dev up"
        )
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
