"""`isthmus ibc import`: configurations of others, written as ours. What is not carried over is listed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from adapters.cosmos.ibc.peek import far_end
from adapters.cosmos.rpc import CometClient
from adapters.errors import AdapterError
from adapters.jsonrpc import RpcLimits
from gateway.cli.ibc_chains import run
from gateway.cli.output import CliError, Exit, Json, emit_json, note
from gateway.imports import hermes, registry
from gateway.imports.model import Imported, ImportedChain, ImportedEnd, ImportFileError, Note
from gateway.imports.write import chains_toml, to_toml

app = typer.Typer(help="Import configurations of others.", no_args_is_help=True, rich_markup_mode=None)

_MAX_BYTES = 4 << 20
_MAX_CHAINS = 256

Others = dict[ImportedEnd, tuple[ImportedEnd, bool]]


@app.command("chain-registry")
def import_registry(
    path: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A chain.json, or a directory with some below.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Write [[chains]] for chains of the Cosmos chain registry."""
    chains: list[ImportedChain] = []
    notes: list[Note] = []
    files = [path] if path.is_file() else sorted({*path.glob("chain.json"), *path.glob("*/chain.json")})
    if not files or len(files) > _MAX_CHAINS:
        raise CliError(
            f"{path}: expected 1 to {_MAX_CHAINS} chain.json, got {len(files)}", exit_code=Exit.USAGE
        )
    for file in files:
        source = str(file) if file == path else str(file.relative_to(path))
        try:
            found = registry.read_chain(_read(file), source)
        except ImportFileError as error:
            if len(files) == 1:
                raise CliError(str(error), exit_code=Exit.USAGE) from None
            notes.append(Note(where=source, what=f"not taken: {error}"))
            continue
        chains += found.chains
        notes += found.notes
    _write(Imported(chains=tuple(chains), notes=tuple(notes)), as_json=as_json, whole=False)


@app.command("hermes")
def import_hermes(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="config.toml of Hermes.")],
    *,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Ask the file's nodes who is at the other end of its channels.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a whole configuration: chains, and lanes for the channels that the packet filters allow."""
    text = _read(file)
    try:
        chains = hermes.read_config(text, {}).chains
        others, notes = run(_resolved(chains, hermes.channels(text))) if resolve else ({}, [])
        found = hermes.read_config(text, others)
    except ImportFileError as error:
        raise CliError(f"{file}: {error}", exit_code=Exit.USAGE) from None
    complete = Imported(
        chains=found.chains, lanes=found.lanes, notes=(*notes, *found.notes), log_level=found.log_level
    )
    _write(complete, as_json=as_json, whole=True)


async def _resolved(
    chains: tuple[ImportedChain, ...], ends: tuple[ImportedEnd, ...]
) -> tuple[Others, list[Note]]:
    """Return who is at the other ends, by the nodes' word, and what could not be found out."""
    others: Others = {}
    notes: list[Note] = []
    for chain in chains:
        client = CometClient(chain.endpoints[0].name, chain.endpoints[0].rpc, RpcLimits())
        try:
            for end in [end for end in ends if end.native_id == chain.native_id]:
                try:
                    far = await far_end(client, end.port, end.channel)
                except AdapterError as error:
                    notes.append(Note(where=f"{chain.native_id} {end.port}/{end.channel}", what=str(error)))
                    continue
                other = ImportedEnd(native_id=far.native_id, port=far.port, channel=far.channel)
                others[end] = (other, far.ordered)
        finally:
            await client.close()
    return others, notes


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_BYTES + 1)
        if len(raw) > _MAX_BYTES:
            raise CliError(f"{file}: expected at most {_MAX_BYTES} bytes", exit_code=Exit.USAGE)
        return raw.decode()
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}", exit_code=Exit.USAGE) from None
    except UnicodeDecodeError as error:
        raise CliError(f"{file}: expected UTF-8 text: byte {error.start}", exit_code=Exit.USAGE) from None


def _write(found: Imported, *, as_json: bool, whole: bool) -> None:
    toml = to_toml(found) if whole else chains_toml(found)
    if as_json:
        emit_json(
            {
                "toml": toml,
                "chains": [chain.id for chain in found.chains],
                "lanes": 2 * len(found.lanes),
                "notes": [asdict(one) for one in found.notes],
            }
        )
        return
    print(toml, end="")
    for one in found.notes:
        note(f"{one.where}: {one.what}")
