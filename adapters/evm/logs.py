"""The router's logs, fetched in ranges and decoded: hints about what to prove, and nothing more.

Ranges that an endpoint refuses are halved, and the endpoint gets shorter ones from then on. What is
returned was in blocks of the asked range, by the asked contract; whether it is all there is, `source`
checks against state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from adapters.api import SeenPacket
from adapters.errors import MalformedReply, NotYetAvailable, Reorged
from adapters.evm.blocks import block_call
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.wire import BlockJson, LogJson, data, number, read
from proofs.evm.events import PacketEvents, WrittenAcknowledgements, decode_acknowledgements
from proofs.hashing import keccak256
from proofs.types import BlockRef, ClientId, Height
from proofs.verdict import Refusal

_LOGS = msgspec.json.Decoder(list[LogJson])


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Which numbers a range of blocks must hold: from the one behind `after` (if that is known) to `last`."""

    after: int | None
    last: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing happened in the range."""
        return self.after == self.last

    def check(self, endpoint: str, what: str, numbers: Sequence[int]) -> None:
        """Check that sorted numbers are all of the span, each once. Raises `MalformedReply`."""
        start = self.last + 1 - len(numbers) if self.after is None else self.after + 1
        if list(numbers) != list(range(start, self.last + 1)):
            shown = f"{len(numbers)} from {numbers[0]} to {numbers[-1]}" if numbers else "none"
            wanted = f"expected {start} to {self.last} without a gap"
            raise MalformedReply(f"endpoint {endpoint}: {what}: {wanted}, got {shown}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenBatch:
    """A batch of acknowledgements, and where it was seen."""

    written: WrittenAcknowledgements
    height: Height
    transaction: str


def decode_sent(raw: bytes, events: PacketEvents) -> list[SeenPacket]:
    """Return the packets in the result of an `eth_getLogs` for `SendPacket`, in its order. Pure.

    Keep one `events` for a chain: it learns layouts. Raises `MalformedReply`.
    """
    return seen_packets(decode_logs(raw), events)


def decode_logs(raw: bytes) -> list[LogJson]:
    """Return the logs in the result of an `eth_getLogs`. Pure. Raises `MalformedReply`."""
    try:
        return _LOGS.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedReply(f"logs: {error}") from error


def seen_packets(logs: Sequence[LogJson], events: PacketEvents) -> list[SeenPacket]:
    """Return the packet of each `SendPacket` log. Raises `MalformedReply`."""
    decode = events.decode
    try:
        return [
            SeenPacket(
                packet=decode(log.topics, log.data),
                height=Height(int(log.block_number, 16)),
                transaction=log.transaction_hash,
            )
            for log in logs
        ]
    except (ValueError, Refusal) as error:
        raise MalformedReply(f"SendPacket logs: {error}") from error


def seen_batches(logs: Sequence[LogJson]) -> list[SeenBatch]:
    """Return the batch of each `WriteAcknowledgements` log. Raises `MalformedReply`."""
    try:
        return [
            SeenBatch(
                written=decode_acknowledgements(
                    [bytes.fromhex(topic[2:]) for topic in log.topics], bytes.fromhex(log.data[2:])
                ),
                height=Height(int(log.block_number, 16)),
                transaction=log.transaction_hash,
            )
            for log in logs
        ]
    except (ValueError, Refusal) as error:
        raise MalformedReply(f"WriteAcknowledgements logs: {error}") from error


@dataclass(slots=True, kw_only=True)
class LogReader:
    """Fetches logs of one contract. Remembers how long a range each endpoint takes."""

    address: bytes
    range_blocks: int
    """Blocks in one request, at first."""
    _ranges: dict[str, int] = field(default_factory=dict)

    async def fetch(
        self, client: RpcClient, event: bytes, about: ClientId, first: Height, last: BlockRef
    ) -> list[LogJson]:
        """Return the logs in blocks `first` to `last`, as the endpoint orders them.

        `about` is the indexed client. Raises `Reorged` when `last` is not canonical at this endpoint,
        `NotYetAvailable` when it does not have it yet.
        """
        results: list[LogJson] = []
        start = first
        while start <= last.height:
            size = self._ranges.get(client.name, self.range_blocks)
            stop = Height(min(start + size - 1, last.height))
            filters = self._filter(event, about, start, stop, last)
            logs, at_last = await client.batch([("eth_getLogs", [filters]), block_call(last.height)])
            self._check_pin(read(at_last, BlockJson | None, "block"), last)
            if isinstance(logs, ErrorObject):
                self._shorten(client, stop - start + 1, logs)
                continue
            results += self._checked(decode_logs(bytes(logs)), start, stop, last)
            start = Height(stop + 1)
        return results

    def _filter(
        self, event: bytes, about: ClientId, start: Height, stop: Height, last: BlockRef
    ) -> dict[str, object]:
        topics = ["0x" + event.hex(), "0x" + keccak256(about.encode()).hex()]
        chosen: dict[str, object] = {"address": "0x" + self.address.hex(), "topics": topics}
        if start == last.height:
            return chosen | {"blockHash": "0x" + last.hash.hex()}
        return chosen | {"fromBlock": hex(start), "toBlock": hex(stop)}

    def _shorten(self, client: RpcClient, blocks: int, error: ErrorObject) -> None:
        if blocks == 1:
            raise MalformedReply(
                f"endpoint {client.name}: logs of one block: expected a list, got error {error.code}"
            )
        self._ranges[client.name] = max(1, blocks // 2)

    def _check_pin(self, at_last: BlockJson | None, last: BlockRef) -> None:
        if at_last is None:
            raise NotYetAvailable(f"expected block {last.height}, the endpoint does not have it yet")
        if data(at_last.hash, "block hash", 32) != last.hash:
            raise Reorged(f"block {last.height}: expected {last.hash.hex()}, canonical is {at_last.hash}")

    def _checked(self, logs: list[LogJson], start: Height, stop: Height, last: BlockRef) -> list[LogJson]:
        """Return the logs if each is by our contract, in range, and of the pinned block where it is there."""
        contract, pin = "0x" + self.address.hex(), "0x" + last.hash.hex()
        for log in logs:
            height = number(log.block_number, "block number")
            elsewhere = height == last.height and log.block_hash.lower() != pin
            if log.address.lower() != contract or log.removed or not start <= height <= stop or elsewhere:
                raise MalformedReply(
                    f"log: expected one of {contract} in blocks {start} to {stop} and in {pin}, "
                    f"got one of {log.address[:60]} in block {height} {log.block_hash[:80]}"
                )
        return logs
