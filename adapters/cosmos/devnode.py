"""Starts and stops a local Cosmos development chain (simd). Used by `isthmus dev up` and by tests.

Not part of the adapter: an adapter talks to nodes that others run. Every validator is a process of its own;
all listen on loopback only, on ports that the system chose, keep their state in a temporary directory, and
die with their handle. The consensus is real: its blocks are signed, and a light client can verify them.
"""

import atexit
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from adapters.cosmos.devhome import DevChainOptions, DevNodeError, Home, environment, prepare

_ATTEMPTS = 3
"""Another process can take a port between our choice and the node's start."""

_STOP_TIMEOUT_S = 5.0
_TICK_S = 0.03
_MAX_STATUS_BYTES = 65_536
_TAIL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where one node listens, on loopback."""

    rpc: int
    p2p: int
    grpc: int
    api: int

    def all(self) -> tuple[int, ...]:
        """Return the four ports."""
        return (self.rpc, self.p2p, self.grpc, self.api)


def free_ports(rpc: int = 0) -> Ports:
    """Return ports that nobody uses at this moment; a port that is not 0 is kept as it is."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(4)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        chosen = [int(probe.getsockname()[1]) for probe in probes]
    return Ports(rpc=rpc or chosen[0], p2p=chosen[1], grpc=chosen[2], api=chosen[3])


def arguments(options: DevChainOptions, home: Home, ports: Ports, peers: Sequence[str]) -> list[str]:
    """Return simd's command line after the binary; peers are `node_id@host:port`."""
    pairs = ["start", "--home", str(home.directory), "--log_level", "error", "--log_no_color"]
    pairs += ["--minimum-gas-prices", options.minimum_gas_prices, "--pruning", options.pruning]
    pairs += ["--rpc.laddr", f"tcp://127.0.0.1:{ports.rpc}", "--rpc.pprof_laddr", ""]
    pairs += ["--p2p.laddr", f"tcp://127.0.0.1:{ports.p2p}", "--p2p.persistent_peers", ",".join(peers)]
    pairs += ["--grpc.address", f"127.0.0.1:{ports.grpc}", "--grpc-web.enable=false"]
    if options.api:
        pairs += ["--api.enable", "--api.address", f"tcp://127.0.0.1:{ports.api}"]
    return pairs


