"""`isthmus message`: what became of messages. Everything comes from a running gateway's API."""

import re
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, CliError, Exit, Json, Key, Url, emit_json, note

app = typer.Typer(help="What became of messages.", no_args_is_help=True, rich_markup_mode=None)

MessageId = Annotated[
    str, typer.Argument(metavar="ID", help="Its id, the first 8 digits of it or more, or `last`.")
]


@app.command("list")
def list_messages(
    *,
    lane: Annotated[str, typer.Option(help="Lane id.")] = "",
    state: Annotated[str, typer.Option(help="State, for example `parked`.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    cursor: Annotated[str, typer.Option(help="Where the last page ended.")] = "",
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """List messages, newest first."""
    query = {"lane": lane, "state": state, "limit": str(limit), "cursor": cursor}
    page = client.call(url, "GET", "/v1/messages", key=key, query=query)
    if as_json:
        emit_json(page)
        return
    show.messages(page["messages"], time.time())
    if page["cursor"]:
        note(f"more: add --cursor {page['cursor']}")


@app.command("show")
def show_message(
    message_id: MessageId, *, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = ""
) -> None:
    """Show one message with its timeline."""
    found = client.call(url, "GET", _path(url, key, message_id), key=key)
    if as_json:
        emit_json(found)
        return
    show.message(found, time.time())


@app.command("why")
def explain_message(
    message_id: MessageId, *, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = ""
) -> None:
    """Say why a message is where it is, on what evidence, and what to do."""
    explanation = client.call(url, "GET", _path(url, key, message_id) + "/explanation", key=key)
    if as_json:
        emit_json(explanation)
        return
    show.why(explanation)


@app.command("retry")
def retry_message(
    message_id: MessageId, *, as_json: Json = False, url: Url = DEFAULT_URL, key: Key = ""
) -> None:
    """Take a parked message up again. Needs a key with scope `admin`."""
    found = client.call(url, "POST", _path(url, key, message_id) + ":retry", key=key)
    if as_json:
        emit_json(found)
        return
    show.message(found, time.time())


@app.command("export")
def export_message(
    message_id: MessageId,
    file: Annotated[Path, typer.Argument(help="Where to write the proof bundle.")],
    *,
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Write a message's proof bundle, for `isthmus verify --offline FILE`."""
    bundle = client.download(url, _path(url, key, message_id) + "/proof", key=key)
    try:
        file.write_bytes(bundle)
    except OSError as error:
        raise CliError(f"cannot write {file}: {error.strerror}", exit_code=Exit.USAGE) from None
    if as_json:
        emit_json({"file": str(file), "bytes": len(bundle)})
    else:
        note(f"{len(bundle)} bytes in {file}; check it: isthmus verify --offline {file}")


def _path(url: str, key: str, message_id: str) -> str:
    if message_id == "last":
        message_id = _last(url, key)["id"]
    if not re.fullmatch(r"[0-9a-f]{8,64}", message_id):
        raise CliError(
            f"expected 8 to 64 hex digits of a message id, or `last`, got {message_id[:70]!r}",
            exit_code=Exit.USAGE,
            hint="isthmus message list shows the ids",
        )
    return f"/v1/messages/{message_id}"


def _last(url: str, key: str) -> dict[str, Any]:
    page = client.call(url, "GET", "/v1/messages", key=key, query={"limit": "1"})
    if not page["messages"]:
        raise CliError("there is no message yet", hint="send one: isthmus send --help")
    return dict(page["messages"][0])
