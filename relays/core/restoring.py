"""A lane's first state: from what a store remembers, or from nothing.

The chains are the log of record. What the store says only saves work: every open message is looked up in the
state of the chain that must act before anything is delivered, and an empty store means that everything is
read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.api import SeenAcknowledgement, SeenPacket
from proofs.types import Acknowledged, Claim, Sent
from relays.core.draft import Draft, new_batch, with_turn
from relays.core.lane import Awaited, LaneParams, LaneState, LegState, Limits, Stage
from relays.core.observing import recent_back_height
from relays.core.types import ENDS, Cursor, Halt, Leg, Message, State


def restore(
    params: LaneParams,
    limits: Limits,
    cursors: Mapping[Leg, Cursor],
    stored: Sequence[Message],
    at_s: float,
    *,
    halt: Halt | None = None,
) -> LaneState:
    """Return the state to start from. `stored` are the messages that have not ended, in any order.

    A lane that waited for a person still does: `halt` says why.
    """
    messages = sorted(
        [message for message in stored if message.state not in ENDS],
        key=lambda message: message.packet.sequence,
    )
    draft = Draft(
        LaneState(
            params=params,
            limits=limits,
            out=LegState(cursor=cursors.get(Leg.OUT)),
            back=LegState(cursor=cursors.get(Leg.BACK)),
            rechecked_s=at_s,
            halted=halt.reason if halt is not None else "",
            violated=halt is not None and halt.violated,
        ),
        at_s,
    )
    seen = [(message.packet.sequence, _seen(message)) for message in messages]
    draft.set(packets=draft.state.packets.with_items(seen))
    answered = [message for message in messages if _is_answered(message)]
    unanswered = [message for message in messages if not _is_answered(message)]
    _restore_answered(draft, answered)
    waiting = [message for message in unanswered if message.state is State.DELIVERED]
    awaited = Awaited(since_s=at_s, height=params.destination_start)
    draft.set(
        awaiting=draft.state.awaiting.with_items((message.packet.sequence, awaited) for message in waiting)
    )
    if unanswered:
        draft.set_leg(Leg.BACK, rescan_from=recent_back_height(draft))
    _restore_out(draft, [message for message in unanswered if message.state is not State.DELIVERED])
    return draft.finish()[0]


def _seen(message: Message) -> SeenPacket:
    return SeenPacket(packet=message.packet, height=message.height, transaction=message.transaction)


def _is_answered(message: Message) -> bool:
    return bool(message.acknowledgements) and message.state is not State.EXPIRED


def _restore_answered(draft: Draft, messages: Sequence[Message]) -> None:
    """Acknowledgements that were seen before: look whether they are still wanted."""
    claims: list[Claim] = [
        Acknowledged(packet=message.packet, acknowledgements=message.acknowledgements) for message in messages
    ]
    seen = [
        SeenAcknowledgement(
            sequence=message.packet.sequence,
            acknowledgements=message.acknowledgements,
            height=draft.state.params.destination_start,
            transaction="",
        )
        for message in messages
    ]
    acknowledged = draft.state.acknowledged
    draft.set(acknowledged=acknowledged.with_items((each.sequence, each) for each in seen))
    _queue(draft, Leg.BACK, Stage.CHECK, claims, State.DELIVERED)


def _restore_out(draft: Draft, messages: Sequence[Message]) -> None:
    """Messages before their delivery: follow known submissions, keep parked ones, look up all others."""
    submissions = {
        message.delivery for message in messages if message.state is State.SUBMITTED and message.delivery
    }
    for submission in sorted(submissions):
        own: list[Claim] = [
            Sent(packet=m.packet) for m in messages if m.delivery == submission and m.state is State.SUBMITTED
        ]
        batch = new_batch(draft, Leg.OUT, own, State.SUBMITTED)
        draft.put(replace(batch, submission=submission), Stage.TRACK)
    parked = [message for message in messages if message.state is State.PARKED]
    for message in parked:
        batch = new_batch(draft, Leg.OUT, [Sent(packet=message.packet)], State.PARKED)
        draft.put(replace(batch, note=message.reason, attempts=message.attempts), Stage.PARKED)
    others: list[Claim] = [
        Sent(packet=message.packet)
        for message in messages
        if message.state is not State.PARKED and not (message.state is State.SUBMITTED and message.delivery)
    ]
    _queue(draft, Leg.OUT, Stage.SURVEY, others, State.OBSERVED)


def _queue(draft: Draft, leg: Leg, stage: Stage, claims: Sequence[Claim], state: State) -> None:
    """Queue claims in lists, without recording a move: the store knows."""
    size = draft.state.limits.batch
    for first in range(0, len(claims), size):
        batch = new_batch(draft, leg, claims[first : first + size], state)
        draft.put(replace(with_turn(draft, batch, draft.at_s), ready_s=0.0, old=True), stage)
