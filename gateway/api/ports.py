"""What the HTTP surface needs from the gateway behind it: something that reads, something that acts.

`gateway.wiring` hands both in; tests hand in fakes. Everything returned is a record of `gateway.views`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.api import SendMessage, SendTransfer
from gateway.views import Explanation, MessagePage, MessageView, Overview


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages a list shows; None is any."""

    lane: str | None = None
    state: str | None = None
    source: str | None = None
    destination: str | None = None


class UnknownName(LookupError):  # noqa: N818 - a condition named for what it says
    """There is no message, lane or chain by that name."""


class Conflict(Exception):  # noqa: N818 - a condition named for what it says
    """The act does not fit the state: a message that is not parked, a lane that is not halted."""


class Reader(Protocol):
    """Reads the gateway's state. Never waits for a chain."""

    async def overview(self) -> Overview:
        """Return the gateway at a glance."""

    async def messages(self, wanted: MessageFilter, *, limit: int, cursor: str) -> MessagePage:
        """Return messages, newest first, from the cursor on. Raises `ValueError` for a foreign cursor."""

    async def message(self, message_id: str) -> MessageView:
        """Return one message with its timeline. Raises `UnknownName`."""

    async def explain(self, message_id: str) -> Explanation:
        """Return why the message is where it is. Raises `UnknownName`."""

    async def bundle(self, message_id: str) -> bytes:
        """Return the message's proof bundle. Raises `UnknownName`, and `Conflict` before it is proven."""


class Operator(Protocol):
    """Acts, for a caller that holds the scope."""

    async def retry(self, message_id: str) -> None:
        """Take a parked message up again. Raises `UnknownName`, `Conflict`."""

    async def halt(self, lane_id: str, reason: str) -> None:
        """Stop a lane until it is resumed. Raises `UnknownName`."""

    async def resume(self, lane_id: str) -> None:
        """Let a halted lane go on. Raises `UnknownName`, `Conflict`."""

    async def send(self, lane_id: str, requests: Sequence[SendMessage | SendTransfer]) -> Sequence[str]:
        """Send with this gateway's signer, wait until included, and return the message ids, in order.

        Raises `UnknownName`, `Conflict` when the source cannot send, `adapters.errors.Refused` with the
        reason.
        """
