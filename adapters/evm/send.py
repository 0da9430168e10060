"""Ability `send`: messages through the ERC-7786 gateway, tokens through ICS-20, by the configured signer.

One transaction for each request, many in flight; the sequence of each packet is read from its receipt. It
only asks the contracts: what they refuse, it refuses with their reason.

A message to a Cosmos chain carries out its payload there (ICS-27); its recipient may be empty. The receiver
of tokens is a text of the destination, which nobody here reads.

Implements: ERC-7786 `sendMessage` with attribute `deliverBefore`, ERC-7930 recipients,
`IIcs20Transfer.sendTransfer`.
"""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

from adapters.api import SendMessage, SendTransfer
from adapters.errors import MalformedReply, NotYetAvailable, Refused
from adapters.evm.abi import (
    WORD,
    Answer,
    Part,
    address_word,
    array,
    dynamic,
    encode,
    selector,
    struct,
    word,
)
from adapters.evm.endpoints import Endpoints
from adapters.evm.gas import GasModel
from adapters.evm.logs import seen_packets
from adapters.evm.replay import why_reverted
from adapters.evm.reverts import describe
from adapters.evm.rpc import ErrorObject, RpcClient
from adapters.evm.sender import Fate, Sender
from adapters.evm.transactions import Intent
from adapters.evm.wire import LoggedReceiptJson, ReceiptJson, data, error_data, number, read
from proofs.evm.events import SEND_PACKET, PacketEvents
from proofs.ids import PROFILES, IdentifierError, InteropAddress, encode_interop, parse_evm_address
from proofs.types import ChainId, Lane
from proofs.types import Sequence as PacketSequence

_SEND_MESSAGE = selector("sendMessage(bytes,bytes,bytes[])")
_DELIVER_BEFORE = selector("deliverBefore(uint256)")
_CLIENT_OF = selector("clientOf(bytes)")
_SEND_TRANSFER = selector("sendTransfer((address,uint256,string,string,uint64,string))")
_VOUCHER_OF = selector("voucherOf(string)")
_ALLOWANCE = selector("allowance(address,address)")
_APPROVE = selector("approve(address,uint256)")
_INCLUSION_LIMIT_S = 600.0


