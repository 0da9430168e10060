"""Puts our contracts on a development chain, from the committed artifacts, and connects it with others.

For development and tests: one key is deployer, admin and operator of everything, and what costs what does
not matter. The order is that of `contracts/README.md`. Contract addresses follow from the deployer's
nonces, so each stage is one list of transactions and one wait.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.api import Resources
from adapters.errors import Refused
from adapters.evm.abi import Part, address_word, array, dynamic, encode, selector, struct, word
from adapters.evm.adapter import open_endpoints, open_sender
from adapters.evm.config import EndpointConfig, EvmConfig
from adapters.evm.reverts import artifact
from adapters.evm.send import included, succeeded
from adapters.evm.sender import Sender
from adapters.evm.transactions import Intent
from adapters.evm.wire import number
from proofs.apps import gmp, ics20
from proofs.hashing import keccak256
from proofs.ids import InteropAddress, encode_interop, format_evm_address
from proofs.rlp import encode as encode_rlp
from proofs.types import ChainId, ClientId

_DEPLOY_GAS = 6_000_000
_CALL_GAS = 500_000
_MESSAGES_GAS_SHARE = 1_800_000
_TRANSFER_GAS_SHARE = 1_000_000
_ROTATION_DELAY_S = 86_400
_COSMOS_CLIENT = re.compile(r"(?=.{8,64}$)\w+([\w-]+\w)?-[0-9]{1,20}", re.ASCII)
"""What a Cosmos chain takes as the name of a counterparty's client: 8 to 64 characters, type and number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSetup:
    """One light client to be hosted: who attests the other chain, and its name for its client of this one."""

    client: ClientId
    counterparty: ClientId
    counterparty_chain: ChainId
    attestors: tuple[bytes, ...]
    """Addresses, 20 bytes each."""
    threshold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Where our contracts are on one chain. Addresses in text, with capitals by ERC-55."""

    chain: ChainId
    manager: str
    router: str
    erc7786_gateway: str
    transfer: str
    sample_app: str
    token: str
    start_height: int
    """Block of the first contract."""


@asynccontextmanager
async def deployer(
    chain: ChainId, url: str, resources: Resources, poll_s: float = 0.1
) -> AsyncIterator[Sender]:
    """Yield a sender for one development node. Raises `Refused` without a signer."""
    nowhere = format_evm_address(bytes(20))
    config = EvmConfig(
        endpoints=(EndpointConfig(name="dev", url=url),), router=nowhere, poll_s=poll_s, in_flight_window=1000
    )
    endpoints = open_endpoints(chain, config, resources)
    sender = open_sender(chain, config, resources, endpoints)
    if sender is None:
        raise Refused("deployment: expected a signer, got none")
    try:
        await endpoints.connect()
        yield sender
    finally:
        await endpoints.close()


async def deploy(sender: Sender, chain: ChainId) -> Deployment:
    """Deploy everything but clients; return when it is in blocks. The sender's signer becomes admin.

    Raises `Refused` when a transaction fails.
    """
    admin = address_word(sender.signer.address)
    nonce = await sender.next_nonce()
    names = ["manager", "router_code", "router", "gateway", "transfer_code", "transfer", "app", "token"]
    at = {name: contract_address(sender.signer.address, nonce + index) for index, name in enumerate(names)}
    manager, router = address_word(at["manager"]), address_word(at["router"])
    start_router = selector("initialize(address)") + manager
    start_transfer = selector("initialize(address,address)") + manager + router
    height = await _send(
        sender,
        [
            _create("AccessManager", admin),
            _create("Router"),
            _create("ERC1967Proxy", address_word(at["router_code"]), dynamic(start_router)),
            _create("Erc7786Gateway", manager, router),
            _create("Ics20Transfer"),
            _create("ERC1967Proxy", address_word(at["transfer_code"]), dynamic(start_transfer)),
            _create("SampleApp", address_word(at["gateway"])),
            _create("TestToken", dynamic("Test Token"), dynamic("TEST")),
            _register(at["router"], "erc7786", at["gateway"], _MESSAGES_GAS_SHARE),
            _register(at["router"], gmp.PORT, at["gateway"], _MESSAGES_GAS_SHARE),
            _register(at["router"], ics20.PORT, at["transfer"], _TRANSFER_GAS_SHARE),
        ],
    )
    return Deployment(
        chain=chain,
        manager=format_evm_address(at["manager"]),
        router=format_evm_address(at["router"]),
        erc7786_gateway=format_evm_address(at["gateway"]),
        transfer=format_evm_address(at["transfer"]),
        sample_app=format_evm_address(at["app"]),
        token=format_evm_address(at["token"]),
        start_height=height,
    )


async def add_clients(sender: Sender, deployment: Deployment, clients: Sequence[ClientSetup]) -> None:
    """Host these light clients, and link each one's chain with it; return when that is in blocks.

    A chain that has several clients sends its messages over the last one. Raises `Refused` for a client name
    that a Cosmos counterparty would not take.
    """
    for setup in clients:
        if setup.counterparty_chain.startswith("cosmos:") and not _COSMOS_CLIENT.fullmatch(setup.client):
            raise Refused(f"client: expected type-number of 8 to 64 characters, got {setup.client!r}")
    nonce = await sender.next_nonce()
    router = bytes.fromhex(deployment.router[2:])
    gateway = bytes.fromhex(deployment.erc7786_gateway[2:])
    intents: list[Intent] = []
    for setup in clients:
        attestors = array([address_word(each) for each in setup.attestors])
        light = contract_address(sender.signer.address, nonce + len(intents))
        intents += [
            _create("AttestationClient", attestors, *map(word, (setup.threshold, 0, 0, _ROTATION_DELAY_S))),
            _add_client(router, setup, light),
            _link(gateway, setup),
        ]
    await _send(sender, intents)


async def mint(sender: Sender, deployment: Deployment, owner: bytes, amount: int) -> None:
    """Give test tokens to an account; return when that is in a block."""
    call_data = selector("mint(address,uint256)") + address_word(owner) + word(amount)
    await _send(sender, [Intent(to=bytes.fromhex(deployment.token[2:]), data=call_data, gas=_CALL_GAS)])


def contract_address(creator: bytes, nonce: int) -> bytes:
    """Return the address of the contract that this transaction of an account creates."""
    minimal = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    return keccak256(encode_rlp([creator, minimal]))[12:]


def _create(name: str, *arguments: Part) -> Intent:
    code = bytes.fromhex(artifact(name)["bytecode"][2:])
    return Intent(to=b"", data=code + encode(arguments), gas=_DEPLOY_GAS)


def _register(router: bytes, port: str, app: bytes, gas_share: int) -> Intent:
    arguments = encode([dynamic(port), address_word(app), word(gas_share)])
    return Intent(to=router, data=selector("registerApp(string,address,uint32)") + arguments, gas=_CALL_GAS)


def _add_client(router: bytes, setup: ClientSetup, light: bytes) -> Intent:
    prefix = array([dynamic(b"")])
    arguments = encode(
        [dynamic(setup.client), struct([dynamic(setup.counterparty), prefix]), address_word(light)]
    )
    add = selector("addClient(string,(string,bytes[]),address)")
    return Intent(to=router, data=add + arguments, gas=_CALL_GAS)


def _link(gateway: bytes, setup: ClientSetup) -> Intent:
    chain = encode_interop(InteropAddress(chain=setup.counterparty_chain, address=b""))
    arguments = encode([dynamic(chain), dynamic(setup.client)])
    return Intent(to=gateway, data=selector("linkChain(bytes,string)") + arguments, gas=_CALL_GAS)


async def _send(sender: Sender, intents: Sequence[Intent]) -> int:
    """Send, wait, and return the height of the first. Raises `Refused` when one was reverted."""
    fates = await included(sender, await sender.send(intents))
    receipts = [await succeeded(sender, fate) for fate in fates]
    return number(receipts[0].block_number, "block number")