class DevNode:
    """One validator's process over its home. Blocking; asynchronous callers use it in a thread."""

    def __init__(
        self, binary: Path, options: DevChainOptions, home: Home, ports: Ports, peers: Sequence[str]
    ) -> None:
        self.home = home
        self.ports = ports
        self.log = home.directory.with_suffix(".log")
        self._command = [str(binary), *arguments(options, home, ports, peers)]
        self._served = (ports.grpc, ports.api) if options.api else (ports.grpc,)
        self._timeout_s = options.start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._height = 0

    @property
    def rpc_url(self) -> str:
        """The CometBFT RPC endpoint; its WebSocket is at `ws_url`."""
        return f"http://127.0.0.1:{self.ports.rpc}"

    @property
    def ws_url(self) -> str:
        """The CometBFT WebSocket endpoint."""
        return f"ws://127.0.0.1:{self.ports.rpc}/websocket"

    @property
    def grpc_target(self) -> str:
        """The gRPC endpoint, without TLS."""
        return f"127.0.0.1:{self.ports.grpc}"

    @property
    def api_url(self) -> str:
        """The REST endpoint; served when the options say so."""
        return f"http://127.0.0.1:{self.ports.api}"

    @property
    def running(self) -> bool:
        """Whether the process was started and lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Process id. Raises `DevNodeError` when the node does not run."""
        if self._process is None:
            raise DevNodeError(f"{self.home.directory.name} was expected to run and does not")
        return self._process.pid

    def launch(self) -> None:
        """Start the process and return at once. Raises `DevNodeError` for a port that is taken."""
        for port in self.ports.all():
            _require_free(port)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the binary is the caller's, the arguments are ours
                self._command,
                env=environment(self.home.directory),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> None:
        """Start the process and return when it is past the height that it had and serves all its ports.

        Raises `DevNodeError`: also when the chain stands still because too many other validators are down.
        """
        self.launch()
        self.until_height(self._height + 1)

    def restart(self) -> None:
        """Stop and start with the same home and ports; return as `start` does. Raises `DevNodeError`."""
        self.stop()
        self.start()

    def height(self) -> int:
        """Return the height of the node's newest block. Raises `DevNodeError` without an answer."""
        height = self._stored()
        if height is None:
            raise DevNodeError(f"expected the status of {self.rpc_url}, there is no answer; {self._tail()}")
        return height

    def until_height(self, height: int) -> int:
        """Return the height of the node's newest committed block once it is at least this.

        A node stores a block, and says its height, before its application has committed it: until then the
        application answers from the block before, and before the first one not at all. Raises `DevNodeError`
        when it takes too long.
        """
        deadline_s = time.monotonic() + self._timeout_s
        seen: int | None = None
        while (process := self._process) is not None and process.poll() is None:
            seen = self._committed()
            if seen is not None and seen >= height and all(map(_listens, self._served)):
                return seen
            if time.monotonic() > deadline_s:
                wanted = f"expected height {height} at {self.rpc_url} within {self._timeout_s} s"
                raise DevNodeError(f"{wanted}, it is {seen}; {self._tail()}")
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_TICK_S)
        raise DevNodeError(f"expected {self.home.directory.name} to run, its process ended; {self._tail()}")

    def stop(self, *, at_once: bool = False) -> None:
        """End the process and wait for it; `at_once` kills it, as a power cut would. Safe to call twice."""
        process = self._process
        if process is None:
            return
        self._height = self._stored() or self._height
        self._process = None
        process.kill() if at_once else process.terminate()
        try:
            process.wait(timeout=_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _stored(self) -> int | None:
        return self._number("/status", "sync_info", "latest_block_height")

    def _committed(self) -> int | None:
        return self._number("/abci_info", "response", "last_block_height")

    def _number(self, route: str, part: str, name: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports.rpc, timeout=2)
        try:
            connection.request("GET", route)
            answer = json.loads(connection.getresponse().read(_MAX_STATUS_BYTES))
            return int(answer["result"][part][name])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return None
        finally:
            connection.close()

    def _tail(self) -> str:
        said = self.log.read_text(errors="replace") if self.log.exists() else ""
        before_stack_trace = said.partition("\n\ngoroutine ")[0]
        return f"its log {self.log} says: {before_stack_trace[-_TAIL_CHARACTERS:]!r}"


class DevChain:
    """A running chain of one or more validators: a context manager. Blocking, as its nodes are."""

    def __init__(self, binary: Path, options: DevChainOptions) -> None:
        self.options = options
        self.nodes: tuple[DevNode, ...] = ()
        self._binary = binary
        self._directory: Path | None = None

    @property
    def node(self) -> DevNode:
        """The first node. Raises `DevNodeError` when the chain does not run."""
        if not self.nodes:
            raise DevNodeError(f"{self.options.chain_id} was expected to run and does not")
        return self.nodes[0]

    def start(self) -> "DevChain":
        """Make a genesis, start all nodes, and return after the first block. Raises `DevNodeError`."""
        if self.options.rpc_port:
            _require_free(self.options.rpc_port)
        self._directory = Path(tempfile.mkdtemp(prefix=f"isthmus-{self.options.chain_id}-"))
        atexit.register(self.stop)
        with ExitStack() as undo:
            undo.callback(self.stop, keep_logs=True)
            self._launch(prepare(self._binary, self.options, self._directory))
            undo.pop_all()
        return self

    def stop(self, *, keep_logs: bool = False) -> None:
        """Kill all nodes and remove their homes. Safe to call twice."""
        atexit.unregister(self.stop)
        for node in self.nodes:
            node.stop(at_once=True)
        self.nodes = ()
        directory, self._directory = self._directory, None
        if directory is None:
            return
        for home in directory.iterdir() if keep_logs else (directory,):
            if home.is_dir():
                shutil.rmtree(home)

    def _launch(self, homes: Sequence[Home]) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            self.nodes = self._choose_ports(homes)
            try:
                for node in self.nodes:
                    node.launch()
                for node in self.nodes:
                    node.until_height(1)
            except DevNodeError:
                slow = all(node.running for node in self.nodes)
                for node in self.nodes:
                    node.stop(at_once=True)
                if slow or attempt == _ATTEMPTS:
                    raise
            else:
                return

    def _choose_ports(self, homes: Sequence[Home]) -> tuple[DevNode, ...]:
        ports = [free_ports(0 if number else self.options.rpc_port) for number in range(len(homes))]
        members = list(zip(homes, ports, strict=True))
        return tuple(
            DevNode(
                self._binary,
                self.options,
                home,
                own,
                peers=[f"{other.node_id}@127.0.0.1:{its.p2p}" for other, its in members if other is not home],
            )
            for home, own in members
        )

    def __enter__(self) -> "DevChain":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = isinstance(error, Exception)
        if failed and error is not None:
            error.add_note(f"logs of {self.options.chain_id}: {self._directory}")
        self.stop(keep_logs=failed)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the node does
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DevNodeError(f"expected port {port} to be free, it is taken: {error.strerror}") from None


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
