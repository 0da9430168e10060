"""Generates `proofs/pb` and `adapters/cosmos/pb` from the .proto files of the Go modules of simd.

A developer's tool, not part of the installed package: `python -m adapters.cosmos.pb.generate`. It needs Go,
the modules of `tests/nodes/simd` (it downloads what is missing), grpcio-tools and mypy-protobuf.

Three steps, all mechanical:

1. protoc compiles the roots below and all they import into one descriptor set. ics23 has no .proto file in
   its Go module, so its descriptor is taken from the generated Go source, where it lies compressed.
2. Options of gogoproto, amino, cosmos_proto, google.api and cosmos.msg/query are dropped from every
   descriptor, with the imports that declare them: they steer Go code, never bytes on the wire. So are all
   services: a method is called by its name, with the messages that it takes.
3. protoc writes Python and typed stubs from that set; imports get the prefix of the tree of their file.
"""

import gzip
import re
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

ROOT = Path(__file__).resolve().parents[3]
GO_PROJECT = ROOT / "tests/nodes/simd"

MODULES = {
    "github.com/cosmos/ibc-go/v11": "proto",
    "github.com/cosmos/cosmos-sdk": "proto",
    "github.com/cometbft/cometbft": "proto",
    "github.com/cosmos/gogoproto": "",
    "github.com/cosmos/cosmos-proto": "proto",
    "github.com/gogo/googleapis": "",
    "github.com/cosmos/ics23/go": "",
}
"""Go module -> folder of its .proto files. Where two declare the same file, the first wins."""

PROOFS = (
    "cosmos/ics23/v1/proofs",
    "ibc/core/channel/v1/channel",
    "ibc/core/client/v1/client",
    "ibc/core/commitment/v1/commitment",
    "ibc/core/commitment/v2/commitment",
    "ibc/lightclients/tendermint/v1/tendermint",
    "tendermint/types/canonical",
)
"""What `proofs` reads; all that these import goes to `proofs/pb` with them."""

ADAPTER = (
    "cosmos/auth/v1beta1/query",
    "cosmos/authz/v1beta1/tx",
    "cosmos/bank/v1beta1/query",
    "cosmos/bank/v1beta1/tx",
    "cosmos/crypto/secp256k1/keys",
    "cosmos/staking/v1beta1/query",
    "cosmos/staking/v1beta1/tx",
    "cosmos/tx/v1beta1/service",
    "ibc/applications/gmp/v1/account",
    "ibc/applications/gmp/v1/tx",
    "ibc/applications/transfer/v1/tx",
    "ibc/core/channel/v1/query",
    "ibc/core/channel/v1/tx",
    "ibc/core/channel/v2/query",
    "ibc/core/channel/v2/tx",
    "ibc/core/client/v1/query",
    "ibc/core/client/v1/tx",
    "ibc/core/client/v2/counterparty",
    "ibc/core/client/v2/tx",
    "ibc/core/connection/v1/query",
    "ibc/core/connection/v1/tx",
    "ibc/lightclients/attestations/v1/attestations",
)
"""What the adapter builds, asks and reads besides."""

TREES = ("proofs/pb", "adapters/cosmos/pb")
_GENERATED = ("*_pb2.py", "*_pb2.pyi")
_DROPPED = re.compile(r"^(gogoproto|amino|cosmos_proto|google/api|cosmos/msg/v1|cosmos/query/v1)/")
_GO_BYTES = re.compile(r"var fileDescriptor_\w+ = \[\]byte\{(.*?)\n\}", re.DOTALL)
_IMPORT = re.compile(r"^from ((?:cosmos|ibc|tendermint)[\w.]*) import (\w+_pb2)", re.MULTILINE)


def module_folders(*, download: bool) -> Mapping[str, Path] | None:
    """Return Go module -> folder in the module cache, or None when Go or one of them is not there."""
    if download:
        _run(["go", "mod", "download", *MODULES], cwd=GO_PROJECT)
    try:
        listed = _run(["go", "list", "-m", "-f", "{{.Path}} {{.Dir}}", *MODULES], cwd=GO_PROJECT)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    found = {path: Path(folder) for path, _, folder in (line.partition(" ") for line in listed.splitlines())}
    return found if all(folder.name and folder.is_dir() for folder in found.values()) else None


