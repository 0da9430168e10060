"""Cosmos chains of a configuration, opened for one command: from a name on the command line to a host."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any, TypeVar

import typer

from adapters.api import Resources
from adapters.cosmos.config import native_id
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.errors import AdapterError, NoAgreement, RateLimited, TransportError, WrongChain
from adapters.secret import SecretUnavailableError
from gateway.cli.output import CliError, Exit
from gateway.config.schema import ChainConfig, Config
from gateway.keys.keystore import Keystore, KeystoreError
from gateway.keys.signer import LocalSigner
from gateway.observe import logs
from proofs.types import ChainId
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook

T = TypeVar("T")

ChainName = Annotated[str, typer.Argument(metavar="CHAIN", help="Name, CAIP-2 id or native id of a chain.")]

_NETWORK = (TransportError, RateLimited, NoAgreement, WrongChain)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a command's work; what a chain says against it ends the command with its words."""
    logs.configure("error")
    try:
        return asyncio.run(work)
    except AdapterError as error:
        code = Exit.UNHEALTHY if isinstance(error, _NETWORK) else Exit.FAILED
        raise CliError(f"{error.code}: {error}", exit_code=code, hint=_hint(error)) from None


def cosmos_chain(config: Config, name: str) -> ChainConfig:
    """Return the one Cosmos chain of this name. Raises `CliError`."""
    found = [chain for chain in config.chains if name in _names(chain)]
    if len(found) == 1 and found[0].adapter == "cosmos":
        return found[0]
    known = ", ".join(chain.name or chain.id for chain in config.chains if chain.adapter == "cosmos")
    what = f"adapter {found[0].adapter!r}" if len(found) == 1 else f"{len(found)} chains"
    raise CliError(
        f"expected one Cosmos chain named {name!r}, got {what}",
        exit_code=Exit.USAGE,
        hint=f"Cosmos chains of this configuration: {known or 'none'}",
    )


def tracked_chain(config: Config, native: str) -> ChainConfig | None:
    """Return the configured Cosmos chain with this native id, None when there is none."""
    found = [chain for chain in config.chains if chain.adapter == "cosmos" and native in _names(chain)[2:]]
    return found[0] if found else None


@asynccontextmanager
async def opened(
    config: Config, *chains: ChainConfig, signing: bool = False
) -> AsyncIterator[tuple[CosmosHost, ...]]:
    """Yield these chains, connected; with their keys when something is to be sent. Raises `CliError`."""
    signers = _signers(config, chains) if signing else {}
    async with AsyncExitStack() as stack:
        hosts = []
        for chain in chains:
            resources = Resources(clock=SystemClock(), signers=signers.get(chain.id, ()))
            hosts.append(
                await stack.enter_async_context(open_host(chain.id, chain.config, resources, TrustBook))
            )
        yield tuple(hosts)


def _names(chain: ChainConfig) -> tuple[str, ...]:
    native = (native_id(chain.id, chain.config),) if chain.adapter == "cosmos" else ()
    return (chain.name or chain.id, chain.id, *native)


def _signers(config: Config, chains: Sequence[ChainConfig]) -> dict[ChainId, tuple[LocalSigner, ...]]:
    """Return the key that pays on each chain: one, since who creates a client must name its counterparty."""
    for chain in chains:
        if not chain.signer:
            told = f"{chain.id}: expected a signer, none is configured"
            raise CliError(told, exit_code=Exit.USAGE, hint='signer = "keystore:NAME"')
    keystore = Keystore(config.keystore_directory())
    names = {chain.id: chain.signer_names()[0] for chain in chains}
    try:
        keys = keystore.load_all(sorted({*names.values()}), config.keystore.password.reveal())
    except (SecretUnavailableError, KeystoreError) as error:
        hint = f"isthmus signer new NAME --keystore {keystore.directory}"
        raise CliError(str(error), exit_code=Exit.USAGE, hint=hint) from None
    return {chain: (LocalSigner(keys[name]),) for chain, name in names.items()}


def _hint(error: AdapterError) -> str:
    if "expired" in str(error) and "light client" in str(error):
        return "take a newer trust_height and trust_hash: isthmus ibc trust CHAIN"
    if "cannot close channel" in str(error):
        return "the application at that port closes no channel by hand, as token transfer"
    return ""
