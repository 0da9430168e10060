"""`isthmus demo`: the whole story on local chains. It ends by itself, with a count by the chains."""

import asyncio
from typing import Annotated

import typer

from adapters.errors import AdapterError
from gateway.cli.dev import Beside
from gateway.cli.output import CliError, Exit, note
from gateway.demo.play import demonstrate, stay_wanted
from gateway.demo.screen import Screen
from gateway.dev.binaries import NoNode
from gateway.dev.processes import ProcessError

app = typer.Typer(rich_markup_mode=None)


@app.command()
def demo(
    *,
    memory: Annotated[
        bool, typer.Option("--memory", help="Two memory chains instead of anvil nodes.")
    ] = False,
    beside: Annotated[
        Beside | None, typer.Option("--with", help="Two Cosmos chains beside one EVM chain.")
    ] = None,
    messages: Annotated[int, typer.Option(min=1, max=5000, help="Messages each way.")] = 100,
) -> None:
    """Messages and tokens both ways, and a refund of what comes too late.

    The last line counts what the chains say; the exit code is 1 when anything was lost or doubled.
    DEMO_STAY=1 keeps everything up until Ctrl-C.
    """
    with Screen() as screen:
        try:
            outcome = asyncio.run(
                demonstrate(
                    screen,
                    memory=memory,
                    cosmos=beside is Beside.COSMOS,
                    messages=messages,
                    stay=stay_wanted(),
                )
            )
        except NoNode as missing:
            raise CliError(
                str(missing), exit_code=Exit.USAGE, hint="without nodes: isthmus demo --memory"
            ) from None
        except (ProcessError, AdapterError) as error:
            raise CliError(str(error), exit_code=Exit.UNHEALTHY) from None
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise CliError("ended before the story was over; everything is taken down") from None
    for problem in outcome.problems:
        note(f"error: {problem}")
    print(outcome.count.line(), flush=True)
    if outcome.problems:
        raise typer.Exit(Exit.FAILED)
