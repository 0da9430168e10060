"""How the database file is opened: WAL and `synchronous=FULL`, transactions that begin when we say so."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event

from gateway.store.errors import StoreError

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "cache_size=-32768",
)


def lock(file: Path) -> sqlite3.Connection:
    """Return the lock of a database, held until it is closed or the process ends. Raises `StoreError`.

    Two gateways on one database would sign and spend as one, without knowing of each other.
    """
    beside = file.with_name(f"{file.name}.lock")
    try:
        held = sqlite3.connect(beside, timeout=0, isolation_level=None, check_same_thread=False)
        held.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        raise StoreError(f"{file}: expected to be its only user; {beside.name}: {error}") from error
    return held


def open_engine(file: Path) -> Engine:
    """Return an engine over this file; its connections may pass from thread to thread, one user at a time."""
    engine = create_engine(f"sqlite:///{file}", connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None
        cursor = dbapi_connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
