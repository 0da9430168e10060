"""`isthmus verify --offline`: judge an exported proof bundle again, from scratch, without any network."""

import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from gateway.cli.output import CliError, Exit, Json, emit_json
from proofs.bundle import Bundle, BundleError, from_json, verify_bundle
from proofs.codec import message_id
from proofs.types import Assurance, Claim, Proven
from proofs.verdict import Accepted, NotEnoughTrust, Rejected, Verdict

app = typer.Typer(rich_markup_mode=None)

_MAX_BUNDLE_BYTES = 16 << 20


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="Bundle written by `isthmus message export`.")],
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Required: says that nothing but the file is looked at.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a proof bundle. Exit code 0 when the claim is proven, 1 when it is not.

    The bundle brings the light client's parameters along: compare them with what you hold to be true.
    """
    if not offline:
        raise CliError(
            "nothing but the file is looked at",
            exit_code=Exit.USAGE,
            hint=f"isthmus verify --offline {file}",
        )
    bundle = _read(file)
    verdict = verify_bundle(bundle, time.time())
    result = _result(bundle, verdict)
    if as_json:
        emit_json(result)
    else:
        for name, value in result.items():
            print(f"{name.replace('_', ' '):<16} {value}")
        if result.get("unsafe"):
            family = bundle.update.light_client
            print(f"UNSAFE: the consensus of {bundle.store.chain} is not verified ({family})")
    if not isinstance(verdict, Accepted):
        raise typer.Exit(Exit.FAILED)


def _read(file: Path) -> Bundle:
    try:
        with file.open("rb") as opened:
            raw = opened.read(_MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}", exit_code=Exit.USAGE) from None
    if len(raw) > _MAX_BUNDLE_BYTES:
        raise CliError(f"{file}: expected at most {_MAX_BUNDLE_BYTES} bytes", exit_code=Exit.USAGE)
    try:
        return from_json(orjson.loads(raw))
    except (orjson.JSONDecodeError, BundleError) as error:
        raise CliError(f"{file} is no proof bundle: {error}", exit_code=Exit.USAGE) from None


def _result(bundle: Bundle, verdict: Verdict[Proven[Claim]]) -> dict[str, Any]:
    packet = bundle.claim.packet
    said = {
        "message": message_id(bundle.lane.source, packet.source_client, packet.sequence).hex(),
        "lane": str(bundle.lane),
        "claim": type(bundle.claim).__name__,
        "light_client": bundle.update.light_client,
        "parameters": str(bundle.params),
        "store": f"{bundle.store.chain} 0x{bundle.store.address.hex()}",
    }
    match verdict:
        case Accepted(value=proven):
            return said | {
                "verdict": "proven",
                "block": f"{proven.at.chain} {proven.at.height} 0x{proven.at.hash.hex()}",
                "block_time_s": proven.time_s,
                "assurance": proven.assurance.value,
                "unsafe": proven.assurance is not Assurance.CONSENSUS,
            }
        case NotEnoughTrust(have=have, need=need):
            return said | {"verdict": "not enough trust", "detail": f"{have} of {need}"}
        case Rejected(reason=reason, detail=detail):
            return said | {"verdict": "rejected", "reason": reason.value, "detail": detail}
