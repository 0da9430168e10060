"""`isthmus route`: the lanes of a running gateway, with the trust that each rests on."""

import time
from typing import Annotated

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, Json, Key, Url, emit_json

app = typer.Typer(help="Lanes: trust, backlog, halt, resume.", no_args_is_help=True, rich_markup_mode=None)

LaneId = Annotated[str, typer.Argument(metavar="LANE", help="Lane id, see `isthmus route list`.")]


@app.command("list")
def list_lanes(*, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """List the lanes."""
    answer = client.call(url, "GET", "/v1/lanes", key=key)
    if as_json:
        emit_json(answer)
    else:
        show.lanes(answer["lanes"], time.time())


@app.command("show")
def show_lane(lane: LaneId, *, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Show one lane."""
    _act(url, "GET", f"/v1/lanes/{lane}", key, as_json=as_json)


@app.command("halt")
def halt_lane(
    lane: LaneId,
    *,
    reason: Annotated[str, typer.Option(help="Why; everyone who asks about the lane sees it.")],
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Stop a lane until it is resumed. Needs a key with scope `admin`."""
    _act(url, "POST", f"/v1/lanes/{lane}:halt", key, as_json=as_json, body={"reason": reason})


@app.command("resume")
def resume_lane(lane: LaneId, *, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Let a halted lane go on. Needs a key with scope `admin`."""
    _act(url, "POST", f"/v1/lanes/{lane}:resume", key, as_json=as_json)


def _act(
    url: str, method: str, path: str, key: str, *, as_json: bool, body: dict[str, str] | None = None
) -> None:
    answer = client.call(url, method, path, key=key, body=body)
    if as_json:
        emit_json(answer)
    else:
        show.lanes([answer], time.time())
