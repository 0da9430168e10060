"""How records look on a terminal: tables and sentences made from the API's JSON. No I/O but printing."""

from typing import Any

from gateway.cli.output import console, table
from gateway.page.words import age, short, steps, symbol


def lanes(items: list[dict[str, Any]], now_s: float) -> None:
    """Print lanes with their trust; an unsafe lane says so in its own column and below."""
    rows = [
        (
            lane["id"],
            f"{lane['source_name']} -> {lane['destination_name']}",
            f"{symbol(lane['state'])} {lane['state']}",
            lane["trust"] + (" UNSAFE" if lane["unsafe"] else ""),
            str(lane["open"]),
            age(lane["oldest_open_s"], now_s) if lane["open"] else "",
            " ".join(f"{state}={number}" for state, number in sorted(lane["counts"].items())),
        )
        for lane in items
    ]
    table("Lanes", ("id", "lane", "state", "trust", "open", "oldest", "messages"), rows)
    for lane in items:
        if lane["reason"]:
            console().print(f"{lane['id']}: {lane['reason']}", markup=False)
        if lane["unsafe"]:
            console().print(f"{lane['id']}: UNSAFE: {lane['unsafe_because']}", markup=False)


def chains(items: list[dict[str, Any]], now_s: float) -> None:
    """Print chains with head and finality."""
    rows = [
        (
            chain["id"],
            chain["name"],
            f"{symbol(chain['state'])} {chain['state']}",
            _number(chain["head_height"]),
            _number(chain["finalized_height"]),
            age(chain["observed_at_s"], now_s),
            f"{chain['light_client']} ({chain['assurance']})",
            "; ".join([*([chain["error"]] if chain["error"] else []), *_endpoint_troubles(chain)]),
        )
        for chain in items
    ]
    table("Chains", ("id", "name", "state", "head", "final", "read", "judged by", "error"), rows)


def _endpoint_troubles(chain: dict[str, Any]) -> list[str]:
    return [
        f"endpoint {one['name']} {one['state']}" + (f" for {one['reason']}" if one["reason"] else "")
        for one in chain["endpoints"]
        if one["state"] != "usable"
    ]


def messages(items: list[dict[str, Any]], now_s: float) -> None:
    """Print messages, one a row; `show` and `why` take the whole id."""
    rows = [
        (
            message["id"],
            f"{message['lane']} {message['sequence']}" + (" UNSAFE" if message["unsafe"] else ""),
            f"{symbol(message['state'])} {message['state']}",
            age(message["since_s"], now_s),
            message["reason"] or message["waiting_on"].replace("nothing", "").replace("_", " "),
        )
        for message in items
    ]
    table("Messages", ("id", "lane, number", "state", "since", "waits for"), rows)


def message(one: dict[str, Any], now_s: float) -> None:
    """Print one message with its timeline."""
    out = console()
    unsafe = " UNSAFE" if one["unsafe"] else ""
    facts = {
        "message": one["id"],
        "lane": f"{one['source']}/{one['source_client']} -> {one['destination']}/{one['destination_client']}",
        "number": str(one["sequence"]),
        "state": f"{symbol(one['state'])} {one['state']} since {age(one['since_s'], now_s)}"
        + (f": {one['reason']}" if one["reason"] else ""),
        "trust": one["trust"] + unsafe,
        "sent in": f"{one['transaction']} (block {one['height']})",
        "delivered in": one["delivery"] or "-",
        "delivered by": one["delivered_by"] or "-",
        "timeout": age(one["timeout_s"], now_s)
        + (f"; at height {one['timeout_height']} of the destination" if one["timeout_height"] else ""),
        "attempts": str(one["attempts"]),
    }
    for name, value in facts.items():
        out.print(f"{name:<13} {value}", markup=False, soft_wrap=True)
    for payload in one["payloads"]:
        ports = f"{payload['source_port']} -> {payload['destination_port']}"
        out.print(
            f"{'payload':<13} {ports}, {payload['size']} bytes: {short(payload['value'])}", markup=False
        )
    for entry, text in steps(one["timeline"], dict.__getitem__):
        reason = f"  {text}" if text else ""
        out.print(
            f"  {symbol(entry['state'])} {entry['state']:<13} {age(entry['at_s'], now_s)}{reason}",
            markup=False,
        )


def why(explanation: dict[str, Any]) -> None:
    """Print the sentence, the evidence, and what to do."""
    out = console()
    out.print(explanation["sentence"], markup=False, soft_wrap=True)
    for name, value in explanation["evidence"].items():
        out.print(f"  {name.replace('_', ' ')}: {value}", markup=False, soft_wrap=True)
    if explanation["command"]:
        out.print(f"next: {explanation['command']}", markup=False, soft_wrap=True)


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
