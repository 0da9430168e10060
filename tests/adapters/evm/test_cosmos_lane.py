"""What leaves a real EVM node for a Cosmos chain: the packets that stock modules there read."""

import time

import pytest
import pytest_asyncio

from adapters.api import SendMessage, SendTransfer
from adapters.errors import Refused
from adapters.evm.adapter import EvmChain
from adapters.evm.deploy import ClientSetup, add_clients, deployer, mint
from proofs import bech32, codec
from proofs.apps import gmp, ics20
from proofs.apps.gmp import CallData
from proofs.apps.ics20 import TransferData
from proofs.ids import format_evm_address
from proofs.types import ChainId, ClientId, Lane, Payload
from tests.support.anvil import start_anvil
from tests.support.evm import KEYS, A, DevSigner, Side, config, final_at_least, install, resources

pytestmark = [pytest.mark.nodes, pytest.mark.asyncio(loop_scope="module")]
COSMOS = ChainId("cosmos:chain-a")
LANE = Lane(
    source=A,
    source_client=ClientId("attestations-4"),
    destination=COSMOS,
    destination_client=ClientId("attestations-0"),
)
OWNER = DevSigner(0).address
RECEIVER = bech32.encode("cosmos", bytes(range(20)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def side():
    with start_anvil(chain_id=31337) as node:
        deployed = await install(node, A, COSMOS, LANE.source_client, LANE.destination_client)
        async with deployer(A, node.url, resources(8), poll_s=0.05) as sender:
            await mint(sender, deployed, OWNER, 10**30)
        configured = config(node, deployed)
        chain = EvmChain(A, configured, resources())
        await chain.connect()
        yield Side(node=node, deployed=deployed, chain=chain, config=configured)
        await chain.close()


async def sent(side, request):
    """Send, and return the packet as the chain shows it; it must pass every check of packets."""
    [sequence] = await side.chain.send([request])
    status = await final_at_least(side.chain, (await side.chain.status()).head.height)
    seen = await side.chain.sent(LANE, side.deployed.start_height, status.finalized)
    [packet] = [each.packet for each in seen if each.packet.sequence == sequence]
    codec.check_packet(packet)
    return packet


def message(payload: bytes, recipient: str = "") -> SendMessage:
    return SendMessage(lane=LANE, recipient=recipient, payload=payload, timeout_s=int(time.time()) + 3600)


@pytest.mark.parametrize("recipient", ["", RECEIVER])
async def test_a_message_is_a_call_of_the_stock_module(side, recipient):
    packet = await sent(side, message(b"\x0a\x00", recipient))
    expected = CallData(
        sender=format_evm_address(OWNER), receiver=recipient, salt=b"", payload=b"\x0a\x00", memo=""
    )
    called = Payload(
        source_port=gmp.PORT,
        destination_port=gmp.PORT,
        version=gmp.VERSION,
        encoding=gmp.ENCODING,
        value=gmp.encode(expected),
    )
    assert packet.payloads == (called,)


async def test_a_message_to_no_cosmos_address_is_refused(side):
    for recipient in ("0x" + "11" * 20, RECEIVER[:-1] + "q", RECEIVER.upper()):
        with pytest.raises(Refused, match="expected Bech32"):
            await side.chain.send([message(b"x", recipient)])


@pytest.mark.parametrize("amount", [1, 2**64, 10**29])
async def test_a_transfer_is_read_by_whoever_reads_stock_transfers(side, amount):
    token = side.deployed.token
    timeout_s = int(time.time()) + 3600
    request = SendTransfer(lane=LANE, denom=token, amount=amount, receiver=RECEIVER, timeout_s=timeout_s)
    packet = await sent(side, request)
    [payload] = packet.payloads
    assert (payload.version, payload.encoding) == (ics20.VERSION, ics20.ABI)
    assert ics20.decode_transfer(payload) == TransferData(
        denom=token.lower(), amount=amount, sender="0x" + OWNER.hex(), receiver=RECEIVER
    )
    assert ics20.encode_abi(ics20.decode_abi(payload.value)) == payload.value


@pytest.mark.parametrize("name", ["b-0", "client", "attestations-", "9" * 64 + "-1"])
async def test_a_client_that_a_cosmos_chain_cannot_name_is_refused(side, name):
    setup = ClientSetup(
        client=ClientId(name),
        counterparty=ClientId("attestations-0"),
        counterparty_chain=COSMOS,
        attestors=tuple([key.address for key in KEYS]),
        threshold=2,
    )
    async with deployer(A, side.node.url, resources(9), poll_s=0.05) as sender:
        with pytest.raises(Refused, match="type-number"):
            await add_clients(sender, side.deployed, [setup])