@dataclass(slots=True, kw_only=True)
class Applications:
    """Acts for applications on one chain."""

    endpoints: Endpoints
    sender: Sender
    router: bytes
    gateway: bytes
    """Address of the ERC-7786 gateway; empty when there is none."""
    transfer: bytes
    """Address of the ICS-20 application; empty when there is none."""
    max_gas: int
    _gas: GasModel = field(default_factory=GasModel)
    _spending: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from an approval until it is spent: an allowance is one number, whoever asked for it."""

    async def send(self, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[PacketSequence]:
        """See `MessageSender.send`."""
        transfers = [request for request in requests if isinstance(request, SendTransfer)]
        async with self._spending if transfers else nullcontext():
            await self._approve(transfers)
            intents = [await self._intent(request) for request in requests]
            fates = await included(self.sender, await self.sender.send(intents))
        return [await self._sequence(fate) for fate in fates]

    async def _intent(self, request: SendMessage | SendTransfer) -> Intent:
        if isinstance(request, SendMessage):
            to, call_data = self.gateway, await self._message_call(request)
        else:
            to, call_data = self.transfer, await self._transfer_call(request)
        if not to:
            raise Refused(f"{type(request).__name__}: no address is configured for its application")
        kind = f"{type(request).__name__} {request.lane}"
        gas = self._gas.limit(kind, 1, len(call_data))
        if gas is None:
            gas = self._gas.learn(kind, 1, len(call_data), await self._estimate(to, call_data))
        return Intent(to=to, data=call_data, gas=min(gas, self.max_gas))

    async def _message_call(self, request: SendMessage) -> bytes:
        await self._check_route(request.lane)
        recipient = _interop(request.lane.destination, request.recipient)
        attribute = _DELIVER_BEFORE + word(request.timeout_s)
        parts = [dynamic(recipient), dynamic(request.payload), array([dynamic(attribute)])]
        return _SEND_MESSAGE + encode(parts)

    async def _check_route(self, lane: Lane) -> None:
        """The gateway chooses the client by the recipient's chain: it must be the lane's."""
        chain = _interop(lane.destination, "")
        found = await self._ask(self.gateway, _CLIENT_OF + encode([dynamic(chain)]))
        linked = found.inner(0).text()
        if linked != lane.source_client:
            raise Refused(f"lane {lane}: the gateway sends to {lane.destination} by client {linked!r}")

    async def _transfer_call(self, request: SendTransfer) -> bytes:
        token = await self._token(request.denom)
        message: list[Part] = [
            address_word(token),
            word(request.amount),
            dynamic(request.receiver),
            dynamic(request.lane.source_client),
            word(request.timeout_s),
            dynamic(""),
        ]
        return _SEND_TRANSFER + encode([struct(message)])

    async def _token(self, denom: str) -> bytes:
        """Return the token's address: the denom itself, or the voucher of a denom trace."""
        if "/" not in denom:
            try:
                return parse_evm_address(denom)
            except IdentifierError as error:
                raise Refused(f"denom: {error}") from error
        found = await self._ask(self.transfer, _VOUCHER_OF + encode([dynamic(denom)]))
        if not found.uint(WORD, 1):
            raise Refused(f"denom {denom!r}: nothing of it has arrived on this chain")
        return found.uint(0, 160).to_bytes(20, "big")

    async def _approve(self, transfers: Sequence[SendTransfer]) -> None:
        """Let the ICS-20 application take what these transfers need, and no more."""
        needed: dict[bytes, int] = {}
        for request in transfers:
            token = await self._token(request.denom)
            needed[token] = needed.get(token, 0) + request.amount
        owner = self.sender.signer.address
        intents = []
        for token, amount in needed.items():
            asked = _ALLOWANCE + address_word(owner) + address_word(self.transfer)
            if (await self._ask(token, asked)).uint(0, 256) < amount:
                call_data = _APPROVE + address_word(self.transfer) + word(amount)
                gas = await self._estimate(token, call_data)
                intents.append(Intent(to=token, data=call_data, gas=2 * gas))
        for fate in await included(self.sender, await self.sender.send(intents)) if intents else ():
            await succeeded(self.sender, fate)

    async def _ask(self, to: bytes, call_data: bytes) -> Answer:
        """Return what a call returns now. Raises `Refused` when the contract reverts or is not there."""
        target = {"to": "0x" + to.hex(), "data": "0x" + call_data.hex()}

        async def work(endpoint: RpcClient) -> bytes:
            [reply] = await endpoint.batch([("eth_call", [target, "latest"])])
            if isinstance(reply, ErrorObject) and error_data(reply):
                raise Refused(describe(error_data(reply)))
            return data(read(reply, str, "eth_call"), "eth_call")

        returned = await self.endpoints.agreed(work)
        if not returned:
            raise Refused(f"no contract at 0x{to.hex()}")
        return Answer(returned)

    async def _estimate(self, to: bytes, call_data: bytes) -> int:
        call = {
            "from": "0x" + self.sender.signer.address.hex(),
            "to": "0x" + to.hex(),
            "data": "0x" + call_data.hex(),
        }

        async def work(endpoint: RpcClient) -> int:
            [reply] = await endpoint.batch([("eth_estimateGas", [call, "latest"])])
            if isinstance(reply, ErrorObject) and (reply.code == 3 or error_data(reply)):
                raise Refused(describe(error_data(reply)))
            return number(read(reply, str, "eth_estimateGas"), "gas")

        return await self.endpoints.first(work)

    async def _sequence(self, fate: Fate) -> PacketSequence:
        """Return the sequence of the packet that a transaction sent."""
        transaction = (await succeeded(self.sender, fate)).transaction_hash

        async def work(endpoint: RpcClient) -> PacketSequence:
            [reply] = await endpoint.batch([("eth_getTransactionReceipt", [transaction])])
            found: LoggedReceiptJson = read(reply, LoggedReceiptJson, "receipt")
            router, event = "0x" + self.router.hex(), "0x" + SEND_PACKET.hex()
            ours = [log for log in found.logs if log.address.lower() == router and log.topics[:1] == (event,)]
            packets = seen_packets(ours, PacketEvents())
            if len(packets) != 1:
                raise MalformedReply(f"receipt {transaction}: expected one packet, got {len(packets)}")
            return packets[0].packet.sequence

        return await self.endpoints.agreed(work)


async def included(sender: Sender, hashes: Sequence[bytes]) -> list[Fate]:
    """Wait until each of these transactions is in a block; return their fates, in order.

    Raises `Refused` when one is lost, `NotYetAvailable` after ten minutes.
    """
    deadline_s = sender.clock.monotonic_s() + _INCLUSION_LIMIT_S
    while sender.clock.monotonic_s() < deadline_s:
        fates = await sender.fates(hashes)
        lost = [fate.lost for fate in fates if fate.lost]
        if lost:
            raise Refused(f"transaction lost: {lost[0]}")
        if all(fate.receipt is not None for fate in fates):
            return fates
        await sender.clock.sleep(sender.poll_s)
    raise NotYetAvailable(f"expected {len(hashes)} transactions in blocks within {_INCLUSION_LIMIT_S} s")


async def succeeded(sender: Sender, fate: Fate) -> ReceiptJson:
    """Return the receipt of a transaction that is in a block. Raises `Refused` when it was reverted."""
    receipt = fate.receipt
    if receipt is None:
        raise NotYetAvailable("expected a receipt, there is none")
    if number(receipt.status, "status") != 1:
        raise Refused(await why_reverted(sender.endpoints, sender.signer.address, receipt, fate.intent))
    return receipt


def _interop(chain: ChainId, address: str) -> bytes:
    """Return the ERC-7930 bytes of an address in its chain's notation; the chain alone if it is empty."""
    namespace = chain.partition(":")[0]
    try:
        profile = PROFILES.get(namespace)
        raw = profile.address_to_bytes(address) if profile and address else b""
        return encode_interop(InteropAddress(chain=chain, address=raw))
    except IdentifierError as error:
        raise Refused(f"recipient {address!r} on {chain}: {error}") from error
