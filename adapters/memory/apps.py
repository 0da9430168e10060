"""The two applications of a memory chain: messages and tokens. They see only what the router hands them.

`erc7786` (version "1") takes any message and counts it for its recipient; a message to the zero account
fails, so that error acknowledgements can be had. `transfer` (ICS-20, version "ics20-1") locks tokens that are
at home here and makes vouchers of those that are not; an error acknowledgement or a timeout gives the sender
everything back.

Every run of an application on receipt is counted per packet, so that "delivered exactly once" can be read
from state. A failing application raises `Revert`; undoing what it wrote is the router's business.

Implements: ICS-20 v1 packet data in `application/x-solidity-abi`, ERC-7786 message value of the EVM contracts
here.
"""

from adapters.api import SendMessage, SendTransfer
from adapters.memory.state import View
from proofs.apps import ics20
from proofs.apps.ics20 import TransferData
from proofs.codec import ERROR_ACKNOWLEDGEMENT
from proofs.types import Packet, Payload
from proofs.verdict import Refusal

MESSAGE_PORT = "erc7786"
TRANSFER_PORT = ics20.PORT
MESSAGE_RESULT = b"\x01"
TRANSFER_RESULT = ics20.SUCCESS
FAILING_ACCOUNT = bytes(20)
"""Messages to it fail in the application."""

_MESSAGE_HEAD = 1 + 8 + 8


class Revert(Exception):  # noqa: N818 - named for what it does
    """A transaction or an application call fails; what it wrote is undone."""


def outgoing(view: View, sender: bytes, request: SendMessage | SendTransfer) -> Payload:
    """Do what sending costs the sender and return the payload to send. Raises `Revert`."""
    match request:
        case SendMessage():
            value = _encode_message(sender, account_bytes(request.recipient), request.payload)
            return _payload(MESSAGE_PORT, "1", "application/x-isthmus-erc7786", value)
        case SendTransfer():
            return _send_transfer(view, f"0x{sender.hex()}", request)


def receive(view: View, packet: Packet, payload: Payload) -> bytes:
    """Run the application that `payload` is for and return its acknowledgement. Raises `Revert`."""
    view.add(("effect", packet.destination_client, packet.sequence), 1)
    match payload.destination_port:
        case "erc7786":
            return _receive_message(view, payload.value)
        case "transfer":
            return _receive_transfer(view, packet, _decode_transfer(payload.value))
        case port:
            raise Revert(f"no application at port {port!r}")


def settle(view: View, packet: Packet, payload: Payload, acknowledgement: bytes | None) -> None:
    """Tell the sending application what came of its packet; None is a timeout. Raises `Revert`."""
    failed = acknowledgement is None or acknowledgement == ERROR_ACKNOWLEDGEMENT
    view.put(("settled", packet.source_client, packet.sequence), "refunded" if failed else "acknowledged")
    if payload.source_port != TRANSFER_PORT:
        return
    if failed:
        _refund(view, packet, _decode_transfer(payload.value))
    elif acknowledgement != TRANSFER_RESULT:
        raise Revert(f"expected acknowledgement {TRANSFER_RESULT!r}, got {acknowledgement!r}")


def account_bytes(text: str) -> bytes:
    """Return the bytes of an account as messages carry them: 0x-hex decoded, any other notation as text."""
    if text.startswith("0x"):
        try:
            return bytes.fromhex(text[2:])
        except ValueError as error:
            raise Revert(f"expected an account in hex, got {text!r}") from error
    return text.encode()


def _payload(port: str, version: str, encoding: str, value: bytes) -> Payload:
    return Payload(source_port=port, destination_port=port, version=version, encoding=encoding, value=value)


def _encode_message(sender: bytes, recipient: bytes, payload: bytes) -> bytes:
    if not 0 < len(recipient) <= 255:
        raise Revert(f"recipient: expected 1 to 255 bytes, got {len(recipient)}")
    head = b"\x01" + bytes(16)
    return head + bytes([len(sender)]) + sender + bytes([len(recipient)]) + recipient + payload


def _receive_message(view: View, value: bytes) -> bytes:
    rest = value[_MESSAGE_HEAD:]
    if value[:1] != b"\x01" or not rest or len(rest) < 2 + rest[0]:
        raise Revert(f"expected a message of version 1, got {value[:32].hex()}")
    rest = rest[1 + rest[0] :]
    recipient = rest[1 : 1 + rest[0]]
    if len(recipient) != 20:
        raise Revert(f"recipient: expected 20 bytes, got {len(recipient)}")
    if recipient == FAILING_ACCOUNT:
        raise Revert("the zero account takes no messages")
    view.add(("inbox", f"0x{recipient.hex()}"), 1)
    return MESSAGE_RESULT


def _send_transfer(view: View, sender: str, request: SendTransfer) -> Payload:
    client, denom = request.lane.source_client, request.denom
    if not 0 < request.amount < 2**256:
        raise Revert(f"amount: expected 1 to 2^256-1, got {request.amount}")
    _move(view, ("balance", denom, sender), -request.amount)
    if not denom.startswith(f"{TRANSFER_PORT}/{client}/"):
        _move(view, ("escrow", client, denom), request.amount)
    data = TransferData(denom=denom, sender=sender, receiver=request.receiver, amount=request.amount)
    return _payload(TRANSFER_PORT, ics20.VERSION, ics20.ABI, ics20.encode_abi(data))


def _receive_transfer(view: View, packet: Packet, data: TransferData) -> bytes:
    if len(account_bytes(data.receiver)) != 20 or data.receiver != data.receiver.lower():
        raise Revert(f"receiver: expected 20 bytes in lower-case hex, got {data.receiver!r}")
    home = f"{TRANSFER_PORT}/{packet.source_client}/"
    if data.denom.startswith(home):
        denom = data.denom[len(home) :]
        _move(view, ("escrow", packet.destination_client, denom), -data.amount)
    else:
        denom = f"{TRANSFER_PORT}/{packet.destination_client}/{data.denom}"
    _move(view, ("balance", denom, data.receiver), data.amount)
    return TRANSFER_RESULT


def _refund(view: View, packet: Packet, data: TransferData) -> None:
    if not data.denom.startswith(f"{TRANSFER_PORT}/{packet.source_client}/"):
        _move(view, ("escrow", packet.source_client, data.denom), -data.amount)
    _move(view, ("balance", data.denom, data.sender), data.amount)


def _move(view: View, book: tuple[str, ...], amount: int) -> None:
    if view.add(book, amount) < 0:
        raise Revert(f"{'/'.join(book)}: {-amount} wanted, {view.get(book) - amount} there")


def _decode_transfer(value: bytes) -> TransferData:
    try:
        data = ics20.decode_abi(value)
    except Refusal as error:
        raise Revert(str(error)) from error
    if not data.amount or not data.denom:
        raise Revert(f"expected a denom and an amount above 0, got {data.denom!r} and {data.amount}")
    return data
