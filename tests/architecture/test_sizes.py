"""Small enough to read: files, functions, public classes. There is no list of exceptions."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.architecture.tree import PACKAGES, ROOT, files, functions, name_of, parsed

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_PUBLIC_METHODS = 8
MEASURED = (*PACKAGES, "tests")


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _is_property(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = {ast.unparse(decorator).split(".")[-1] for decorator in function.decorator_list}
    return bool(names & {"property", "cached_property", "setter", "overload"})


def public_methods(cls: ast.ClassDef) -> set[str]:
    """Return the names of the public methods that the class itself defines; properties are data."""
    own = [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return {node.name for node in own if not node.name.startswith("_") and not _is_property(node)}


def _base_names(cls: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).split("[")[0].split(".")[-1] for base in cls.bases]


@cache
def _classes() -> Mapping[str, ast.ClassDef]:
    found = [
        node for path in files(*PACKAGES) for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef)
    ]
    return {cls.name: cls for cls in found}


def _declared_by_bases(cls: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> set[str]:
    """Return the methods that the class's bases declare: they are counted there, border by border."""
    bases = [classes[name] for name in _base_names(cls) if name in classes and name != cls.name]
    return {name for base in bases for name in public_methods(base) | _declared_by_bases(base, classes)}


def wide_classes(tree: ast.AST, classes: Mapping[str, ast.ClassDef]) -> Iterator[str]:
    """Yield the public classes that declare more methods than a screen holds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            own = public_methods(node) - _declared_by_bases(node, classes)
            if len(own) > MAX_PUBLIC_METHODS:
                yield f"{node.name} declares {len(own)}: {sorted(own)}"


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    measured = {name_of(path): _lines(path) for path in files(*MEASURED)}
    assert len(measured) > 50
    assert {name: n for name, n in measured.items() if n > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    measured = {
        f"{name_of(path)}:{function.lineno} {function.name}": _length(function)
        for path in files(*MEASURED)
        for function in functions(parsed(path))
    }
    assert len(measured) > 300
    assert {name: n for name, n in measured.items() if n > MAX_FUNCTION_LINES} == {}


def test_no_public_class_declares_more_than_eight_methods() -> None:
    found = {name_of(path): list(wide_classes(parsed(path), _classes())) for path in files(*PACKAGES)}
    assert {name: wide for name, wide in found.items() if wide} == {}


def test_the_adapter_border_stays_about_ten_methods_in_all() -> None:
    classes = {
        node.name: node for node in parsed(ROOT / "adapters/api.py").body if isinstance(node, ast.ClassDef)
    }
    roles = {name: public_methods(classes[name]) for name in ("Chain", "SourceChain", "DestinationChain")}
    assert max(len(methods) for methods in roles.values()) <= MAX_PUBLIC_METHODS
    assert 10 <= sum(len(methods) for methods in roles.values()) <= 12


def test_the_size_checks_see_what_they_should() -> None:
    wide = "class Wide:\n" + "".join(f"    def m{i}(self): ...\n" for i in range(9))
    narrow = "class Base:\n    def m0(self): ...\n" + wide.replace("Wide", "Narrow(Base)")
    assert list(wide_classes(ast.parse(wide), {}))
    tree = ast.parse(narrow)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    assert not list(wide_classes(tree, classes))
    [function] = functions(ast.parse("def f():\n" + "    x = 1\n" * 60))
    assert _length(function) == 61
