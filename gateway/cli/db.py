"""`isthmus db`: the store's schema."""

import asyncio
from pathlib import Path

import typer

from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.output import CliError, Json, emit_json
from gateway.store.errors import StoreError
from gateway.store.store import SqliteStore

app = typer.Typer(help="The store's schema.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def db() -> None:
    """The store's schema."""


@app.command("upgrade")
def upgrade(config_file: ConfigFile, *, as_json: Json = False) -> None:
    """Bring the database to this version's schema. `isthmus run` does it too."""
    config = read_config(config_file)
    file = config.gateway.data / config.store.file
    try:
        asyncio.run(_upgrade(file))
    except StoreError as error:
        raise CliError(f"{file}: {error}") from None
    if as_json:
        emit_json({"file": str(file), "upgraded": True})
    else:
        print(f"{file} has this version's schema")


async def _upgrade(file: Path) -> None:
    store = SqliteStore(file)
    try:
        await store.open()
    finally:
        await store.close()
