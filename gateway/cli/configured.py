"""Reading the configuration for commands that need one: every mistake is printed, then exit code 2."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.output import CliError, Exit, note
from gateway.config.diagnostics import ConfigError
from gateway.config.load import diagnose
from gateway.config.plugins import InstalledAdapters
from gateway.config.schema import Config

ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config", "-c", envvar="ISTHMUS_CONFIG", help="Configuration file (TOML).", show_envvar=True
    ),
]


def read_config(path: Path) -> Config:
    """Return the configuration; print all there is to say about it. Raises `CliError` with exit code 2."""
    config, diagnostics = diagnose(path, InstalledAdapters())
    for diagnostic in diagnostics:
        note(str(diagnostic))
    if config is None:
        count = str(ConfigError(diagnostics)).partition("\n")[0]
        raise CliError(
            f"{path}: {count}", exit_code=Exit.USAGE, hint="mend them and try again; nothing was started"
        )
    return config
