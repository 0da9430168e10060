"""`isthmus adapter`: what is installed, what it can do, and whether it keeps its promises."""

import asyncio
import sys
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from adapters import discovery
from adapters.manifest import Manifest
from adapters.testkit.checks import Report, run
from adapters.testkit.subject import Subject
from gateway.cli.output import CliError, Exit, Json, emit_json, table

app = typer.Typer(help="Installed adapters.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Adapter name, see `isthmus adapter list`.")]


@app.command("list")
def list_adapters(*, as_json: Json = False) -> None:
    """List the installed adapters, usable or not. Runs none of their code."""
    found = [_installed(one) for one in discovery.installed()]
    if as_json:
        emit_json({"adapters": found})
        return
    rows = [
        (
            one["name"],
            one["target"],
            one.get("description", ""),
            ", ".join(one.get("namespaces", ())),
            one["error"],
        )
        for one in found
    ]
    table("Adapters", ("name", "plugin", "what", "chains", "error"), rows)


@app.command("info")
def show_adapter(name: Name, *, as_json: Json = False) -> None:
    """Show what an adapter declares about itself."""
    try:
        said = _declared(discovery.manifest(name))
    except discovery.DiscoveryError as error:
        raise CliError(str(error), exit_code=Exit.USAGE) from None
    if as_json:
        emit_json(said)
        return
    for key, value in said.items():
        match value:
            case dict():
                for inner, grade in value.items():
                    print(f"{key + '.' + inner:<28} {grade}")
            case list():
                print(f"{key:<28} {', '.join(value)}")
            case _:
                print(f"{key:<28} {value}")


def _installed(one: discovery.Installed) -> dict[str, Any]:
    said: dict[str, Any] = {"name": one.name, "target": one.target, "error": ""}
    match one.found:
        case Manifest():
            return said | _declared(one.found)
        case error:
            return said | {"error": str(error)}


def _declared(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "owner": manifest.owner,
        "description": manifest.description,
        "namespaces": list(manifest.namespaces),
        "light_clients": list(manifest.light_clients),
        "proof_formats": list(manifest.proof_formats),
        "finality": manifest.finality.value,
        "api_version": manifest.api_version,
        "capabilities": {ability.value: grade.value for ability, grade in manifest.capabilities.items()},
    }


@app.command("test")
def put_to_the_test(
    subject: Annotated[
        str,
        typer.Argument(metavar="MODULE:NAME", help="Opens the adapter on a chain, for the kit."),
    ],
    *,
    as_json: Json = False,
) -> None:
    """Put an adapter to the conformance kit. Exit code 1 when it does not conform.

    NAME is called without arguments and returns an asynchronous context manager of a `Subject`.
    """
    report = asyncio.run(_report(_opened(subject)))
    level = report.level.value if report.level and not report.failed else "none"
    results = [
        {
            "id": one.check.id,
            "level": one.check.level.value,
            "outcome": one.outcome.value,
            "detail": one.detail,
        }
        for one in report.results
    ]
    if as_json:
        emit_json({"adapter": report.adapter, "level": level, "results": results})
    else:
        table(
            "Conformance", ("check", "level", "outcome", "detail"), [tuple(one.values()) for one in results]
        )
        print(f"{report.adapter}: level {level}")
    if report.failed:
        raise typer.Exit(Exit.FAILED)


def _opened(text: str) -> AbstractAsyncContextManager[Subject]:
    module, colon, name = text.partition(":")
    hint = "a function that opens the adapter on a chain, for example mychain.conformance:subject"
    if not (module and colon and name):
        raise CliError(
            f"expected MODULE:NAME, got {text!r}, not of this form", exit_code=Exit.USAGE, hint=hint
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        opened = getattr(import_module(module), name)()
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise CliError(
            f"expected MODULE:NAME, got {text!r}: {error}", exit_code=Exit.USAGE, hint=hint
        ) from None
    if not isinstance(opened, AbstractAsyncContextManager):
        kind = type(opened).__name__
        raise CliError(
            f"expected {text} to return an asynchronous context manager, got {kind}",
            exit_code=Exit.USAGE,
            hint=hint,
        )
    return cast("AbstractAsyncContextManager[Subject]", opened)


async def _report(opened: AbstractAsyncContextManager[Subject]) -> Report:
    async with opened as subject:
        return await run(subject)
