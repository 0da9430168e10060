"""Brings a database to today's schema when the gateway starts, and refuses one from the future.

Migrations are in `migrations/versions`, in the package, in order; each runs in a transaction.
"""

from pathlib import Path

from sqlalchemy import Connection

from gateway.store.errors import NewerSchemaError, StoreError

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Upgrade the database. Raises `NewerSchemaError`, and `StoreError` when it is not ours."""
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)
    ours = [revision.revision for revision in script.walk_revisions()]
    there = MigrationContext.configure(connection).get_current_revision()
    if there is None and connection.dialect.has_table(connection, "messages"):
        raise StoreError("expected an empty database or one of ours, got tables without a schema version")
    if there is not None and there not in ours:
        raise NewerSchemaError(f"expected schema {ours[0]} or older, got {there}: use the newer gateway")
    if there != ours[0]:
        command.upgrade(config, "head")
