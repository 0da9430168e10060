"""`isthmus ibc trust`: a block from which the light client of a chain may start, for a person to confirm."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from adapters.cosmos.ibc.peek import Heads, heads
from adapters.cosmos.rpc import CometClient
from adapters.jsonrpc import RpcLimits
from adapters.secret import Secret, SecretUnavailableError
from gateway.cli.configured import ConfigFile
from gateway.cli.ibc_chains import run
from gateway.cli.output import CliError, Exit, Json, emit_json, note
from gateway.config.load import MAX_CONFIG
from proofs.ids import IdentifierError, parse_chain
from proofs.types import ChainId

_SUBJECTIVE = (
    "This is what these nodes say, and nothing proves it: compare the hash with sources that you trust "
    "and that are not run by the same people."
)


def trust(
    chain: Annotated[str, typer.Argument(metavar="CHAIN", help="CAIP-2 id, or name in the configuration.")],
    *,
    config_file: ConfigFile = Path(),
    rpc: Annotated[
        list[str], typer.Option("--rpc", help="RPC of a node; instead of the configuration.")
    ] = [],  # noqa: B006 - Typer copies it
    as_json: Json = False,
) -> None:
    """Print trust_height and trust_hash for the configuration, as all nodes that answer have them.

    The configuration need not be complete. Exit code 3 when the nodes disagree.
    """
    name, urls = _typed(chain, rpc) if rpc else _configured(config_file, chain)
    found = run(_heads(name, urls))
    hashes = set(found.hashes.values())
    if not hashes:
        said = "; ".join(found.failed.values())
        raise CliError(f"{name}: no node has a block to begin from: {said}", exit_code=Exit.UNHEALTHY)
    if len(hashes) != 1:
        said = ", ".join(f"{label} {one.hex()}" for label, one in found.hashes.items())
        raise CliError(
            f"{name}: the nodes disagree about block {found.height}: {said}",
            exit_code=Exit.UNHEALTHY,
            hint="one of them serves a fork or lies: find out which before you trust any",
        )
    [block_hash] = hashes
    suggested_s = found.unbonding_s * 2 // 3
    if as_json:
        emit_json(
            {
                "chain": name,
                "trust_height": found.height,
                "trust_hash": block_hash.hex(),
                "trusting_period_s": suggested_s or None,
                "agreed": list(found.hashes),
                "failed": dict(found.failed),
            }
        )
    else:
        print(f'trust_height = {found.height}\ntrust_hash = "{block_hash.hex()}"')
        if suggested_s:
            print(f"trusting_period_s = {suggested_s}")
    for label, why in found.failed.items():
        note(f"{label} did not answer: {why}")
    if len(found.hashes) == 1:
        note("Only one node was asked: its operator alone decides what you would trust.")
    note(_SUBJECTIVE)


def _typed(chain: str, urls: list[str]) -> tuple[ChainId, dict[str, str]]:
    return _named(chain), {str(number): url for number, url in enumerate(urls)}


def _named(chain: str) -> ChainId:
    try:
        return parse_chain(chain)
    except IdentifierError as error:
        raise CliError(str(error), exit_code=Exit.USAGE, hint="for example cosmos:chain-a") from None


async def _heads(chain: ChainId, urls: dict[str, str]) -> Heads:
    clients = [CometClient(label, url, RpcLimits()) for label, url in urls.items()]
    try:
        return await heads(clients, chain, chain.partition(":")[2])
    finally:
        for client in clients:
            await client.close()


def _configured(file: Path, chain: str) -> tuple[ChainId, dict[str, str]]:
    """Return a chain and its nodes from a configuration that need not be complete: it lacks a block."""
    if file == Path():
        raise CliError("expected --config or --rpc", exit_code=Exit.USAGE)
    try:
        with file.open("rb") as opened:
            raw = tomllib.loads(opened.read(MAX_CONFIG).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise CliError(f"{file}: {error}", exit_code=Exit.USAGE) from None
    entries = _tables(raw.get("chains"))
    found = [one for one in entries if chain in (one.get("id"), one.get("name"))]
    if len(found) != 1 or found[0].get("adapter") != "cosmos":
        known = ", ".join(str(one.get("id")) for one in entries if one.get("adapter") == "cosmos")
        raise CliError(
            f"expected one Cosmos chain named {chain!r}, got {len(found)}",
            exit_code=Exit.USAGE,
            hint=f"Cosmos chains of this configuration: {known or 'none'}",
        )
    section = found[0].get("config")
    nodes = _tables(section.get("endpoints")) if isinstance(section, dict) else []
    urls = {str(one["name"]): _url(str(one["rpc_url"])) for one in nodes if {"name", "rpc_url"} <= one.keys()}
    if not urls:
        raise CliError(f"{chain}: expected endpoints with name and rpc_url, got none", exit_code=Exit.USAGE)
    return _named(str(found[0]["id"])), urls


def _tables(value: object) -> list[dict[str, Any]]:
    """Return the tables in a list; none in what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _url(text: str) -> str:
    if not text.startswith(("env:", "file:")):
        return text
    try:
        return Secret(text).reveal()
    except SecretUnavailableError as error:
        raise CliError(str(error), exit_code=Exit.USAGE) from None
