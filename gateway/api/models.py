"""What requests may say, and the few answers that are no record of `gateway.views`. Every field has a cap."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.views import ChainView, LaneView
from proofs.limits import MAX_PAYLOAD_TOTAL
from relays.core.types import State

Text = Annotated[str, Field(min_length=1, max_length=256)]

MAX_PAYLOAD_HEX = 2 + 2 * MAX_PAYLOAD_TOTAL


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class MessageQuery(_Request):
    """Which messages to list."""

    lane: Text | None = None
    state: State | None = None
    source: Text | None = None
    destination: Text | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 50
    cursor: Annotated[str, Field(max_length=256)] = ""


class SendMessageBody(_Request):
    """An application message (ERC-7786 on EVM)."""

    kind: Literal["message"]
    recipient: Text
    payload: Annotated[str, Field(pattern=r"^0x([0-9a-fA-F]{2})*$", max_length=MAX_PAYLOAD_HEX)]
    timeout_s: Annotated[int, Field(ge=1, lt=1 << 63)]
    """Unix seconds."""


class SendTransferBody(_Request):
    """A token transfer (ICS-20)."""

    kind: Literal["transfer"]
    receiver: Text
    denom: Text
    amount: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,77}$")]
    """Decimal text, in the token's smallest unit: JSON numbers are too short for it."""
    timeout_s: Annotated[int, Field(ge=1, lt=1 << 63)]
    """Unix seconds."""


class SendBody(_Request):
    """What to send along one lane."""

    lane: Text
    items: Annotated[
        tuple[Annotated[SendMessageBody | SendTransferBody, Field(discriminator="kind")], ...],
        Field(min_length=1, max_length=256),
    ]


class HaltBody(_Request):
    """Why a lane is halted."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAnswer:
    """What was sent, in the order of the request."""

    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liveness:
    """The process answers; it says nothing about progress."""

    live: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """Whether messages make progress: every configured chain is up and every configured lane moves."""

    ready: bool
    problems: tuple[str, ...]
    chains: dict[str, str]
    """CAIP-2 -> state. All of them count."""
    lanes: dict[str, str]
    """Lane id -> state. All of them count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionAnswer:
    """Which gateway this is."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneList:
    """All lanes of this gateway."""

    lanes: tuple[LaneView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainList:
    """All chains of this gateway."""

    chains: tuple[ChainView, ...]
