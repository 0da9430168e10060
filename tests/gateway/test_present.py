"""What people are shown of a message follows from the packet itself."""

import pytest

from gateway import present
from gateway.store.queries import Stored
from proofs.codec import NEVER_S
from proofs.records import replace
from proofs.types import Channel
from relays.core.types import Message, State
from tests.support.packets import LANE, packet


@pytest.mark.parametrize(
    ("revision", "height", "text"), [(1, 5000, "1-5000"), (0, 7, "0-7"), (2, 0, "2-0"), (0, 0, "")]
)
def test_a_timeout_by_height_is_shown_as_ibc_writes_it(revision, height, text):
    channel = Channel(timeout_ns=0, timeout_revision=revision, timeout_height=height, ordered=False)
    sent = replace(packet(1, timeout_s=NEVER_S), channel=channel)
    kept = Message(packet=sent, state=State.PROVING, height=3, transaction="AB", since_s=1.0)
    shown = present.message(Stored(id=bytes(32), lane=LANE, message=kept), None, ())
    assert (shown.timeout_height, shown.timeout_s) == (text, NEVER_S)


def test_a_packet_of_ibc_v2_has_no_timeout_by_height():
    kept = Message(packet=packet(1), state=State.PROVING, height=3, transaction="AB", since_s=1.0)
    assert present.message(Stored(id=bytes(32), lane=LANE, message=kept), None, ()).timeout_height == ""
