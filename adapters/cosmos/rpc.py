"""CometBFT's JSON-RPC for one endpoint: lists of questions in, typed answers out, few requests.

It bounds what a stranger can do and sorts what goes wrong into `adapters.errors`; why a height cannot be had
is asked of the node (`/status`), never read out of its words. It judges nothing: what is proven is proven
elsewhere, what is not is a hint.

Implements: CometBFT 0.38 and 0.39 RPC over HTTP POST with batches; ABCI query codes of the Cosmos SDK.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import TypeVar

from adapters.cosmos.ahead import Ahead
from adapters.cosmos.wire import (
    BlockResultsJson,
    BroadcastJson,
    CommitResultJson,
    QueryResponseJson,
    QueryResultJson,
    StateQuery,
    StatusJson,
    TxJson,
    ValidatorJson,
    ValidatorsJson,
    read,
    said,
)
from adapters.errors import AdapterError, MalformedReply, NotYetAvailable, Pruned
from adapters.jsonrpc import Call, ErrorObject, JsonRpcClient, Reply, RpcLimits
from proofs.limits import MAX_VALIDATORS

T = TypeVar("T")

PAGE = 100
"""The most that a node puts on one page, of validators as of transactions."""

_MAX_REQUEST_BYTES = 900_000
"""Of transactions in one request: nodes refuse bodies of more than 1,000,000 bytes by default."""

_PROBE_KEY = b"nextClientSequence"
_HEIGHT_CODES = frozenset({("sdk", 18), ("sdk", 26), ("store", 7)})
"""(codespace, code) by which an application also says that it does not have a height."""


_COMING = 8
"""Newest blocks that are never pruned, and may have come while a busy node was asked for its status."""


class CometClient(JsonRpcClient):
    """One endpoint. It never repeats a question by itself."""

    def __init__(self, name: str, url: str, limits: RpcLimits) -> None:
        super().__init__(name, url, limits)
        self.ahead = Ahead()
        self._indexed = False

    async def status(self) -> StatusJson:
        """Return what the node has. A hint."""
        [reply] = await self.batch([("status", {})])
        return read(reply, StatusJson, self._what("status"))

    async def commits(self, heights: Sequence[int]) -> list[CommitResultJson]:
        """Return headers with their commits, in order. Raises `NotYetAvailable`, `Pruned`."""
        return await self._at_heights("commit", heights, CommitResultJson)

    async def results(self, heights: Sequence[int]) -> list[BlockResultsJson]:
        """Return what became of the transactions of these blocks. Raises `NotYetAvailable`, `Pruned`."""
        known = {height: self.ahead.results(height) for height in heights}
        missing = [height for height, results in known.items() if results is None]
        found = await self._at_heights("block_results", missing, BlockResultsJson)
        for height, result in zip(missing, found, strict=True):
            if result.height != height:
                raise MalformedReply(f"{self._what('block_results')}: expected {height}, got {result.height}")
            known[height] = result
        return [results for results in known.values() if results is not None]

    async def validators(self, heights: Sequence[int]) -> list[tuple[ValidatorJson, ...]]:
        """Return the validator set of each height, complete, in the node's order.

        The set of the block after the newest one is there too. Raises `NotYetAvailable`, `Pruned`.
        """
        replies = await self.batch([_page_call(height, 1) for height in heights])
        sets = [await self._page(height, reply) for height, reply in zip(heights, replies, strict=True)]
        rest = [
            (index, page) for index, (_, total) in enumerate(sets) for page in range(2, -(-total // PAGE) + 1)
        ]
        more = await self.batch([_page_call(heights[index], page) for index, page in rest])
        for (index, _), reply in zip(rest, more, strict=True):
            members, total = await self._page(heights[index], reply)
            if total != sets[index][1]:
                raise MalformedReply(f"{self._what('validators')}: the total changed to {total}")
            sets[index][0].extend(members)
        for height, (members, total) in zip(heights, sets, strict=True):
            if len(members) != total or len({each.address for each in members}) != total:
                wanted = f"expected {total} different validators at {height}"
                raise MalformedReply(f"{self._what('validators')}: {wanted}, got {len(members)}")
        return [tuple(members) for members, _ in sets]

    async def query(self, queries: Sequence[StateQuery], height: int = 0) -> list[QueryResponseJson]:
        """Return the application's answers in its state after block `height`; 0 is the newest.

        An answer with a code is an answer. Raises `NotYetAvailable` or `Pruned` when the node does not have
        that state.
        """
        return await self._ask([(query, height) for query in queries])

    async def over_time(self, query: StateQuery, heights: Sequence[int]) -> list[QueryResponseJson]:
        """Return the answers to one question in the states after these blocks, in order; see `query`."""
        return await self._ask([(query, height) for height in heights])

    async def _ask(self, asked: Sequence[tuple[StateQuery, int]]) -> list[QueryResponseJson]:
        known = [self.ahead.answer(query, height) for query, height in asked]
        if None not in known:
            return [answer for answer in known if answer is not None]
        replies = await self.batch([query.call(height) for query, height in asked])
        answers = [read(reply, QueryResultJson, self._what("abci_query")).response for reply in replies]
        for (query, height), answer in zip(asked, answers, strict=True):
            if height and answer.code and (answer.codespace, answer.code) in _HEIGHT_CODES:
                await self._check_state(query, height, answer)
            elif height and not answer.code and answer.height != height:
                wanted = f"expected the state of {height}"
                raise MalformedReply(f"{self._what(query.path)}: {wanted}, got that of {answer.height}")
        return answers

    async def included(self, hashes: Sequence[bytes]) -> list[TxJson | None]:
        """Return these transactions where the node's index has them, in order. None proves nothing.

        Raises `MalformedReply` when the node keeps no index: its None would mean nothing at all.
        """
        calls: list[Call] = [("tx", {"hash": _base64(each), "prove": False}) for each in hashes]
        found: list[TxJson | None] = []
        for wanted, reply in zip(hashes, await self.batch(calls), strict=True):
            if isinstance(reply, ErrorObject):
                await self._check_index()
                found.append(None)
                continue
            transaction = read(reply, TxJson, self._what("tx"))
            if transaction.hash != wanted:
                actual = transaction.hash.hex()
                raise MalformedReply(f"{self._what('tx')}: expected {wanted.hex()}, got {actual}")
            found.append(transaction)
        return found

    async def broadcast(self, transactions: Sequence[bytes]) -> list[BroadcastJson | ErrorObject]:
        """Hand transactions to the mempool in this order; return what its check says of each.

        An error means that the node did not say: the transaction may be known already, or have no room.
        """
        answers: list[BroadcastJson | ErrorObject] = []
        for part in _by_size(transactions):
            for reply in await self.batch([("broadcast_tx_sync", {"tx": _base64(each)}) for each in part]):
                if isinstance(reply, ErrorObject):
                    answers.append(reply)
                else:
                    answers.append(read(reply, BroadcastJson, self._what("broadcast")))
        return answers

    async def _at_heights(self, method: str, heights: Sequence[int], kind: type[T]) -> list[T]:
        replies = await self.batch([(method, {"height": str(height)}) for height in heights])
        found = []
        for height, reply in zip(heights, replies, strict=True):
            if isinstance(reply, ErrorObject) or bytes(reply) == b"null":
                raise await self._absent(method, height, reply)
            found.append(read(reply, kind, self._what(method)))
        return found

    async def _page(self, height: int, reply: Reply) -> tuple[list[ValidatorJson], int]:
        if isinstance(reply, ErrorObject):
            raise await self._absent("validators", height, reply)
        page = read(reply, ValidatorsJson, self._what("validators"))
        members = page.validators or []
        if page.block_height != height or page.count != len(members) or len(members) > PAGE:
            wanted = f"expected a page of {page.count} at {height}"
            got = f"got {len(members)} at {page.block_height}"
            raise MalformedReply(f"{self._what('validators')}: {wanted}, {got}")
        if not 0 < page.total <= MAX_VALIDATORS:
            wanted = f"expected 1 to {MAX_VALIDATORS} in all"
            raise MalformedReply(f"{self._what('validators')}: {wanted}, got {page.total}")
        return members, page.total

    async def _absent(self, method: str, height: int, reply: Reply) -> AdapterError:
        """Return why a height was not answered, by what the node has."""
        detail = said(reply) if isinstance(reply, ErrorObject) else "null"
        return await self._out_of_reach(method, height, detail, coming=_COMING)

    async def _out_of_reach(self, what: str, height: int, detail: str, *, coming: int = 0) -> AdapterError:
        """Return `NotYetAvailable` above the newest height but `coming`, `Pruned` below.

        The newest heights may have come since they were asked for.
        """
        sync = (await self.status()).sync_info
        has = f"it has {sync.earliest_block_height} to {sync.latest_block_height}"
        told = f"{self._what(what)}: height {height}: {has}: {detail}"
        is_coming = height >= max(sync.latest_block_height - coming, sync.earliest_block_height)
        return NotYetAvailable(told) if is_coming else Pruned(told)

    async def _check_index(self) -> None:
        if not self._indexed:
            self._indexed = (await self.status()).node_info.other.tx_index == "on"
        if not self._indexed:
            raise MalformedReply(f"{self._what('tx')}: expected a node with tx_index = kv, it has none")

    async def _check_state(self, query: StateQuery, height: int, answer: QueryResponseJson) -> None:
        """Raise when a refusal means that the node does not have the state, not that the question is bad."""
        if (answer.codespace, answer.code) == ("sdk", 18):
            probe = StateQuery(path="/store/ibc/key", data=_PROBE_KEY, prove=True)
            [reply] = await self.batch([probe.call(height)])
            if read(reply, QueryResultJson, self._what("abci_query")).response.code == 0:
                return
        raise await self._out_of_reach(query.path, height, answer.log[:200])

    def _what(self, method: str) -> str:
        return f"endpoint {self.name}: {method}"


def _page_call(height: int, page: int) -> Call:
    return "validators", {"height": str(height), "page": str(page), "per_page": str(PAGE)}


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _by_size(transactions: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut a list so that each part fits into one request, or is a single transaction."""
    start, size = 0, 0
    for index, each in enumerate(transactions):
        length = len(each) * 4 // 3 + 200
        if index > start and size + length > _MAX_REQUEST_BYTES:
            yield transactions[start:index]
            start, size = index, 0
        size += length
    if transactions:
        yield transactions[start:]
