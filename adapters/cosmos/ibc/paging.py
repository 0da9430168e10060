"""Lists that a chain gives page by page, up to a cap. Unproven: hints, for people and for what to look at.

Implements: cosmos.base.query.v1beta1 (PageRequest, PageResponse).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from google.protobuf.message import Message

from adapters.cosmos.ibc.host import Host
from adapters.cosmos.pb.cosmos.base.query.v1beta1 import pagination_pb2
from proofs.types import BlockRef

M = TypeVar("M", bound=Message)
T = TypeVar("T")

PAGE = 500
"""Entries of one page."""

CAP = 10_000
"""Entries of one list; what is beyond is not read, and said to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[T]):
    """A list, or the beginning of one."""

    entries: tuple[T, ...]
    more: bool
    """There are others beyond the cap."""


class _Paged(Protocol):
    """What every answer to a paged query has."""

    pagination: pagination_pb2.PageResponse


async def listed(
    host: Host,
    method: str,
    request: Callable[[pagination_pb2.PageRequest], Message],
    answer: type[M],
    entries: Callable[[M], Iterable[T]],
    at: BlockRef,
    cap: int = CAP,
) -> Listed[T]:
    """Return what a paged query gives in the state of block `at`, in the chain's order."""
    found: list[T] = []
    key = b""
    while len(found) < cap:
        page = pagination_pb2.PageRequest(key=key, limit=min(PAGE, cap - len(found)))
        reply = await host.ask(method, request(page), answer, at)
        found.extend(entries(reply))
        following = cast("_Paged", reply).pagination.next_key
        if not following or following == key:
            return Listed(entries=tuple(found[:cap]), more=False)
        key = following
    return Listed(entries=tuple(found[:cap]), more=True)
