"""Why the store cannot be used. Every message says what was expected and what is there."""


class StoreError(Exception):
    """The database refuses or is not what it should be."""


class NewerSchemaError(StoreError):
    """The database was written by a newer version: an older one must not touch it."""


class TimestampConflictError(StoreError):
    """Another timestamp was already signed for this height: signing both would freeze the client for good."""
