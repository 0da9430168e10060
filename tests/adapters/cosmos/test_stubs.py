"""The committed protobuf stubs are what the generator makes of the pinned Go modules, and import apart."""

import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf.descriptor_pool import Default

import adapters.cosmos.pb
import proofs.pb
from adapters.cosmos.pb.generate import ROOT, TREES, generate, module_folders


def stubs(root: Path) -> Mapping[str, bytes]:
    """Return what protoc wrote, and the `__init__.py` beside it."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for tree in TREES
        for path in (root / tree).rglob("*.py*")
        if "_pb2" in path.name or (path.name == "__init__.py" and path.parent != root / tree)
    }


@pytest.mark.nodes
def test_the_committed_stubs_are_what_the_generator_makes(tmp_path: Path) -> None:
    modules = module_folders(download=False)
    if modules is None:
        pytest.skip("needs Go and the modules of tests/nodes/simd in its cache (go mod download)")
    generate(modules, tmp_path)
    made, committed = stubs(tmp_path), {k: v for k, v in stubs(ROOT).items() if "__pycache__" not in k}
    assert len(made) > 150
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == []


def test_every_stub_imports_and_no_file_is_registered_twice() -> None:
    for package in (proofs.pb, adapters.cosmos.pb):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name.endswith("_pb2"):
                importlib.import_module(module.name)
    for name in (
        "tendermint.types.LightBlock",
        "cosmos.tx.v1beta1.TxRaw",
        "ibc.core.channel.v2.MsgRecvPacket",
    ):
        assert Default().FindMessageTypeByName(name).full_name == name


def test_proofs_need_neither_grpc_nor_the_adapter() -> None:
    program = (
        "import sys, proofs.pb.ibc.lightclients.tendermint.v1.tendermint_pb2\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('grpc', 'adapters', 'asyncio')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.strip() == "[]"
