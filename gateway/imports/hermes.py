"""Reads the configuration of Hermes, the Rust IBC relayer: chains, keys by name, fees, channels to relay.

Pure: text in, data out. Its packet filter names one end of a channel; who is at the other end is a question
to the chains, so `channels` lists the ends and `read_config` takes the answers. Every setting that has no
place in our configuration becomes a note; a key that this version does not know becomes one too.

Implements: config.toml of Hermes 1.8 to 1.13.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.imports.model import (
    Imported,
    ImportedChain,
    ImportedEnd,
    ImportedEndpoint,
    ImportedLane,
    ImportFileError,
    Note,
)
from gateway.imports.registry import decimal_text

_LEVELS = {"trace": "debug", "debug": "debug", "info": "info", "warn": "warning", "error": "error"}
_UNITS_S = {
    **dict.fromkeys(("ms", "msec", "millis"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("w", "week", "weeks"), 604_800),
}
_DURATION = re.compile(r"(\d{1,12})\s*([a-z]+)\s*")
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmg]i?)?b?", re.IGNORECASE)
_SIZES = {"": 1, "k": 10**3, "ki": 2**10, "m": 10**6, "mi": 2**20, "g": 10**9, "gi": 2**30}

_CARRIED = {
    *(
        "id",
        "type",
        "rpc_addr",
        "grpc_addr",
        "event_source",
        "rpc_timeout",
        "account_prefix",
        "key_name",
        "gas_price",
    ),
    *("gas_multiplier", "max_msg_num", "clock_drift", "trusting_period", "trust_threshold", "packet_filter"),
}
_HARMLESS = {
    "trusted_node": "no node is trusted: every header and proof is verified",
    "compat_mode": "nodes of CometBFT 0.38 and newer are understood",
    "max_block_time": "the light client needs no such allowance",
    "max_grpc_decoding_size": "answers have caps of their own",
    "query_packets_chunk_size": "lists are as long as [limits] and the chains allow",
    "sequential_batch_tx": "sequences are kept per key; several keys go in parallel (more_signers)",
    "default_gas": "gas is simulated",
    "clear_interval": "what is pending is looked for all the time",
    "client_refresh_rate": "clients are refreshed well before they expire",
}
_LOST = {
    "max_gas": "set max_gas_per_transaction",
    "key_store_type": "keys are in our encrypted keystore",
    "key_store_folder": "keys are in our encrypted keystore",
    "dynamic_gas_price": "the price is fixed: set gas_price, and max_fee as its cap",
    "gas_adjustment": "obsolete: gas_multiplier is read",
    "max_tx_size": "set batch to keep transactions small",
    "fee_granter": "fees are paid by the key that signs",
    "memo_prefix": "transactions carry no memo",
    "extension_options": "transactions carry no extension",
    "address_type": "accounts are Cosmos accounts with secp256k1 keys",
    "ccv_consumer_chain": "the unbonding period must be given when a client is created",
    "genesis_restart": "a chain that began anew needs a new anchor",
    "proof_specs": "clients are created with the specs of the Cosmos SDK",
    "excluded_sequences": "a packet that cannot be delivered is parked by itself",
    "allow_ccq": "interchain queries are not relayed",
}

_PACKETS: Mapping[str, tuple[object, str]] = {
    "enabled": (True, "not carried over: lanes relay; leave the lanes out"),
    "clear_on_start": (True, "not carried over: what is pending is always relayed"),
    "clear_interval": (0, f"not needed: {_HARMLESS['clear_interval']}"),
    "clear_limit": (None, f"not needed: {_HARMLESS['clear_interval']}"),
    "tx_confirmation": (False, "not needed: every effect is read from state"),
    "auto_register_counterparty_payee": (False, "not carried over: incentives for relayers (ICS-29)"),
    "force_disable_clear_on_start": (False, "not carried over: what is pending is always relayed"),
    "ics20_max_receiver_size": (None, "not carried over: only memos have a cap"),
}
"""Setting -> the value that asks for nothing, and what to say of any other."""


@dataclass(slots=True)
class _Reader:
    """One file while it is read."""

    notes: list[Note]

    def note(self, where: str, what: str) -> None:
        self.notes.append(Note(where=where, what=what))


def channels(text: str) -> tuple[ImportedEnd, ...]:
    """Return the ends of channels that the file's filters allow by name. Raises `ImportFileError`."""
    found = []
    for chain in _chains(_parsed(text)):
        found += [end for end in _allowed(chain, _Reader([])) if "*" not in end.port + end.channel]
    return tuple(found)


