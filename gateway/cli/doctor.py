"""`isthmus doctor`: does everything that relaying needs work, right now? With the fix for what does not."""

import asyncio
from dataclasses import asdict

import typer

from gateway.cli.checks import examine
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.output import Exit, Json, emit_json
from gateway.observe import logs

app = typer.Typer(rich_markup_mode=None)


@app.command()
def doctor(config_file: ConfigFile, *, as_json: Json = False) -> None:
    """Check configuration, keys, chains, clients on chain, peers and funds. Exit code 3 on trouble."""
    logs.configure("error")
    findings = asyncio.run(examine(read_config(config_file)))
    healthy = all(finding.ok for finding in findings)
    if as_json:
        emit_json({"healthy": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        for one in findings:
            print(f"{'● ok     ' if one.ok else '✕ trouble'} {one.check} {one.subject}: {one.detail}")
            if one.fix:
                print(f"            fix: {one.fix}")
    if not healthy:
        raise typer.Exit(Exit.UNHEALTHY)
