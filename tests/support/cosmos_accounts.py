"""Interchain accounts (ICS-27) as tests need them: an application that takes ordered channels.

Isthmus relays their packets and knows nothing of them, hence their messages are described here: a field that
holds a message is bytes, which is the same on the wire.
"""

from collections.abc import Sequence

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from adapters.cosmos.tx import encoded, pack

_TEXT, _NUMBER, _BYTES = [
    getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{kind}") for kind in ("STRING", "UINT64", "BYTES")
]
_CONTROLLER = "ibc.applications.interchain_accounts.controller.v1"
_COMMON = "ibc.applications.interchain_accounts.v1"
_ORDERED = 2
_EXECUTE = 1


def _kind(package: str, name: str, *fields: tuple[str, int], repeated: bool = False) -> type[Message]:
    """Return the type of a message whose fields are numbered 1, 2, ..."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=package, syntax="proto3")
    described = file.message_type.add(name=name)
    for number, (field, kind) in enumerate(fields, start=1):
        described.field.add(name=field, number=number, type=kind, label=3 if repeated else 1)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


_Register = _kind(
    _CONTROLLER,
    "MsgRegisterInterchainAccount",
    ("owner", _TEXT),
    ("connection_id", _TEXT),
    ("version", _TEXT),
    ("ordering", _NUMBER),
)
_SendTx = _kind(
    _CONTROLLER,
    "MsgSendTx",
    ("owner", _TEXT),
    ("connection_id", _TEXT),
    ("packet_data", _BYTES),
    ("relative_timeout", _NUMBER),
)
_PacketData = _kind(
    _COMMON, "InterchainAccountPacketData", ("type", _NUMBER), ("data", _BYTES), ("memo", _TEXT)
)
_CosmosTx = _kind(_COMMON, "CosmosTx", ("messages", _BYTES), repeated=True)

HOST_PORT = "icahost"


def controller_port(owner: str) -> str:
    """Return the port from which the owner's account on another chain is controlled."""
    return f"icacontroller-{owner}"


def register(owner: str, connection: str) -> Message:
    """Return what begins an ordered channel for an account on the other end of this connection."""
    return _Register(owner=owner, connection_id=connection, ordering=_ORDERED)


def execute(owner: str, connection: str, messages: Sequence[Message], timeout_s: float) -> Message:
    """Return what sends a packet that makes the owner's account act; it times out so much later."""
    acts = _CosmosTx(messages=[encoded(pack(message)) for message in messages])
    data = _PacketData(type=_EXECUTE, data=encoded(acts))
    return _SendTx(
        owner=owner,
        connection_id=connection,
        packet_data=encoded(data),
        relative_timeout=int(timeout_s * 10**9),
    )
