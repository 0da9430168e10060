"""What readers want to know of every block, asked together with the head: one request instead of three.

Header `h + 1` commits to what block `h` did. So what `h` did is asked for while `h` is the newest block, and
is here when the header comes that proves it; what that calls for, a transaction's bytes or the proof of a
packet, is asked together with that header. Answers are kept as they came, worth no more and judged no less
than those to a question at that height. What is not here is simply asked for. No I/O.

Implements: `/block_results` and `/abci_query` of CometBFT without a height: they answer for the newest block;
`/block` and `/abci_query` at the height below it.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from adapters.cosmos.wire import (
    BlockBodyJson,
    BlockResultsJson,
    QueryResponseJson,
    QueryResultJson,
    StateQuery,
    read,
)
from adapters.errors import MalformedReply
from adapters.jsonrpc import Call, Reply

RESULTS: Literal["results"] = "results"
BODY: Literal["body"] = "body"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked together with a head."""

    about: StateQuery | Literal["results", "body"]
    """A query to the application, what became of a block's transactions, or these themselves."""
    height: int = 0
    """The block; 0 is the newest, whichever that is."""

    def call(self) -> Call:
        """Return the call that asks it."""
        if isinstance(self.about, StateQuery):
            return self.about.call(self.height)
        if self.about == RESULTS:
            return "block_results", {}
        return "block", {"height": str(self.height)}


K = TypeVar("K")
V = TypeVar("V")

_PATIENCE = 12
"""Heads after which a question is no longer asked whose answers nobody needed."""
_MAX_QUERIES = 100
_MAX_ONCE = 8
_KEPT = 4 * _MAX_QUERIES
_KEPT_BLOCKS = 4


@dataclass(slots=True)
class Ahead:
    """Standing questions to one endpoint, and its answers about the newest blocks."""

    _queries: dict[StateQuery, int] = field(default_factory=dict)
    """Query -> heads for which it will still be asked."""
    _blocks: int = 0
    """Heads for which results will still be asked for."""
    _once: list[Question] = field(default_factory=list)
    _answers: dict[tuple[StateQuery, int], QueryResponseJson] = field(default_factory=dict)
    _results: dict[int, BlockResultsJson] = field(default_factory=dict)
    _bodies: dict[int, BlockBodyJson] = field(default_factory=dict)

    def want(self, query: StateQuery) -> None:
        """Let this be asked with the next heads too."""
        if query in self._queries or len(self._queries) < _MAX_QUERIES:
            self._queries[query] = _PATIENCE

    def want_results(self) -> None:
        """Let it be asked with the next heads what became of the transactions."""
        self._blocks = _PATIENCE

    def want_once(self, about: StateQuery | Literal["body"], height: int) -> None:
        """Let this be asked about block `height` with the next head."""
        question = Question(about, height)
        if question not in self._once and len(self._once) < _MAX_ONCE:
            self._once.append(question)

    def questions(self) -> list[Question]:
        """Return what to ask with this head."""
        self._queries = {query: left - 1 for query, left in self._queries.items() if left}
        wants_results = self._blocks > 0
        self._blocks -= wants_results
        once, self._once = self._once, []
        return [*map(Question, self._queries), *([Question(RESULTS)] if wants_results else []), *once]

    def keep(self, questions: Sequence[Question], replies: Sequence[Reply]) -> None:
        """Keep the replies. One that cannot be read is dropped: who needs it asks again, and is told."""
        for question, reply in zip(questions, replies, strict=True):
            if isinstance(question.about, StateQuery):
                answered = _readable(reply, QueryResultJson)
                if answered is not None and not answered.response.code:
                    key = question.about, answered.response.height
                    _enter(self._answers, key, answered.response, _KEPT)
            elif question.about == RESULTS:
                results = _readable(reply, BlockResultsJson)
                if results is not None:
                    _enter(self._results, results.height, results, _KEPT_BLOCKS)
            else:
                body = _readable(reply, BlockBodyJson)
                if body is not None:
                    _enter(self._bodies, question.height, body, _KEPT_BLOCKS)

    def answer(self, query: StateQuery, height: int) -> QueryResponseJson | None:
        """Return the answer in the state after block `height`, if it is here."""
        return self._answers.get((query, height))

    def results(self, height: int) -> BlockResultsJson | None:
        """Return what became of a block's transactions, if it is here."""
        return self._results.get(height)

    def body(self, height: int) -> BlockBodyJson | None:
        """Return a block's transactions, if they are here."""
        return self._bodies.get(height)


def _readable(reply: Reply, kind: type[V]) -> V | None:
    try:
        return read(reply, kind, "ahead")
    except MalformedReply:
        return None


def _enter(memory: MutableMapping[K, V], key: K, value: V, most: int) -> None:
    memory[key] = value
    while len(memory) > most:
        del memory[next(iter(memory))]
