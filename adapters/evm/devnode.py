"""Starts and stops a local development chain (anvil). Used by `isthmus dev up` and by tests.

Not part of the adapter: an adapter talks to nodes that others run. The node listens on loopback only, on
a port that the system chose, keeps its state in memory, and dies with its handle.
"""

import atexit
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

DEV_KEYS = (
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
)
"""Keys of the ten accounts that every development chain funds. Public knowledge: worthless elsewhere."""

_ATTEMPTS = 3
"""Another process can take the port between our choice and the node's start."""


class DevNodeError(Exception):
    """The node did not start. The message holds the end of its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DevNodeOptions:
    """How a development chain runs."""

    chain_id: int = 31337
    block_time_s: float | None = 1
    """Seconds between blocks; None mines each transaction at once, and nothing moves between them."""
    genesis_time_s: int | None = None
    """Unix seconds of the first block; None is now."""
    gas_limit: int = 60_000_000
    port: int = 0
    """0 lets the system choose."""
    start_timeout_s: float = 60.0

    def arguments(self, port: int) -> Sequence[str]:
        """Return anvil's command line after the binary."""
        pairs = ["--host", "127.0.0.1", "--port", str(port), "--chain-id", str(self.chain_id)]
        pairs += ["--gas-limit", str(self.gas_limit), "--slots-in-an-epoch", "1", "--order", "fifo"]
        if self.block_time_s is not None:
            pairs += ["--block-time", f"{self.block_time_s:g}"]
        if self.genesis_time_s is not None:
            pairs += ["--timestamp", str(self.genesis_time_s)]
        return pairs


def find_anvil(node_modules: Path) -> Path | None:
    """Return the anvil binary below a `node_modules` directory, or None.

    The native binary inside the platform package comes first: a killed npm launcher would leave it behind.
    """
    native = sorted((node_modules / "@foundry-rs").glob("anvil-*/bin/anvil"))
    launcher = node_modules / ".bin" / "anvil"
    return native[0] if native else launcher if launcher.exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class DevNode:
    """One running anvil: a context manager. Blocking; asynchronous callers start it in a thread."""

    def __init__(self, binary: Path, options: DevNodeOptions) -> None:
        self.options = options
        self._binary = binary
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0
        self._complaints: IO[bytes] | None = None

    @property
    def url(self) -> str:
        """The HTTP endpoint."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """The WebSocket endpoint."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Process id. Raises `DevNodeError` when the node does not run."""
        if self._process is None:
            raise DevNodeError("the node was expected to run and does not")
        return self._process.pid

    def start(self) -> "DevNode":
        """Start the node and return once it listens. Raises `DevNodeError`."""
        output = ""
        for _ in range(_ATTEMPTS):
            self._port = self.options.port or _free_port()
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
            self._process = subprocess.Popen(  # noqa: S603 - the binary is the caller's, the arguments are ours
                [str(self._binary), "--quiet", *self.options.arguments(self._port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._complaints,
            )
            atexit.register(self.stop)
            if self._wait_until_listening(self._process):
                return self
            output = self.stop()
        wanted = f"expected anvil to listen within {self.options.start_timeout_s} s"
        raise DevNodeError(f"{wanted}; it said: {output!r}")

    def _wait_until_listening(self, process: "subprocess.Popen[bytes]") -> bool:
        deadline_s = time.monotonic() + self.options.start_timeout_s
        while process.poll() is None and time.monotonic() < deadline_s:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return process.poll() is None
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.02)
        return False

    def stop(self) -> str:
        """End the process, wait for it, and return what it complained about. Safe to call twice."""
        process, self._process = self._process, None
        complaints, self._complaints = self._complaints, None
        atexit.unregister(self.stop)
        if process is None or complaints is None:
            return ""
        process.terminate()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with complaints:
            complaints.seek(0)
            return complaints.read().decode(errors="replace")[-2000:]

    def __enter__(self) -> "DevNode":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
