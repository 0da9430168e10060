"""`isthmus ibc create attested`: the client of a configured attested lane, on the Cosmos chain where it ends.

Attestors' keys follow from the names of both clients, so the name comes first: it stands in the lane, and the
chain gives names in order. Whether it would give this one is looked at before anything is sent.
"""

from typing import Annotated

import typer

from adapters.api import Resources
from adapters.cosmos.ibc.chain import CosmosHost
from adapters.cosmos.ibc.clients import ATTESTATIONS_PREFIX, create_attestations_client, register_counterparty
from adapters.errors import Refused
from gateway.cli.configured import ConfigFile, read_config
from gateway.cli.ibc_chains import ChainName, cosmos_chain, opened, run
from gateway.cli.output import CliError, Exit, Json, emit_json
from gateway.config.plugins import InstalledAdapters
from gateway.config.schema import ChainConfig, Config, LaneConfig, Security
from proofs.types import ClientId, TrustedState
from proofs.verdict import Accepted
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook

app = typer.Typer(rich_markup_mode=None)

_KIND = "attestations"
_NEXT_CLIENT = b"nextClientSequence"
"""Key of the number in the next client's name, 8 bytes, big-endian (ibc-go, 02-client)."""


@app.command("attested")
def create_attested(
    chain: ChainName,
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Its name in the configured lanes.")],
    *,
    config_file: ConfigFile,
    as_json: Json = False,
) -> None:
    """Create the attestations client of a configured lane on CHAIN, and name its counterparty.

    It begins at a final block of the lane's source, which was verified here.
    """
    config = read_config(config_file)
    where = cosmos_chain(config, chain)
    lane = _lane(config, where, client)

    async def work() -> None:
        async with opened(config, where, signing=True) as (host,):
            await _check_name(host, lane.destination.client)
            await _create(host, lane, await _begin(config, lane))

    run(work())
    if as_json:
        emit_json({"chain": where.id, "client": client, "counterparty": lane.source.client})
    else:
        print(client)


def _lane(config: Config, chain: ChainConfig, client: str) -> LaneConfig:
    """Return the attested lane that ends at this client. Raises `CliError`."""
    for lane in config.lanes:
        ends_here = (lane.destination.chain, lane.destination.client) == (chain.id, client)
        if ends_here and lane.security is Security.ATTESTED:
            return lane
    told = f"expected an attested lane to {chain.id}/{client} in the configuration, there is none"
    raise CliError(told, exit_code=Exit.USAGE, hint="the client believes the attestors of that lane")


async def _check_name(host: CosmosHost, expected: ClientId) -> None:
    """Check that the chain would call the next client so. Raises `Refused` with the name it would give."""
    [found] = await host.stored([_NEXT_CLIENT], await host.head())
    name = f"{_KIND}-{int.from_bytes(found.value, 'big')}"
    if name != expected:
        raise Refused(
            f"client: expected {expected}, {host.chain} would call it {name}: "
            "put that name into both lanes, and derive the attestors' keys anew (isthmus signer attestor)"
        )


async def _begin(config: Config, lane: LaneConfig) -> TrustedState:
    """Return a final block of the lane's source, judged by its light client. Raises `Refused` for another."""
    entry = next(one for one in config.chains if one.id == lane.source.chain)
    plugin, clock = InstalledAdapters()[entry.adapter], SystemClock()
    source = plugin.build(entry.id, entry.config, Resources(clock=clock))
    try:
        await source.connect()
        final = (await source.status()).finalized
        spec = plugin.light_client(entry.id, entry.config)
        verdict = await TrustBook().advance_to(source, spec, final, clock.now_s())
    finally:
        await source.close()
    if not isinstance(verdict, Accepted):
        raise Refused(
            f"{entry.id} block {final.height}: expected one that our light client accepts: {verdict}"
        )
    return verdict.value


async def _create(host: CosmosHost, lane: LaneConfig, begin: TrustedState) -> None:
    attestors = [bytes.fromhex(one.address[2:]) for one in lane.attestors]
    made = await create_attestations_client(host, attestors, lane.threshold, begin.block.height, begin.time_s)
    if made != lane.destination.client:
        raise Refused(
            f"client: expected {lane.destination.client}, got {made}: somebody was quicker; once more"
        )
    await register_counterparty(host, made, lane.source.client, ATTESTATIONS_PREFIX)
