"""`isthmus adapter`: what is installed, what it can do, and whether it keeps its promises."""

from typing import Annotated, Any

import typer

from adapters import discovery
from adapters.manifest import Manifest
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
