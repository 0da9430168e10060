"""Reads `chain.json` of the Cosmos chain registry: what a relayer needs of it, and what it has to look at.

Pure: text in, data out. A registry is a place to find nodes and prices, not a source of trust.

Implements: chain.schema.json of the chain registry (chain_id, bech32_prefix, fees, apis, status).
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import orjson

from gateway.imports.model import Imported, ImportedChain, ImportedEndpoint, ImportFileError, Note

_MAX_ENDPOINTS = 8
_MAX_DECIMAL = 10**18
_PRICES = ("average_gas_price", "low_gas_price", "fixed_min_gas_price", "high_gas_price")
_NATIVE_ID = re.compile(r"[-_a-zA-Z0-9]{1,32}")


def read_chain(text: str, source: str) -> Imported:
    """Return the chain in a `chain.json`; `source` is its name, for messages. Raises `ImportFileError`."""
    try:
        raw = orjson.loads(text)
    except ValueError as error:
        raise ImportFileError(f"{source}: expected JSON: {error}") from None
    if not isinstance(raw, dict):
        raise ImportFileError(f"{source}: expected an object, got {type(raw).__name__}")
    kind = raw.get("chain_type", "cosmos")
    if kind != "cosmos":
        raise ImportFileError(f"{source}: chain_type: expected cosmos, got {str(kind)[:40]!r}")
    native_id, prefix = _text(raw, "chain_id", source), _text(raw, "bech32_prefix", source)
    if not _NATIVE_ID.fullmatch(native_id):
        raise ImportFileError(f"{source}: chain_id: expected 1 to 32 letters, digits, - or _: {native_id!r}")
    price, denom = _price(raw)
    endpoints = tuple(_endpoints(raw))
    chain = ImportedChain(
        native_id=native_id,
        name=str(raw.get("pretty_name", "")),
        bech32_prefix=prefix,
        gas_price=price,
        fee_denom=denom,
        endpoints=endpoints[:_MAX_ENDPOINTS],
    )
    return Imported(chains=(chain,), notes=tuple(_notes(raw, chain, len(endpoints), source)))


def _text(raw: Mapping[str, Any], key: str, source: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise ImportFileError(f"{source}: {key}: expected text, got {value!r}")
    return value


def _price(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Return price and denomination of the first fee token: what the registry calls average, if it does."""
    fees = raw.get("fees")
    tokens = fees.get("fee_tokens") if isinstance(fees, dict) else None
    first = tokens[0] if isinstance(tokens, list) and tokens and isinstance(tokens[0], dict) else {}
    for name in _PRICES:
        price = decimal_text(first.get(name))
        if price:
            return price, str(first.get("denom", ""))
    return "", str(first.get("denom", ""))


def decimal_text(value: object) -> str:
    """Return a price or factor as text without exponent, as short as it is written; else nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _MAX_DECIMAL:
        return ""
    return format(Decimal(repr(value)), "f")


def _endpoints(raw: Mapping[str, Any]) -> Iterator[ImportedEndpoint]:
    names: set[str] = set()
    for entry in _listed(raw, "rpc"):
        address = str(entry["address"]).rstrip("/")
        host = _host(address)
        if not host:
            continue
        wanted = re.sub(r"[^a-z0-9._-]+", "-", str(entry.get("provider") or host).lower()).strip("-")[:64]
        name, number = wanted or "node", 1
        while name in names:
            number += 1
            name = f"{wanted}-{number}"
        names.add(name)
        yield ImportedEndpoint(name=name, rpc=address)


def _host(address: str) -> str:
    """Return the host of an http or https address, empty for any other."""
    try:
        place = urlsplit(address)
        port = place.port
    except ValueError:
        return ""
    return place.hostname or "" if place.scheme in ("http", "https") and port != 0 else ""


def _listed(raw: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    apis = raw.get("apis")
    entries = apis.get(kind) if isinstance(apis, dict) else None
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("address"), str)]


def _notes(raw: Mapping[str, Any], chain: ImportedChain, endpoints: int, source: str) -> Iterator[Note]:
    if raw.get("status") not in (None, "live"):
        yield Note(where=f"{source} status", what=f"the registry calls this chain {raw['status']!r}")
    if not endpoints:
        yield Note(where=f"{source} apis.rpc", what="names no http or https node: an endpoint must be added")
    elif endpoints > _MAX_ENDPOINTS:
        yield Note(
            where=f"{source} apis.rpc", what=f"{endpoints} nodes, the first {_MAX_ENDPOINTS} were taken"
        )
    for kind in ("grpc", "rest", "grpc-web", "wss", "evm-http-jsonrpc"):
        count = len(_listed(raw, kind))
        if count:
            yield Note(
                where=f"{source} apis.{kind}", what=f"{count} addresses not taken: RPC serves everything"
            )
    if not chain.gas_price:
        yield Note(where=f"{source} fees", what="no gas price: it must be filled in")
    fees = raw.get("fees")
    tokens = fees.get("fee_tokens") if isinstance(fees, dict) else None
    if isinstance(tokens, list) and len(tokens) > 1:
        others = ", ".join(str(each.get("denom")) for each in tokens[1:] if isinstance(each, dict))
        yield Note(
            where=f"{source} fees.fee_tokens", what=f"fees are paid in {chain.fee_denom}, not in {others}"
        )
    algorithms = raw.get("key_algos")
    if isinstance(algorithms, list) and "secp256k1" not in algorithms:
        said = ", ".join(map(str, algorithms))
        yield Note(where=f"{source} key_algos", what=f"accounts need {said}; our keys are secp256k1")
    codecs = raw.get("extra_codecs")
    if isinstance(codecs, list) and codecs:
        said = ", ".join(map(str, codecs))
        yield Note(where=f"{source} extra_codecs", what=f"{said}: addresses and keys of this chain differ")
