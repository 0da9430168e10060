"""`isthmus watch`: lanes and the newest messages, live. A terminal is redrawn; in a pipe, lines follow."""

import sys
import time
from typing import Annotated, Any

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, Json, Key, Url, console, emit_json

app = typer.Typer(rich_markup_mode=None)


@app.command()
def watch(
    *,
    every: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds between looks.")] = 1.0,
    looks: Annotated[
        int, typer.Option(min=0, help="Stop after this many looks; 0 goes on until Ctrl-C.")
    ] = 0,
    lane: Annotated[str, typer.Option(help="Only this lane.")] = "",
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Follow lanes and messages until Ctrl-C."""
    done = 0
    while not looks or done < looks:
        if done:
            time.sleep(every)
        lanes = client.call(url, "GET", "/v1/lanes", key=key)["lanes"]
        chosen = [one for one in lanes if lane in ("", one["id"])]
        page = client.call(url, "GET", "/v1/messages", key=key, query={"limit": "10", "lane": lane})
        _look(chosen, page, as_json=as_json)
        done += 1


def _look(lanes: list[dict[str, Any]], page: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json({"lanes": lanes, "messages": page["messages"]})
        return
    if not sys.stdout.isatty():
        for lane in lanes:
            counts = " ".join(f"{state}={number}" for state, number in sorted(lane["counts"].items()))
            unsafe = " UNSAFE" if lane["unsafe"] else ""
            print(f"{lane['id']} {lane['state']}{unsafe} open={lane['open']} {counts}", flush=True)
        return
    console().clear()
    show.lanes(lanes, time.time())
    show.messages(page["messages"], time.time())
