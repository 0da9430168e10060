"""`isthmus chain`: the chains of a running gateway."""

import time
from typing import Annotated

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, CliError, Json, Key, Url, emit_json

app = typer.Typer(help="Chains: heads, finality, state.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_chains(*, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """List the chains."""
    answer = client.call(url, "GET", "/v1/chains", key=key)
    if as_json:
        emit_json(answer)
    else:
        show.chains(answer["chains"], time.time())


@app.command("show")
def show_chain(
    chain: Annotated[str, typer.Argument(help="Name or CAIP-2 id.")],
    *,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Show one chain."""
    answers = client.call(url, "GET", "/v1/chains", key=key)["chains"]
    found = [one for one in answers if chain in (one["id"], one["name"])]
    if len(found) != 1:
        known = ", ".join(f"{one['name']} ({one['id']})" for one in answers)
        raise CliError(f"expected one chain named {chain!r}, got {len(found)}", hint=f"known: {known}")
    if as_json:
        emit_json(found[0])
    else:
        show.chains(found, time.time())
