"""`isthmus send`: a message or a token transfer, from a chain whose signer this gateway holds.

What can be refused here is refused here, with the reason; what only the chain knows, the chain refuses, and
its reason is shown. The same command with the same `--idempotency-key` sends once.
"""

import time
import uuid
from typing import Annotated, Any

import typer

from gateway.cli import client, show
from gateway.cli.output import DEFAULT_URL, CliError, Exit, Json, Key, Url, emit_json, note
from proofs.limits import MAX_PAYLOAD_TOTAL

app = typer.Typer(rich_markup_mode=None)

_POLL_S = 0.5
_FAILED = {"refunded", "rejected", "parked"}


@app.command()
def send(
    source: Annotated[
        str,
        typer.Argument(metavar="FROM", help="Name or CAIP-2 id of the source chain; with /CLIENT if needed."),
    ],
    destination: Annotated[str, typer.Argument(metavar="TO", help="Name or id of the destination chain.")],
    recipient: Annotated[str, typer.Argument(help="Recipient, in the destination's own notation.")],
    payload: Annotated[str, typer.Argument(help="Text, or 0x and hex. Empty for a token transfer.")] = "",
    *,
    token: Annotated[str, typer.Option(help="Denomination or token address: makes it a transfer.")] = "",
    amount: Annotated[int, typer.Option(min=0, help="Amount in the token's smallest unit.")] = 0,
    timeout: Annotated[int, typer.Option(min=1, help="Seconds until it must not be delivered.")] = 3600,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the acknowledgement.")] = False,
    idempotency_key: Annotated[str, typer.Option(help="The same key sends once.")] = "",
    as_json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Send a message, or with --token and --amount a token transfer. Needs a key with scope `send`."""
    lane = _lane(client.call(url, "GET", "/v1/lanes", key=key)["lanes"], source, destination)
    item = {"timeout_s": int(time.time()) + timeout} | _item(recipient, payload, token, amount)
    if lane["unsafe"]:
        note(f"lane {lane['id']} is UNSAFE: {lane['unsafe_because']}")
    headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
    body = {"lane": lane["id"], "items": [item]}
    answer = client.call(url, "POST", "/v1/messages", key=key, body=body, headers=headers)
    if not wait:
        if as_json:
            emit_json(answer)
        else:
            print(answer["message_ids"][0])
        return
    _follow(url, key, answer["message_ids"][0], timeout, as_json=as_json)


def _lane(lanes: list[dict[str, Any]], source: str, destination: str) -> dict[str, Any]:
    found = [
        lane
        for lane in lanes
        if source in _names(lane, "source") and destination in _names(lane, "destination")
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{lane['source_name']} -> {lane['destination_name']}" for lane in lanes) or "none"
    if not found:
        raise CliError(
            f"unsupported destination: no lane from {source!r} to {destination!r}",
            exit_code=Exit.USAGE,
            hint=f"lanes of this gateway: {known}",
        )
    ends = ", ".join(f"{lane['source_name']}/{lane['source_client']}" for lane in found)
    raise CliError(
        f"{len(found)} lanes from {source!r} to {destination!r}",
        exit_code=Exit.USAGE,
        hint=f"say which client or channel: {ends}",
    )


def _names(lane: dict[str, Any], side: str) -> set[str]:
    """Return what one end of a lane may be called: the chain's id or name, alone or with the client."""
    chains = {lane[side], lane[f"{side}_name"]}
    return chains | {f"{chain}/{lane[f'{side}_client']}" for chain in chains}


def _item(recipient: str, payload: str, token: str, amount: int) -> dict[str, Any]:
    if bool(token) != bool(amount):
        raise CliError("a token transfer needs both --token and --amount", exit_code=Exit.USAGE)
    if token and payload:
        raise CliError("a token transfer carries no payload: leave PAYLOAD out", exit_code=Exit.USAGE)
    if token:
        return {"kind": "transfer", "denom": token, "amount": str(amount), "receiver": recipient}
    value = _bytes(payload)
    if len(value) > MAX_PAYLOAD_TOTAL:
        raise CliError(
            f"payload too large: at most {MAX_PAYLOAD_TOTAL} bytes, got {len(value)}", exit_code=Exit.USAGE
        )
    return {"kind": "message", "recipient": recipient, "payload": "0x" + value.hex()}


def _bytes(payload: str) -> bytes:
    if not payload.startswith("0x"):
        return payload.encode()
    try:
        return bytes.fromhex(payload[2:])
    except ValueError:
        raise CliError(
            f"payload {payload[:20]!r} begins with 0x but is no hex", exit_code=Exit.USAGE
        ) from None


def _follow(url: str, key: str, message_id: str, timeout: int, *, as_json: bool) -> None:
    deadline_s = time.monotonic() + timeout + 60
    state = ""
    while time.monotonic() < deadline_s:
        try:
            found = client.call(url, "GET", f"/v1/messages/{message_id}", key=key)
        except CliError as error:
            if error.exit_code is not Exit.FAILED:
                raise
            found = {"state": "sent"}
        if found["state"] != state:
            state = found["state"]
            note(f"{message_id} {state}")
        if state == "acknowledged" or state in _FAILED:
            if as_json:
                emit_json(found)
            else:
                show.message(found, time.time())
            refused = state == "acknowledged" and found["reason"]
            raise typer.Exit(Exit.FAILED if refused or state in _FAILED else Exit.DONE)
        time.sleep(_POLL_S)
    raise CliError(
        f"{message_id} is still {state}", exit_code=Exit.PENDING, hint=f"isthmus message why {message_id}"
    )
