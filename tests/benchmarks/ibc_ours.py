"""Our own gateway on the IBC row: a process over a configuration, light-client lanes over a channel.

Set-up is that of `isthmus ibc`: clients, connection, channel, each step proven.
"""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from adapters.api import Resources
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devhome import DENOM
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.cosmos.ibc.channels import ChannelTerms, open_channel, place
from adapters.cosmos.ibc.clients import create_tendermint_client
from adapters.cosmos.ibc.connections import open_connection
from adapters.cosmos.tx import address_of
from gateway.keys.keystore import Keystore
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.benchmarks.framework import expect
from tests.benchmarks.ibc_chains import PORT, PREFIX, A, B, BenchChain, IbcWorld
from tests.benchmarks.ibc_peers import CHANNEL
from tests.benchmarks.lab import PASSWORD, SEED

TRUSTING_S = 1_000_000
POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Isthmus:
    """The gateway."""

    name: str = "Isthmus"
    batch: int = 500
    """Messages of one transaction."""
    window: int = 8
    """Transactions of one direction that wait for a block at once."""
    signers: int = 1
    more: str = ""
    """Further limits, as lines."""
    program: Sequence[str] = ("gateway",)
    accounts: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        keys = [LocalSigner(_key(number)) for number in range(self.signers)]
        object.__setattr__(self, "accounts", [address_of(PREFIX, key.public_key) for key in keys])

    def prepare(self, world: IbcWorld, folder: Path) -> str:
        """Make the channel, and write configuration and keys."""
        asyncio.run(_connect(world))
        keystore = Keystore(folder / "data" / "keystore")
        keystore.save("master", SEED, PASSWORD)
        for number in range(self.signers):
            keystore.save(f"payer-{number}", _key(number), PASSWORD)
        parts = [_GATEWAY.format(batch=self.batch, window=self.window, more=self.more)]
        parts += [self._chain(world, name) for name in (A, B)]
        parts += [_LANE.format(source=one, destination=other, end=CHANNEL) for one, other in ((A, B), (B, A))]
        (folder / "isthmus.toml").write_text("\n".join(parts))
        return CHANNEL

    def clearing(self, folder: Path, packets: int) -> Sequence[str]:
        """The same as always: what is pending is found at the start."""
        return self.live(folder)

    def live(self, folder: Path) -> Sequence[str]:
        """Run the gateway."""
        return [sys.executable, "-m", *self.program, "run", "--config", str(folder / "isthmus.toml")]

    def _chain(self, world: IbcWorld, name: str) -> str:
        height, block_hash = newest(world.chains[name])
        doors = world.doors[name]
        others = ", ".join(f'"keystore:payer-{number}"' for number in range(1, self.signers))
        return _CHAIN.format(
            name=name,
            others=others,
            rpc=doors["rpc"],
            grpc=doors["grpc"],
            height=height,
            hash=block_hash,
            trusting_s=TRUSTING_S,
            poll_s=POLL_S,
            denom=DENOM,
            window=self.window,
        )


def newest(chain: BenchChain) -> tuple[int, str]:
    """Return height and hash of the newest block."""
    [found] = chain.rpc([("commit", {})])
    commit = found["signed_header"]["commit"]
    return int(commit["height"]), commit["block_id"]["hash"].lower()


def _key(number: int) -> bytes:
    return hashlib.sha256(b"benchmark: payer %d" % number).digest()


async def _connect(world: IbcWorld) -> None:
    """Open clients, a connection and a channel. Raises `WrongAnswerError` when they are not the first."""
    async with AsyncExitStack() as stack:
        a, b = [await stack.enter_async_context(set_up(world, name)) for name in (A, B)]
        on_a, on_b = await asyncio.gather(create_tendermint_client(a, b), create_tendermint_client(b, a))
        connection = await open_connection(a, on_a, b, on_b)
        ends = await place(a, connection.first, PORT), await place(b, connection.second, PORT)
        opened = await open_channel(*ends, ChannelTerms(version="ics20-1"))
        expect("channel", (CHANNEL, CHANNEL), (opened.first, opened.second))


@asynccontextmanager
async def set_up(world: IbcWorld, name: str) -> AsyncIterator[CosmosHost]:
    """Yield a chain as set-up work needs it, past the doors."""
    chain = world.chains[name]
    height, block_hash = newest(chain)
    node = EndpointConfig(name="node", rpc_url=chain.node.rpc_url)
    config = CosmosConfig(
        endpoints=(node,),
        trust_height=height,
        trust_hash=block_hash,
        trusting_period_s=TRUSTING_S,
        gas_price=f"0{DENOM}",
        poll_s=POLL_S,
    )
    resources = Resources(clock=SystemClock(), signers=(LocalSigner(_key(0)),))
    async with open_host(ChainId(f"cosmos:{name}"), config, resources, TrustBook) as host:
        yield host


_GATEWAY = """
[gateway]
name = "bench"
log = "json"
log_level = "warning"
[api]
listen = "127.0.0.1:0"
[limits]
batch = {batch}
window = {window}
{more}
"""

_CHAIN = """
[[chains]]
id = "cosmos:{name}"
adapter = "cosmos"
signer = "keystore:payer-0"
more_signers = [{others}]
[chains.config]
trust_height = {height}
trust_hash = "{hash}"
trusting_period_s = {trusting_s}
gas_price = "0{denom}"
max_transaction_bytes = 5000000
batch_calls = 1000
in_flight_window = {window}
poll_s = {poll_s}
[[chains.config.endpoints]]
name = "node"
rpc_url = "http://127.0.0.1:{rpc}"
grpc_url = "http://127.0.0.1:{grpc}"
ws_url = "ws://127.0.0.1:{rpc}/websocket"
"""

_LANE = """
[[lanes]]
from = {{ chain = "cosmos:{source}", client = "{end}" }}
to = {{ chain = "cosmos:{destination}", client = "{end}" }}
security = "light-client"
takeover_s = 0
"""
