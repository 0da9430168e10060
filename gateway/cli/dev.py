"""`isthmus dev`: local chains and three gateways, up and down."""

import asyncio
from contextlib import suppress
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from adapters.errors import AdapterError
from gateway.cli.output import CliError, Exit, Json, emit_json, note
from gateway.dev import evm, place, processes
from gateway.dev.binaries import NoNode, anvil_binary, simd_binary

app = typer.Typer(help="Local chains and three gateways.", no_args_is_help=True, rich_markup_mode=None)


class Beside(Enum):
    """Chains that a local network may have beside its EVM chain."""

    COSMOS = "cosmos"


Directory = Annotated[
    Path, typer.Option("--dir", help="Where the network lives.", show_default="the user's cache directory")
]


@app.command("up")
def up(
    *,
    directory: Directory = Path(),
    memory: Annotated[
        bool, typer.Option("--memory", help="Two memory chains in this process, until Ctrl-C.")
    ] = False,
    beside: Annotated[
        Beside | None, typer.Option("--with", help="Two Cosmos chains beside one EVM chain.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Start two anvil nodes (or what --with says) and three gateways, and leave them running."""
    if memory:
        _memory_network(as_json=as_json)
        return
    where = _where(directory)
    if place.read(where) is not None:
        raise CliError(f"a network is already up in {where}", exit_code=Exit.USAGE, hint="isthmus dev down")
    try:
        network = asyncio.run(_start(where, beside))
    except NoNode as error:
        raise CliError(
            str(error), exit_code=Exit.USAGE, hint="without nodes: isthmus dev up --memory"
        ) from None
    except (processes.ProcessError, AdapterError) as error:
        place.forget(where)
        raise CliError(str(error), exit_code=Exit.UNHEALTHY, hint=f"logs: {where}") from None
    _show(network, where, as_json=as_json)


@app.command("status")
def status(*, directory: Directory = Path(), as_json: Json = False) -> None:
    """Show what runs. Exit code 3 when part of it is gone."""
    where = _where(directory)
    network = _network(where)
    _show(network, where, as_json=as_json)
    gone = [process.name for process in network.processes if not processes.alive(process)]
    if gone:
        raise CliError(f"not running: {', '.join(gone)}", exit_code=Exit.UNHEALTHY, hint=f"logs: {where}")


@app.command("down")
def down(*, directory: Directory = Path(), as_json: Json = False) -> None:
    """Stop everything and remove its directory."""
    where = _where(directory)
    network = _network(where)
    processes.stop(network.processes)
    place.clear(where)
    if as_json:
        emit_json({"stopped": [process.name for process in network.processes]})
    else:
        note(f"stopped: {', '.join(process.name for process in network.processes)}")


async def _start(where: Path, beside: Beside | None) -> place.Network:
    def tell(text: str) -> None:
        note(f"● {text}")

    if beside is None:
        return await evm.up(where, anvil_binary(), tell)
    from gateway.dev import cosmos

    return await cosmos.up(where, anvil_binary(), simd_binary(), tell)


def _memory_network(*, as_json: bool) -> None:
    """Run a network whose chains live in this process, until it is interrupted."""
    from gateway.demo.memory_stage import open_stage

    async def run() -> None:
        async with open_stage(lambda text: note(f"● {text}")) as stage:
            if as_json:
                emit_json({name: asdict(access) for name, access in stage.gateways.items()})
            else:
                for name, access in stage.gateways.items():
                    print(f"gateway {name:<6} {access.url}  (status page; API key {access.key})", flush=True)
            await asyncio.Event().wait()

    with suppress(KeyboardInterrupt, asyncio.CancelledError):
        asyncio.run(run())


def _where(directory: Path) -> Path:
    return place.default_directory() if directory == Path() else directory.resolve()


def _network(where: Path) -> place.Network:
    network = place.read(where)
    if network is None:
        raise CliError(f"no network in {where}", exit_code=Exit.USAGE, hint="isthmus dev up")
    return network


def _show(network: place.Network, where: Path, *, as_json: bool) -> None:
    running = {process.name: processes.alive(process) for process in network.processes}
    if as_json:
        emit_json(
            {
                "directory": str(where),
                "gateways": network.urls,
                "keys": network.admin_keys,
                "chains": network.nodes,
                "contracts": network.contracts,
                "running": running,
            }
        )
        return
    for name, url in network.urls.items():
        print(f"gateway {name:<6} {url}  (status page; API key {network.admin_keys[name]})")
    for chain, url in network.nodes.items():
        safety = "" if chain in network.coins else "  (UNSAFE: this chain has no consensus to verify)"
        print(f"chain {chain}  {url}{safety}")
    first, url = next(iter(network.urls.items()))
    note(f"export ISTHMUS_URL={url} ISTHMUS_API_KEY={network.admin_keys[first]}")
    for hint in _cosmos_hints(network, where) if network.coins else _evm_hints(network):
        note(hint)


def _evm_hints(network: place.Network) -> list[str]:
    recipient = next(iter(reversed(network.contracts.values())))["sample_app"]
    return [f'isthmus send Alpha Beta {recipient} "hello" --wait']


def _cosmos_hints(network: place.Network, where: Path) -> list[str]:
    from gateway.dev import simd
    from gateway.dev.fleet import payers

    [contracts] = network.contracts.values()
    config = where / "alpha" / "isthmus.toml"
    receiver = simd.account(payers()[1])
    return [
        f"isthmus send Alpha Hub {receiver} --token {contracts['token']} --amount 5 --wait",
        "isthmus route list",
        f"isthmus ibc clients cosmos:chain-a --config {config}",
    ]
