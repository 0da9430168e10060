"""Processes that outlive the command that started them, and how they are found and ended again.

Each runs in a session of its own, with its output in a file. Before one is ended, the system is asked
whether the process id still belongs to the same command line: ids are used again.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.05
_TERM_S = 10.0
_START_S = 120.0
_LOG_TAIL = 2000

_RESERVATIONS: list[socket.socket] = []
"""Ports that were chosen here, long before who is to serve them is started."""

_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}
"""What this process itself started, by process id: only a parent learns when its child has ended."""


class ProcessError(Exception):
    """A process did not start, or would not end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """One process, as it is written down."""

    name: str
    pid: int
    """Also the id of its process group."""
    command: str
    """Its command line, words joined by blanks, as the system shows it."""
    log: str
    """File of its output."""


def start(name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> Started:
    """Start a process and return at once. Raises `ProcessError` when the system refuses."""
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **environment},
            )
    except OSError as error:
        raise ProcessError(f"{name}: cannot start {command[0]}: {error.strerror}") from error
    _CHILDREN[process.pid] = process
    return Started(name=name, pid=process.pid, command=" ".join(command), log=str(log))


async def until_listening(ports: Sequence[int], process: Started) -> None:
    """Return when this process serves these ports on loopback. Raises `ProcessError` with what it said."""
    deadline_s = asyncio.get_running_loop().time() + _START_S
    waiting = list(ports)
    while alive(process) and asyncio.get_running_loop().time() < deadline_s:
        with suppress(OSError):
            while waiting:
                _, writer = await asyncio.open_connection("127.0.0.1", waiting[0])
                writer.close()
                del waiting[0]
            return
        await asyncio.sleep(_POLL_S)
    raise ProcessError(f"{process.name} does not listen; it said: {tail(process)!r}")


def free_port() -> int:
    """Return a port of the loopback interface that nobody else is given while this process lives."""
    _RESERVATIONS.append(socket.socket())
    return reserve(_RESERVATIONS[-1])


def reserve(place: socket.socket) -> int:
    """Return a free port of the loopback interface, which is nobody else's until this socket is closed.

    Whoever is told may listen there all the same: Linux allows it while nobody else listens. Other systems do
    not, so there the socket is closed, and the port free at this moment.
    """
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", 0))
    port = int(place.getsockname()[1])
    if sys.platform != "linux":
        place.close()
    return port


def alive(process: Started) -> bool:
    """Say whether this process still runs."""
    child = _CHILDREN.get(process.pid)
    if child is not None:
        return child.poll() is None
    return _command_line(process.pid) == process.command


def stop(processes: Sequence[Started]) -> None:
    """End these processes and all that they started; return when they are gone. Raises `ProcessError`."""
    ours = [process for process in processes if alive(process)]
    for process in ours:
        _signal(process, signal.SIGTERM)
    remaining = _wait(ours, _TERM_S)
    for process in remaining:
        _signal(process, signal.SIGKILL)
    stubborn = _wait(remaining, _TERM_S)
    if stubborn:
        raise ProcessError(f"still running: {', '.join(f'{one.name} ({one.pid})' for one in stubborn)}")


def tail(process: Started) -> str:
    """Return the end of what the process has written."""
    try:
        return Path(process.log).read_bytes()[-_LOG_TAIL:].decode(errors="replace")
    except OSError:
        return ""


def _wait(processes: Sequence[Started], patience_s: float) -> list[Started]:
    deadline_s = time.monotonic() + patience_s
    waiting = [process for process in processes if alive(process)]
    while waiting and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
        waiting = [process for process in waiting if alive(process)]
    return waiting


def _signal(process: Started, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _command_line(pid: int) -> str:
    """Return the command line of a process, empty when there is none. Works on Linux and macOS."""
    if Path("/proc/self").exists():
        try:
            return (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .strip()
            )
        except OSError:
            return ""
    found = subprocess.run(  # noqa: S603 - fixed command, a number of ours
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()
