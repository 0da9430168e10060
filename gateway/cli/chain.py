"""`isthmus chain`: the chains of a running gateway."""

import time
from typing import Annotated

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, Json, Key, Url, emit_json

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
    chain: Annotated[str, typer.Argument(help="CAIP-2 id.")],
    *,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Show one chain."""
    answer = client.call(url, "GET", f"/v1/chains/{chain}", key=key)
    if as_json:
        emit_json(answer)
    else:
        show.chains([answer], time.time())
