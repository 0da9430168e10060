"""One writer with group commit: what arrives while a commit is under way shares the next one.

A commit is one visit to the writer's own thread, however many saves share it. Every write returns when it
is durable. A write that fails does not take its neighbours with it: a group that fails is repeated one by
one. Groups and queue are bounded; whoever writes waits for room.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from gateway.store.errors import StoreError

T = TypeVar("T")

MAX_GROUP_ROWS = 1_000
"""Rows of one commit: a few milliseconds of work."""

_MAX_QUEUE = 1_000

Work = Callable[[Connection], T]

_Outcome = tuple[object, StoreError | None]


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any]
    rows: int
    done: "asyncio.Future[Any]"


class Writer:
    """The only one that writes to the database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: asyncio.Queue[_Job | None] = asyncio.Queue(_MAX_QUEUE)
        self._task: asyncio.Task[None] | None = None
        self.commits = 0
        """Commits so far: shows how well groups form."""

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._run(), name="store-writer")

    async def stop(self) -> None:
        """Write what is queued, then end. Safe to call twice."""
        if self._task is not None:
            await self._queue.put(None)
            await self._task
            self._task = None

    async def write(self, work: Work[T], *, rows: int) -> T:
        """Run `work` in a transaction and return its result when it is durable.

        Raises `StoreError` when the database refuses, and what `work` raises of that kind; neither leaves a
        trace. A caller that is cancelled does not undo the write.
        """
        if self._task is None or self._task.done():
            raise _closed()
        job = _Job(work, rows, asyncio.get_running_loop().create_future())
        await self._queue.put(job)
        return cast("T", await asyncio.shield(job.done))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        group: list[_Job] = []
        going_on = True
        with (
            ThreadPoolExecutor(1, thread_name_prefix="store-writer") as thread,
            self._engine.connect() as connection,
        ):
            try:
                while going_on:
                    group, going_on = await self._next_group()
                    outcomes = await loop.run_in_executor(thread, self._commit, connection, group)
                    for job, outcome in zip(group, outcomes, strict=True):
                        _answer(job, outcome)
            finally:
                left = [*group, *[self._queue.get_nowait() for _ in range(self._queue.qsize())]]
                for unanswered in left:
                    if unanswered is not None:
                        _answer(unanswered, (None, _closed()))

    async def _next_group(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take what else is there, up to the cap; False after the last."""
        group: list[_Job] = []
        rows = 0
        while rows < MAX_GROUP_ROWS and (not group or not self._queue.empty()):
            job = await self._queue.get()
            if job is None:
                return group, False
            group.append(job)
            rows += job.rows
        return group, True

    def _commit(self, connection: Connection, group: list[_Job]) -> list[_Outcome]:
        """Run the group in one transaction; when that fails, each job in its own."""
        try:
            with connection.begin():
                results = [job.work(connection) for job in group]
            self.commits += 1
        except (SQLAlchemyError, StoreError, OSError) as error:
            if len(group) > 1:
                return [self._commit(connection, [job])[0] for job in group]
            return [(None, _as_store_error(error))]
        return [(result, None) for result in results]


def _answer(job: _Job, outcome: _Outcome) -> None:
    """Tell whoever waits, unless he was told or waits no more."""
    result, error = outcome
    if job.done.done():
        return
    if error is None:
        job.done.set_result(result)
    else:
        job.done.set_exception(error)


def _closed() -> StoreError:
    return StoreError("expected an open store, got a closed one")


def _as_store_error(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(f"the database refuses: {error}")
