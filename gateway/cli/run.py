"""`isthmus run`: one gateway, until it is told to stop. SIGTERM and Ctrl-C stop it cleanly."""

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import typer

from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.output import CliError, Exit, note
from gateway.config.diagnostics import ConfigError
from gateway.config.plugins import InstalledAdapters
from gateway.observe import logs
from gateway.selfcheck import check_installation
from gateway.store.errors import StoreError
from gateway.wiring import Gateway, build

app = typer.Typer(rich_markup_mode=None)

_GC_THRESHOLDS = (50_000, 20, 50)
"""New containers before a look for cycles, and how often older ones are looked at too (see `gc`)."""


@app.command()
def run(config_file: ConfigFile) -> None:
    """Run a gateway. It says on standard error where it listens; its results are on its HTTP address."""
    complaints = check_installation()
    if complaints:
        raise CliError("; ".join(complaints), exit_code=Exit.USAGE)
    config = read_config(config_file)
    logs.configure(config.gateway.log_level, logs.LogFormat(config.gateway.log.value))
    try:
        gateway = build(config, InstalledAdapters())
    except ConfigError as error:
        for diagnostic in error.diagnostics:
            note(str(diagnostic))
        raise CliError(f"{config_file}: keys", exit_code=Exit.USAGE, hint="nothing was started") from None
    try:
        _run(_serve(gateway))
    except (StoreError, OSError) as error:
        raise CliError(f"cannot start: {error}") from None


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop where there is one."""
    if sys.platform == "win32":
        asyncio.run(serving)
    else:
        import uvloop

        uvloop.run(serving)


async def _serve(gateway: Gateway) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await gateway.start()
        _spare_collector()
        note(f"gateway {gateway.config.gateway.name} listens on {gateway.url}")
        ended = asyncio.ensure_future(gateway.wait())
        told = asyncio.ensure_future(stop.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if ended.done():
            await ended
    finally:
        await gateway.stop()


def _spare_collector() -> None:
    """Leave what was made at the start out of all collections, and collect more rarely.

    Open messages live long and form no cycles: walking them at Python's defaults cost a sixth of a relay's
    processor time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
