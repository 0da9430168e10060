"""Two real Cosmos chains with one funded key on both, and how set-up work reaches them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from adapters.api import Resources
from adapters.cosmos.config import CosmosConfig, EndpointConfig
from adapters.cosmos.devnode import DevChain
from adapters.cosmos.ibc.chain import CosmosHost, open_host
from adapters.cosmos.light import read_blocks
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.ibc.applications.transfer.v1 import tx_pb2
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.tx import address_of
from adapters.jsonrpc import RpcLimits
from gateway.keys.signer import LocalSigner
from proofs.types import ChainId
from relays.runtime.clock import SystemClock
from relays.runtime.trust import TrustBook
from tests.support.simd import start_simd

KEY = bytes(31) + b"\x07"
OTHER_KEY = bytes(31) + b"\x08"
RICH = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two running chains."""

    first: DevChain
    second: DevChain


@contextmanager
def two_chains(**options: object) -> Iterator[Pair]:
    """Run chain-a and chain-b, both with rich accounts for `KEY` and `OTHER_KEY`."""
    owners = [address_of("cosmos", LocalSigner(key).public_key) for key in (KEY, OTHER_KEY)]
    settings = {"balances": dict.fromkeys(owners, RICH), "block_time_s": 0.1, **options}
    with (
        start_simd(chain_id="chain-a", **settings) as first,
        start_simd(chain_id="chain-b", **settings) as second,
    ):
        yield Pair(first=first, second=second)


def caip(chain: DevChain) -> ChainId:
    return ChainId(f"cosmos:{chain.options.chain_id}")


async def config_of(chain: DevChain, **changes: object) -> CosmosConfig:
    """Return a configuration that trusts the chain's third block."""
    chain.node.until_height(4)
    client = CometClient("dev", chain.node.rpc_url, RpcLimits())
    try:
        [block] = await read_blocks(client, caip(chain), chain.options.chain_id, [3])
    finally:
        await client.close()
    known = {
        "endpoints": (EndpointConfig(name="dev", rpc_url=chain.node.rpc_url),),
        "trust_height": block.ref.height,
        "trust_hash": block.ref.hash.hex(),
        "trusting_period_s": chain.options.unbonding_time_s * 2 // 3,
        "gas_price": "0stake",
        "poll_s": 0.05,
    }
    return CosmosConfig(**{**known, **changes})


@asynccontextmanager
async def host(chain: DevChain, key: bytes = KEY, **changes: object) -> AsyncIterator[CosmosHost]:
    """Reach a running chain with this key."""
    signers = (LocalSigner(key),) if key else ()
    resources = Resources(clock=SystemClock(), signers=signers)
    async with open_host(caip(chain), await config_of(chain, **changes), resources, TrustBook) as opened:
        yield opened


class KilledError(Exception):
    """The set-up program ends here."""


class Mortal:
    """A host whose user is killed before its transaction number `lives` + 1, counted over both chains."""

    def __init__(self, host: CosmosHost, lives: list[int]) -> None:
        self._host, self._lives = host, lives

    def __getattr__(self, name: str) -> object:
        return getattr(self._host, name)

    async def execute(self, messages: object) -> object:
        if not self._lives:
            raise KilledError
        self._lives.pop()
        return await self._host.execute(messages)


def transfer(source: CosmosHost, end: str) -> tx_pb2.MsgTransfer:
    """Return a transfer of one coin to an account on the other chain, that times out in an hour."""
    is_channel = end.startswith("channel-")
    timeout_s = int(source.clock.now_s()) + 3600
    return tx_pb2.MsgTransfer(
        source_port="transfer",
        source_channel=end,
        token=coin_pb2.Coin(denom="stake", amount="1"),
        sender=source.signer,
        receiver=source.signer,
        timeout_timestamp=timeout_s * 10**9 if is_channel else timeout_s,
    )
