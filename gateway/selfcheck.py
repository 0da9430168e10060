"""Is this installation whole? Our top-level names are generic: another package may have overwritten them.

Checked at start: each of the four packages is a regular one and belongs to this distribution alone. An
editable installation has no such record and is trusted.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, packages_distributions

DISTRIBUTION = "isthmus"
PACKAGES = ("gateway", "relays", "adapters", "proofs")


def check_installation() -> tuple[str, ...]:
    """Return one plain sentence for each thing that is wrong; empty when this installation is whole."""
    lost = [name for name in PACKAGES if getattr(importlib.import_module(name), "__file__", None) is None]
    complaints = [f"package {name!r} has lost its __init__.py: reinstall {DISTRIBUTION}" for name in lost]
    if _is_installed_for_good():
        owners = packages_distributions()
        complaints += [
            _claimed(name, owners.get(name, ())) for name in PACKAGES if not _is_ours(name, owners)
        ]
    return tuple(complaints)


def _is_ours(name: str, owners: Mapping[str, Sequence[str]]) -> bool:
    return set(owners.get(name, ())) == {DISTRIBUTION}


def _claimed(name: str, owners: Sequence[str]) -> str:
    others = ", ".join(sorted(set(owners) - {DISTRIBUTION})) or "nobody"
    return f"package {name!r} belongs to {others}: install {DISTRIBUTION} into an environment of its own"


def _is_installed_for_good() -> bool:
    """Say whether we come from a wheel: a source tree and an editable installation are not checked."""
    try:
        origin = Distribution.from_name(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return False
    return origin is None or not json.loads(origin).get("dir_info", {}).get("editable", False)