def generate(modules: Mapping[str, Path], target: Path) -> None:
    """Write both trees below `target`; what an earlier run left there goes away."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        described = _described(modules, scratch)
        ours = _closure(described, PROOFS)
        theirs = [file for file in _closure(described, ADAPTER) if file not in ours]
        stripped = scratch / "stripped.binpb"
        _save(stripped, [_stripped(described[file]) for file in (*ours, *theirs)])
        for tree, members in zip(TREES, (ours, theirs), strict=True):
            raw = scratch / tree
            raw.mkdir(parents=True)
            _emit(stripped, members, raw)
            _install(raw, target / tree, ours)


def _described(modules: Mapping[str, Path], scratch: Path) -> dict[str, FileDescriptorProto]:
    """Return name -> descriptor of all roots and of all that they import."""
    ics23 = _ics23_descriptor((modules["github.com/cosmos/ics23/go"] / "proofs.pb.go").read_text())
    known, output = scratch / "ics23.binpb", scratch / "all.binpb"
    _save(known, [ics23])
    folders = [str(modules[name] / folder) for name, folder in MODULES.items()]
    includes = [f"-I{folder}" for folder in (*folders, files("grpc_tools") / "_proto")]
    wanted = [f"{root}.proto" for root in (*PROOFS, *ADAPTER)]
    _protoc(
        [
            f"--descriptor_set_in={known}",
            *includes,
            f"--descriptor_set_out={output}",
            "--include_imports",
            *wanted,
        ]
    )
    return {file.name: file for file in FileDescriptorSet.FromString(output.read_bytes()).file}


def _ics23_descriptor(go_source: str) -> FileDescriptorProto:
    """Return the file descriptor that generated Go code carries."""
    found = _GO_BYTES.search(go_source)
    if found is None:
        raise SystemExit("ics23: expected a compressed file descriptor in proofs.pb.go, found none")
    packed = bytes(int(byte, 16) for byte in re.findall(r"0x([0-9a-f]{2})", found.group(1)))
    return FileDescriptorProto.FromString(gzip.decompress(packed))


def _closure(described: Mapping[str, FileDescriptorProto], roots: Iterable[str]) -> list[str]:
    """Return the roots and what they import, imports first, without what is dropped or part of protobuf."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found or _DROPPED.match(name) or name.startswith("google/protobuf/"):
            return
        for dependency in described[name].dependency:
            visit(dependency)
        found.append(name)

    for root in roots:
        visit(f"{root}.proto")
    return found


def _stripped(file: FileDescriptorProto) -> FileDescriptorProto:
    """Drop foreign options and their imports, and services, in place."""
    kept = [name for name in file.dependency if not _DROPPED.match(name)]
    del file.dependency[:]
    file.dependency.extend(kept)
    del file.service[:]
    file.DiscardUnknownFields()  # options whose extensions nobody registered in this process
    return file


def _emit(described: Path, members: Iterable[str], output: Path) -> None:
    """Let protoc write stubs of these files."""
    source = f"--descriptor_set_in={described}"
    mypy = f"--plugin=protoc-gen-mypy={Path(sys.executable).parent}/protoc-gen-mypy"
    _protoc([source, mypy, f"--python_out={output}", f"--mypy_out={output}", *members])


def _install(raw: Path, tree: Path, ours: Collection[str]) -> None:
    """Replace the generated files of a tree by new ones, with imports that have the trees' prefixes."""
    for pattern in _GENERATED:
        for old in tree.rglob(pattern):
            old.unlink()

    def prefixed(found: re.Match[str]) -> str:
        package, module = found.groups()
        proto = f"{package}.{module.removesuffix('_pb2')}".replace(".", "/") + ".proto"
        prefix = TREES[0] if proto in ours else TREES[1]
        return f"from {prefix.replace('/', '.')}.{package} import {module}"

    for path in sorted(raw.rglob("*.py*")):
        placed = tree / path.relative_to(raw)
        placed.parent.mkdir(parents=True, exist_ok=True)
        placed.write_text(_IMPORT.sub(prefixed, path.read_text()))
    for folder in {parent for path in raw.rglob("*.py") for parent in path.relative_to(raw).parents} - {
        Path()
    }:
        (tree / folder / "__init__.py").touch()


def _save(path: Path, members: Iterable[FileDescriptorProto]) -> None:
    path.write_bytes(FileDescriptorSet(file=members).SerializeToString(deterministic=True))


def _protoc(arguments: Sequence[str]) -> None:
    _run([sys.executable, "-m", "grpc_tools.protoc", *arguments], cwd=ROOT)


def _run(command: Sequence[str], *, cwd: Path) -> str:
    ran = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=600)  # noqa: S603 - no shell, words of our own
    return ran.stdout


def main() -> None:
    """Regenerate the committed trees."""
    modules = module_folders(download=True)
    if modules is None:
        raise SystemExit(f"expected Go and the modules of {GO_PROJECT}")
    generate(modules, ROOT)


if __name__ == "__main__":
    main()
