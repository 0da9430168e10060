"""The wheel holds four packages and what they need, and works in an environment outside the tree."""

import json
import os
import site
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT

TOOLS = {"adapters/cosmos/pb/generate.py"}
"""What developers run to make sources, and nobody else."""


def run(*command: str | Path, cwd: Path) -> str:
    """Return the standard output of a command that must succeed, run without our Python settings."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{command} left with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with nothing but the wheel; its dependencies are seen through a .pth file."""
    place = tmp_path_factory.mktemp("elsewhere")
    venv.create(place / "env", with_pip=False, symlinks=True)
    python = place / "env" / "bin" / "python"
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        wheel,
        cwd=place,
    )
    own = Path(run(python, "-c", "import site; print(site.getsitepackages()[0])", cwd=place).strip())
    (own / "zz_dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    assert own not in map(Path, site.getsitepackages())
    return place


def test_the_wheel_has_exactly_four_packages(contents: list[str]) -> None:
    top = {name.split("/")[0] for name in contents}
    assert {name for name in top if not name.endswith(".dist-info")} == set(PACKAGES)
    for package in PACKAGES:
        assert {f"{package}/__init__.py", f"{package}/py.typed"} <= set(contents)


def test_the_wheel_has_what_the_code_reads_at_run_time(contents: list[str]) -> None:
    def named(start: str, end: str) -> list[str]:
        return [name for name in contents if name.startswith(start) and name.endswith(end)]

    for adapter in ("evm", "memory"):
        assert f"adapters/{adapter}/manifest.toml" in contents
    assert "adapters/evm/contracts/artifacts/Router.json" in contents
    assert len(named("adapters/evm/contracts/artifacts/", ".json")) >= 5
    assert named("gateway/page/templates/", ".html")
    assert named("gateway/store/migrations/versions/", ".py")


def test_the_wheel_has_nothing_that_only_developers_need(contents: list[str]) -> None:
    unwanted = (
        ".sol",
        ".mjs",
        ".cjs",
        ".lock",
        "foundry.toml",
        "package.json",
        "package-lock.json",
        ".t.sol",
    )
    assert [name for name in contents if name.endswith(unwanted)] == []
    parts = {part for name in contents for part in name.split("/")}
    assert parts & {"tests", "configs", "node_modules", "__pycache__", "requirements", ".ci"} == set()


def test_every_source_file_of_the_packages_is_in_the_wheel(contents: list[str]) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if not {"node_modules", "__pycache__"} & set(path.parts)
    }
    assert expected - set(contents) == TOOLS


def test_the_installed_command_runs_outside_the_tree(installed: Path) -> None:
    command = installed / "env" / "bin" / "isthmus"
    version = run(
        installed / "env/bin/python",
        "-c",
        "import importlib.metadata as m; print(m.version('isthmus'))",
        cwd=installed,
    )
    assert run(command, "--version", cwd=installed).split() == ["isthmus", version.strip()]
    where = run(
        installed / "env/bin/python", "-c", "import gateway, proofs; print(gateway.__file__)", cwd=installed
    )
    assert Path(where.strip()).is_relative_to(installed)


def test_the_installed_adapters_are_found_outside_the_tree(installed: Path) -> None:
    program = (
        "import json; from adapters.discovery import installed, plugin; "
        "print(json.dumps({a.name: type(plugin(a.name)).__name__ for a in installed()}))"
    )
    found = json.loads(run(installed / "env/bin/python", "-c", program, cwd=installed))
    assert found == dict.fromkeys(("cosmos", "evm", "memory"), "AdapterPlugin")
    listed = json.loads(run(installed / "env/bin/isthmus", "adapter", "list", "--json", cwd=installed))
    assert {"cosmos", "evm", "memory"} <= set(json.dumps(listed).replace('"', " ").split())
