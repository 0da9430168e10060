"""The story's ground on two Cosmos chains and one EVM chain.

Messages go between the EVM chain and each of the others. Those that end on a Cosmos chain are carried out
there by its stock ICS-27 module: each pays one coin to an account, which so counts them.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from adapters.cosmos.devhome import DENOM
from adapters.cosmos.pb.cosmos.bank.v1beta1 import tx_pb2 as bank_tx
from adapters.cosmos.pb.cosmos.base.v1beta1 import coin_pb2
from adapters.cosmos.pb.ibc.applications.gmp.v1 import account_pb2
from adapters.cosmos.tx import pack
from gateway.demo import books, cosmos_books, evm_books
from gateway.demo.ledger import Count
from gateway.demo.stage import Access, Party, greeting, path
from gateway.dev import ibc, simd
from gateway.dev.fleet import payers
from gateway.dev.place import Network
from proofs import bech32
from proofs.apps import ics20
from proofs.hashing import sha256
from proofs.types import ChainId, Lane

COUNTER = bech32.encode("cosmos", sha256(b"isthmus: counts messages")[:20])
"""Nobody has its key: what it gets, it keeps."""


class CosmosStage:
    """See `gateway.demo.stage.Stage`."""

    def __init__(
        self, network: Network, parties: Mapping[ChainId, Party], found: Mapping[ChainId, books.Books]
    ) -> None:
        self.lanes: tuple[Lane, ...] = tuple([lane for link in network.links for lane in link.lanes()])
        self.late: tuple[Lane, ...] = network.links[0].lanes()
        self.gateways: Mapping[str, Access] = _gateways(network)
        self.parties = parties
        self._books = found

    def message(self, lane: Lane, number: int) -> Mapping[str, Any] | None:
        """See `Stage.message`."""
        recipient = self.parties[lane.destination].application
        if not _is_cosmos(lane.destination):
            return greeting(recipient, number)
        if _is_cosmos(lane.source):
            return None
        actor = ibc.caller(lane, bytes.fromhex(self.parties[lane.source].account[2:]))
        coins = [coin_pb2.Coin(denom=DENOM, amount="1")]
        payment = bank_tx.MsgSend(from_address=actor, to_address=recipient, amount=coins)
        call = account_pb2.CosmosTx(messages=[pack(payment)])
        return {"kind": "message", "recipient": recipient, "payload": f"0x{call.SerializeToString().hex()}"}

    def abroad(self, lane: Lane) -> str:
        """See `Stage.abroad`."""
        known_as = path(lane, self.parties[lane.destination].denom)
        return ics20.voucher_denom(known_as) if _is_cosmos(lane.source) else known_as

    async def counts(self, messages: Mapping[Lane, int]) -> Mapping[Lane, Count]:
        """See `Stage.counts`."""
        return await books.counts(self._books, self.lanes, messages)

    async def unbalanced(self) -> list[str]:
        """See `Stage.unbalanced`."""
        denoms = {chain: party.denom for chain, party in self.parties.items()}
        return await books.unbalanced(self._books, denoms, self.lanes)


@asynccontextmanager
async def open_stage(network: Network) -> AsyncIterator[CosmosStage]:
    """Yield the ground."""
    parties: dict[ChainId, Party] = {}
    found: dict[ChainId, books.Books] = {}
    async with AsyncExitStack() as stack:
        senders = zip(network.nodes.items(), _gateways(network).values(), payers(), strict=True)
        for (name, url), access, payer in senders:
            chain = ChainId(name)
            if _is_cosmos(chain):
                coin, account, application = network.coins[name], simd.account(payer), COUNTER
                found[chain] = await stack.enter_async_context(
                    cosmos_books.open_books(chain, url, holder=account, coin=coin, counter=COUNTER)
                )
            else:
                contracts, account = network.contracts[name], f"0x{payer.address.hex()}"
                coin, application = contracts["token"].lower(), contracts["sample_app"]
                found[chain] = await stack.enter_async_context(
                    evm_books.open_books(chain, url, contracts, account)
                )
            parties[chain] = Party(sender=access, application=application, account=account, denom=coin)
        yield CosmosStage(network, parties, found)


def _gateways(network: Network) -> dict[str, Access]:
    return {name: Access(url=url, key=network.admin_keys[name]) for name, url in network.urls.items()}


def _is_cosmos(chain: ChainId) -> bool:
    return chain.startswith("cosmos:")
