"""The audit log: who had us do what. Each line carries a hash over itself and the line before."""

import hashlib
from typing import Any

from sqlalchemy import Connection, insert, select

from gateway.store.tables import AUDIT

_START = bytes(32)


def append(connection: Connection, at_s: float, actor: str, act: str, detail: str) -> None:
    """Add a line."""
    last = connection.scalar(select(AUDIT.c.chained).order_by(AUDIT.c.id.desc()).limit(1))
    chained = _chain(last or _START, at_s, actor, act, detail)
    row = {"at_s": at_s, "actor": actor, "act": act, "detail": detail, "chained": chained}
    connection.execute(insert(AUDIT).values(row))


def first_broken(connection: Connection) -> int | None:
    """Return the id of the first line that does not follow from the one before, None when all do."""
    last, expected_id = _START, 1
    rows = connection.execute(select(AUDIT).order_by(AUDIT.c.id))
    for row in rows:
        if row.id != expected_id or row.chained != _chain_row(last, row):
            return int(row.id)
        last, expected_id = row.chained, row.id + 1
    return None


def _chain_row(last: bytes, row: Any) -> bytes:
    return _chain(last, row.at_s, row.actor, row.act, row.detail)


def _chain(last: bytes, at_s: float, actor: str, act: str, detail: str) -> bytes:
    parts = [repr(at_s).encode(), actor.encode(), act.encode(), detail.encode()]
    body = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(last + body).digest()
