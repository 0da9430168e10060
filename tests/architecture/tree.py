"""What the architecture tests read: files as text and as syntax trees. No project code is run."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gateway", "adapters", "relays", "proofs")
_GENERATED = frozenset({"node_modules", "__pycache__", "out", "cache", "build", "dist"})
_STUBS = "_pb2.py"
"""Ends of the names of files that protoc wrote: `tests/adapters/cosmos/test_stubs.py` guards those."""


def files(*folders: str, suffix: str = ".py") -> list[Path]:
    """Return the files below these folders of the project, sorted; what is generated is left out."""
    found = [path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}")]
    ours = [path for path in found if not path.name.endswith(_STUBS)]
    return sorted(path for path in ours if not _GENERATED & set(path.relative_to(ROOT).parts))


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a Python file."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    """Return the path as it is written in the project, for messages and test ids."""
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every imported module; relative imports begin with a dot."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, level=level):
                yield "." * level + (module or "")
            case _:
                pass