def read_config(text: str, others: Mapping[ImportedEnd, tuple[ImportedEnd, bool]]) -> Imported:
    """Return what the file says in our terms; `others` is who is at the other end, and whether it is ordered.

    Raises `ImportFileError` for a file that is no configuration of Hermes.
    """
    raw, reader = _parsed(text), _Reader([])
    chains = _chains(raw)
    found = [_chain(chain, reader) for chain in chains if _is_cosmos(chain, reader)]
    memo_bytes = _mode(raw, reader)
    known = {chain.native_id for chain in found}
    lanes: dict[frozenset[ImportedEnd], ImportedLane] = {}
    for chain in chains:
        batch = chain.get("max_msg_num", 0)
        for end in _allowed(chain, reader) if chain.get("id") in known else ():
            lane = _lane(end, others, known, reader)
            if lane is not None:
                lanes.setdefault(frozenset(lane[:2]), _made(lane, batch, memo_bytes))
    _rest(raw, reader)
    level = _table(raw, "global").get("log_level", "")
    return Imported(
        chains=tuple(found),
        lanes=tuple(lanes.values()),
        notes=tuple(dict.fromkeys(reader.notes)),
        log_level=_LEVELS.get(str(level), ""),
    )


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ImportFileError(f"expected TOML: {error}") from None


def _chains(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = raw.get("chains")
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ImportFileError("expected [[chains]], there are none: is this a configuration of Hermes?")
    return found


def _table(raw: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}


def _is_cosmos(raw: Mapping[str, Any], reader: _Reader) -> bool:
    kind = raw.get("type", "CosmosSdk")
    if kind != "CosmosSdk":
        reader.note(f"chains.{raw.get('id')}", f"a chain of type {kind}: not taken")
        return False
    if not re.fullmatch(r"[-_a-zA-Z0-9]{1,32}", str(raw.get("id"))):
        reader.note(f"chains.{raw.get('id')}", "not taken: its name does not fit into a CAIP-2 id")
        return False
    return True


def _chain(raw: Mapping[str, Any], reader: _Reader) -> ImportedChain:
    name = str(raw.get("id"))
    where = f"chains.{name}"
    for key in sorted(raw.keys() - _CARRIED):
        why = _HARMLESS.get(key) or _LOST.get(key) or "this version does not know it"
        if key != "store_prefix" and not _is_default(key, raw[key]):
            reader.note(f"{where}.{key}", f"not carried over: {why}")
    if raw.get("store_prefix", "ibc") != "ibc":
        reader.note(f"{where}.store_prefix", f"not carried over: expected ibc, got {raw['store_prefix']!r}")
    price = _table(raw, "gas_price")
    amount, multiplier = price.get("price"), raw.get("gas_multiplier")
    return ImportedChain(
        native_id=name,
        bech32_prefix=str(raw.get("account_prefix", "")),
        gas_price="" if amount is None else _decimal(amount, f"{where}.gas_price.price"),
        fee_denom=str(price.get("denom", "")),
        endpoints=_endpoints(raw, where),
        key_name=_key_name(str(raw.get("key_name", "")), where, reader),
        request_timeout_s=_seconds(raw, "rpc_timeout", where),
        gas_adjustment="" if multiplier is None else _decimal(multiplier, f"{where}.gas_multiplier"),
        trusting_period_s=_whole(_seconds(raw, "trusting_period", where)),
        trust_level=_fraction(raw.get("trust_threshold"), where),
        max_clock_drift_s=_whole(_seconds(raw, "clock_drift", where)),
    )


def _is_default(key: str, value: object) -> bool:
    """Say whether a setting asks for nothing."""
    if key == "address_type":
        return bool(value == {"derivation": "cosmos"})
    return key in _LOST and not value


def _endpoints(raw: Mapping[str, Any], where: str) -> tuple[ImportedEndpoint, ...]:
    rpc = raw.get("rpc_addr")
    if not isinstance(rpc, str):
        raise ImportFileError(f"{where}.rpc_addr: expected a URL, got {rpc!r}")
    source = _table(raw, "event_source")
    ws = source.get("url", raw.get("websocket_addr", "")) if source.get("mode") != "pull" else ""
    grpc = str(raw.get("grpc_addr", "")).rstrip("/")
    return (ImportedEndpoint(name="first", rpc=rpc.rstrip("/"), grpc=grpc, ws=str(ws)),)


def _key_name(name: str, where: str, reader: _Reader) -> str:
    """Return the name as our keystore takes it."""
    ours = re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64]
    if ours:
        reader.note(f"{where}.key_name", f"put the key itself into our keystore, by the name {ours!r}")
    return ours


