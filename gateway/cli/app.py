"""The tree of commands, by name only: `isthmus --help` imports none of them.

`TREE` maps a command to the module that implements it (attribute `app`, a Typer) and to its one line of help.
"""

import sys
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup

TREE: dict[str, tuple[str, str]] = {
    "dev": ("gateway.cli.dev", "Local chains and three gateways: up, down, status."),
    "demo": ("gateway.cli.demo", "The whole story on local chains, ending by itself with a count."),
    "run": ("gateway.cli.run", "Run a gateway."),
    "doctor": ("gateway.cli.doctor", "Check everything a gateway needs, and say how to fix it."),
    "send": ("gateway.cli.send", "Send a message or a token transfer."),
    "watch": ("gateway.cli.watch", "Follow lanes and messages live."),
    "message": ("gateway.cli.message", "List, show, explain, retry, export messages."),
    "chain": ("gateway.cli.chain", "Chains: heads, finality, endpoints."),
    "route": ("gateway.cli.route", "Lanes: trust, backlog, halt, resume."),
    "ibc": ("gateway.cli.ibc", "Clients, connections, channels and packets of IBC."),
    "adapter": ("gateway.cli.adapter", "Installed adapters and their conformance."),
    "verify": ("gateway.cli.verify", "Check an exported proof bundle without any network."),
    "signer": ("gateway.cli.signer", "Keys in the keystore: new, list, address, export, restore."),
    "db": ("gateway.cli.db", "The store's schema."),
}


class LazyGroup(TyperGroup):
    """A group whose commands are placeholders until one of them is called."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        for name, (_, summary) in TREE.items():
            self.commands[name] = TyperGroup(name=name, help=summary)

    def resolve_command(self, ctx, args):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
        """Return the named command, imported now. Unknown names get the nearest one in the error."""
        name, _, rest = super().resolve_command(ctx, args)
        module = import_module(TREE[str(name)][0])
        return name, typer.main.get_command(module.app), rest


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(show: bool) -> None:  # noqa: FBT001 - the shape of a Typer callback
    if not show:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        typer.echo(f"isthmus {version('isthmus')}")
    except PackageNotFoundError:
        typer.echo("isthmus (from a source tree, not installed)")
    raise typer.Exit


@app.callback()
def isthmus(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Move messages between chains: each exactly once, each verified here.

    Results on standard output, everything else on standard error.
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 unhealthy, 4 pending.
    """


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from gateway.cli.output import CliError, complain

    try:
        app(prog_name="isthmus")
    except CliError as error:
        complain(error)
        sys.exit(error.exit_code)
