"""Imports go one way, and what judges or decides is pure. The lines themselves are in `pyproject.toml`."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.tree import PACKAGES, ROOT, files, imported_modules, name_of, parsed

PURE = ("proofs", "relays/core")
PURE_STDLIB = {
    *("abc", "base64", "binascii", "bisect", "collections", "dataclasses", "enum", "functools", "hashlib"),
    *("hmac", "itertools", "json", "math", "operator", "re", "string", "struct", "types", "typing"),
}
PURE_LIBRARIES = {
    *("coincurve", "eth_abi", "google", "msgpack", "msgspec", "nacl", "orjson", "sha3", "typing_extensions"),
}
PURE_OURS = {"proofs": {"proofs"}, "relays/core": {"proofs", "adapters", "relays"}}
IMPURE_CALLS = {
    *("open", "print", "input", "exec", "eval", "compile", "__import__", "hash", "breakpoint", "globals"),
}


def impurities(tree: ast.AST, ours: set[str]) -> Iterator[str]:
    """Yield what a pure module may not do: foreign imports, I/O builtins, coroutines, globals."""
    allowed = PURE_STDLIB | PURE_LIBRARIES | ours
    for module in imported_modules(tree):
        if module.split(".")[0] not in allowed:
            yield f"imports {module}"
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"line {node.lineno}: calls {name}()"
            case ast.AsyncFunctionDef() | ast.Await() | ast.AsyncFor() | ast.AsyncWith():
                yield f"line {node.lineno}: is asynchronous"
            case ast.Global(names=names):
                yield f"line {node.lineno}: changes globals {names}"
            case _:
                pass


@pytest.mark.parametrize("folder", PURE)
def test_what_judges_and_what_decides_is_pure(folder: str) -> None:
    sources = files(folder)
    assert len(sources) >= 3, f"expected the modules of {folder}, found {sources}"
    found = {name_of(path): list(impurities(parsed(path), PURE_OURS[folder])) for path in sources}
    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "bad",
    [
        "import time",
        "import asyncio",
        "from os import urandom",
        "import logging",
        "from aiohttp import web",
        "from adapters import api",
        "def f():\n    import random",
        "open('x')",
        "async def f(): ...",
        "def f():\n    global x\n    x = 1",
        "from . import types",
    ],
)
def test_the_purity_check_sees_what_it_should(bad: str) -> None:
    assert list(impurities(ast.parse(bad), {"proofs"}))


def test_relay_core_takes_only_data_from_the_adapter_border() -> None:
    modules = {m for path in files("relays/core") for m in imported_modules(parsed(path))}
    foreign = {m for m in modules if m.startswith("adapters")} - {"adapters.api", "adapters.errors"}
    assert foreign == set()
    assert {m for m in modules if m.startswith("relays")} <= {
        m for m in modules if m.startswith("relays.core")
    }


_LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def test_the_import_contracts_hold() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _LINT, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "2 kept, 0 broken" in run.stdout, run.stdout


def test_every_adapter_is_named_in_the_independence_contract_and_has_an_entry_point() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [independence] = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "independence"]
    folders = {path.parent.name for path in files("adapters") if path.name == "__init__.py"}
    adapters = {f for f in folders if (ROOT / "adapters" / f / "manifest.toml").exists()}
    assert adapters >= {"evm", "memory"}
    assert set(independence["modules"]) == {f"adapters.{name}" for name in adapters}
    assert set(project["project"]["entry-points"]["isthmus.adapters"]) == adapters


def test_only_proofs_verify_holds_the_seal_of_proven() -> None:
    holders = set()
    for path in files(*PACKAGES):
        for node in ast.walk(parsed(path)):
            named = isinstance(node, ast.ImportFrom) and any(alias.name == "_SEAL" for alias in node.names)
            reached = isinstance(node, ast.Attribute) and node.attr == "_SEAL"
            spoken = isinstance(node, ast.Name) and node.id == "_SEAL"
            if named or reached or spoken:
                holders.add(name_of(path))
    assert holders == {"proofs/types.py", "proofs/verify.py"}


def swallows_all(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler catches everything and does not raise it again."""
    last = handler.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    return handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}


def test_broad_except_stands_only_in_the_supervisors_of_lanes_and_of_requests() -> None:
    found = {
        name_of(path)
        for path in files(*PACKAGES)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and swallows_all(node)
    }
    assert found <= {"relays/runtime/supervisor.py", "gateway/api/middleware.py"}


def test_nothing_is_validated_with_assert() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(*PACKAGES)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Assert)
    ]
    assert found == []