def _seconds(raw: Mapping[str, Any], key: str, where: str) -> float | None:
    if key not in raw:
        return None
    text = str(raw[key]).strip().lower()
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text):
        raise ImportFileError(f"{where}.{key}: expected a duration such as 14days, got {raw[key]!r}")
    if any(unit not in _UNITS_S for _, unit in parts):
        raise ImportFileError(f"{where}.{key}: expected units such as s, h or days, got {raw[key]!r}")
    return float(sum(int(number) * _UNITS_S[unit] for number, unit in parts))


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else max(1, int(seconds))


def _decimal(value: object, where: str) -> str:
    found = decimal_text(value)
    if not found:
        raise ImportFileError(f"{where}: expected a number, got {str(value)[:80]!r}")
    return found


def _fraction(value: object, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, dict):
        value = f"{value.get('numerator')}/{value.get('denominator')}"
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", str(value))
    if found is None:
        raise ImportFileError(f"{where}.trust_threshold: expected a fraction such as 1/3, got {value!r}")
    return int(found[1]), int(found[2])


def _allowed(raw: Mapping[str, Any], reader: _Reader) -> Iterator[ImportedEnd]:
    """Yield the ends that a chain's filter allows, patterns included; note what it says beyond."""
    chain = str(raw.get("id"))
    where = f"chains.{chain}.packet_filter"
    found = _table(raw, "packet_filter")
    policy = found.get("policy", "allowall")
    if policy != "allow":
        reader.note(where, f"policy {policy!r}: lanes are named one by one, so none was made from it")
        return
    for key in sorted(found.keys() - {"policy", "list"}):
        reader.note(f"{where}.{key}", "not carried over: fees of single channels are not asked for")
    listed = found.get("list")
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, list) or len(entry) != 2 or not all(isinstance(one, str) for one in entry):
            raise ImportFileError(f"{where}.list: expected pairs of port and channel, got {entry!r}")
        yield ImportedEnd(native_id=chain, port=entry[0], channel=entry[1])


def _lane(
    end: ImportedEnd,
    others: Mapping[ImportedEnd, tuple[ImportedEnd, bool]],
    known: set[str],
    reader: _Reader,
) -> tuple[ImportedEnd, ImportedEnd, bool] | None:
    where = f"chains.{end.native_id}.packet_filter.list {end.port}/{end.channel}"
    if "*" in end.port + end.channel:
        reader.note(where, "a pattern: lanes are named one by one, add those that are wanted")
        return None
    if end not in others:
        reader.note(where, "its other end is not known: ask the chains with --resolve, or add two [[lanes]]")
        return None
    other, ordered = others[end]
    if other.native_id not in known:
        reader.note(where, f"its other end is on {other.native_id!r}, which the file does not have")
        return None
    return end, other, ordered


def _made(lane: tuple[ImportedEnd, ImportedEnd, bool], batch: object, memo: int | None) -> ImportedLane:
    first, second, ordered = lane
    size = batch if isinstance(batch, int) else 0
    return ImportedLane(first=first, second=second, ordered=ordered, batch=size, max_memo_bytes=memo)


def _mode(raw: Mapping[str, Any], reader: _Reader) -> int | None:
    """Note what the modes ask for that is otherwise here; return the cap of memos."""
    mode = _table(raw, "mode")
    clients, packets = _table(mode, "clients"), _table(mode, "packets")
    for key in ("enabled", "refresh", "misbehaviour"):
        if clients.get(key) is False:
            reader.note(f"mode.clients.{key}", "not carried over: clients of lanes are always looked after")
    for kind in ("connections", "channels"):
        if _table(mode, kind).get("enabled"):
            reader.note(f"mode.{kind}", "not carried over: handshakes are made by `isthmus ibc create`")
    for key in sorted(packets.keys() - {"ics20_max_memo_size"}):
        ordinary, why = _PACKETS.get(key, (None, "not carried over: this version does not know it"))
        if packets[key] != ordinary:
            reader.note(f"mode.packets.{key}", why)
    limit = _table(packets, "ics20_max_memo_size")
    return _size(limit.get("size"), "mode.packets.ics20_max_memo_size") if limit.get("enabled") else None


def _size(value: object, where: str) -> int | None:
    if value is None:
        return None
    found = _SIZE.fullmatch(str(value).strip())
    if found is None:
        raise ImportFileError(f"{where}: expected a size such as 32 KiB, got {value!r}")
    return int(float(found[1]) * _SIZES[(found[2] or "").lower()])


def _rest(raw: Mapping[str, Any], reader: _Reader) -> None:
    for name in ("rest", "telemetry", "tracing_server"):
        if _table(raw, name).get("enabled"):
            reader.note(name, "not carried over: one address serves API, page and metrics, see [api]")
    for name in sorted(raw.keys() - {"global", "mode", "chains", "rest", "telemetry", "tracing_server"}):
        reader.note(name, "not carried over: this version does not know it")
