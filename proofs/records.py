"""One way to change a frozen record, whichever kind it is: `replace` for structs and for dataclasses.

Records that lists hold by the hundred are msgspec structs, the others dataclasses (`proofs.types`); who
changes one need not know which. Not for hot loops: there the kind is known.
"""

import dataclasses
from typing import Any, TypeVar, cast

import msgspec

R = TypeVar("R")


def replace(record: R, **changes: Any) -> R:
    """Return the record with these fields changed; raise `TypeError` for a field that it does not have."""
    if isinstance(record, msgspec.Struct):
        return cast("R", msgspec.structs.replace(record, **changes))
    return cast("R", dataclasses.replace(cast("Any", record), **changes))
