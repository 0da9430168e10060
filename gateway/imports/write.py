"""Writes what an import found as our configuration, in TOML, for a person to complete and to check. Pure.

What is missing stands there as a comment that says how to get it, so that a file that was not completed is
refused by `isthmus doctor` and by every other reader.
"""

import json
from collections.abc import Iterator, Mapping

from gateway.imports.model import Imported, ImportedChain, ImportedEnd, ImportedLane, Note


def to_toml(found: Imported) -> str:
    """Return `[gateway]`, `[[chains]]` and `[[lanes]]` for what was found; notes become comments on top."""
    lines = [*_notes(found.notes), "[gateway]", 'name = "alpha"']
    if found.log_level:
        lines.append(f"log_level = {_text(found.log_level)}")
    for chain in found.chains:
        lines += ["", *_chain(chain)]
    for lane in found.lanes:
        lines += ["", *_lane(lane, lane.first, lane.second), "", *_lane(lane, lane.second, lane.first)]
    return "\n".join(lines) + "\n"


def chains_toml(found: Imported) -> str:
    """Return `[[chains]]` alone, to be added to a configuration."""
    chains = [[*_chain(chain), ""] for chain in found.chains]
    return "\n".join(line for part in (_notes(found.notes), *chains) for line in part)


def lane_toml(source: tuple[str, str], destination: tuple[str, str], *, ordered: bool, batch: int = 0) -> str:
    """Return one `[[lanes]]` entry; ends are (CAIP-2 id, client or channel)."""
    return "\n".join(_entry(source, destination, ordered=ordered, batch=batch)) + "\n"


def _notes(notes: tuple[Note, ...]) -> list[str]:
    texts = [f"# {note.where}: {note.what}" for note in notes]
    return ["".join(char if char.isprintable() else " " for char in text) for text in texts]


def _chain(chain: ImportedChain) -> Iterator[str]:
    yield "[[chains]]"
    signer = f"keystore:{chain.key_name}" if chain.key_name else ""
    yield from _set({"id": chain.id, "adapter": "cosmos", "name": chain.name, "signer": signer})
    yield ""
    yield "[chains.config]"
    yield f"# trust_height, trust_hash: isthmus ibc trust {chain.id}"
    if chain.trusting_period_s is None:
        yield "# trusting_period_s: about two thirds of the chain's unbonding period"
    price = f"{chain.gas_price}{chain.fee_denom}" if chain.gas_price and chain.fee_denom else ""
    if not price:
        yield "# gas_price: a decimal and a coin, for example 0.025stake"
    level = "/".join(map(str, chain.trust_level)) if chain.trust_level else ""
    yield from _set(
        {
            "trusting_period_s": chain.trusting_period_s,
            "trust_level": level,
            "max_clock_drift_s": chain.max_clock_drift_s,
            "bech32_prefix": chain.bech32_prefix,
            "gas_price": price,
            "gas_adjustment": chain.gas_adjustment,
            "request_timeout_s": chain.request_timeout_s,
        }
    )
    for endpoint in chain.endpoints:
        yield ""
        yield "[[chains.config.endpoints]]"
        yield from _set(
            {"name": endpoint.name, "rpc_url": endpoint.rpc, "grpc_url": endpoint.grpc, "ws_url": endpoint.ws}
        )


def _set(values: Mapping[str, str | float | None]) -> Iterator[str]:
    """Yield a line for each value that is known."""
    for key, value in values.items():
        if value is not None and value != "":
            yield f"{key} = {_text(value) if isinstance(value, str) else value}"


def _lane(lane: ImportedLane, source: ImportedEnd, destination: ImportedEnd) -> Iterator[str]:
    ends = [(f"cosmos:{end.native_id}", end.channel) for end in (source, destination)]
    yield from _entry(ends[0], ends[1], ordered=lane.ordered, batch=lane.batch)
    limits = [f"ports = [{_text(source.port)}]"]
    if lane.max_memo_bytes is not None:
        limits.append(f"max_memo_bytes = {lane.max_memo_bytes}")
    yield f"filter = {{ {', '.join(limits)} }}"


def _entry(
    source: tuple[str, str], destination: tuple[str, str], *, ordered: bool, batch: int
) -> Iterator[str]:
    yield "[[lanes]]"
    yield f"from = {_end(source)}"
    yield f"to = {_end(destination)}"
    yield 'security = "light-client"'
    if ordered:
        yield "ordered = true"
    if batch:
        yield f"batch = {batch}"


def _end(end: tuple[str, str]) -> str:
    return f"{{ chain = {_text(end[0])}, client = {_text(end[1])} }}"


def _text(value: str) -> str:
    """Return a TOML basic string: JSON's escapes are a part of TOML's, but for its pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
