"""Runs the command as a user does: a process of its own, with output and exit code."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE_S = 540
"""Only bounds a command that would never end: less than a test may take, so that its output is seen."""


def isthmus(*args, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ISTHMUS_")}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *args],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        cwd=environment.pop("cwd", None),
        env=clean | {"PYTHONPATH": str(ROOT), "COLUMNS": "250"} | environment,
        check=False,
    )


async def isthmus_beside(*args, **environment):
    return await asyncio.to_thread(isthmus, *args, **environment)
