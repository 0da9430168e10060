"""What was read from blocks: packets start on the OUT leg, acknowledgements join them on the BACK leg.

Everything here is a hint by a chain's endpoint. Nothing is believed until `judging` has a verdict.
"""

from collections.abc import Sequence
from dataclasses import replace

from msgspec import structs

from adapters.api import SeenAcknowledgement, SeenPacket
from proofs.types import Acknowledged, BlockRef, Claim, Height, Lane, NotReceived, Packet, Sent
from proofs.types import Sequence as PacketSequence
from relays.core.backoff import delay_s
from relays.core.batch import Batch
from relays.core.draft import (
    Draft,
    count_ended,
    end,
    in_state,
    move_of,
    new_batch,
    park,
    rest,
    restart,
    split,
    with_turn,
)
from relays.core.events import AcknowledgementsSeen, CursorLost, PacketsSeen
from relays.core.filters import refused
from relays.core.lane import Awaited, Disputed, LaneState, Stage
from relays.core.steps import Observe
from relays.core.types import Cursor, Leg, Message, State, WaitingOn


def packets_seen(draft: Draft, event: PacketsSeen) -> None:
    """Take in packets that continue what is known without a gap; refuse the whole answer otherwise."""
    draft.set_leg(Leg.OUT, observing=False)
    known, disputed = draft.state.packets, draft.state.disputed
    last = draft.state.last_sequence
    fresh = [
        seen
        for seen in event.packets
        if seen.packet.sequence not in known
        and (seen.packet.sequence in disputed or _is_new(event.step, last, seen.packet.sequence))
    ]
    new = [seen.packet.sequence for seen in fresh if seen.packet.sequence > last]
    strangers = [seen for seen in event.packets if not _is_of(draft.state.params.lane, seen.packet)]
    if strangers:
        _refuse(
            draft,
            f"stranger: expected packets of {draft.state.params.lane}, got {_clients(strangers[0].packet)}",
        )
        return
    following = last + 1 if last or not new else new[0]
    if new != list(range(following, following + len(new))):
        _refuse(draft, f"gap: expected sequence {following} next, got {new}")
        return
    _read_up_to(draft, event.step, event.last)
    wanted = _unfiltered(draft, fresh)
    if wanted:
        _take_in(draft, wanted)
    if new:
        draft.set(last_sequence=new[-1], last_height=fresh[-1].height)


def _is_new(step: Observe, last: int, sequence: int) -> bool:
    """A sequence above all that was read is new; when blocks are read again and nothing is known, none is."""
    return sequence > last and not (step.rescan and last == 0)


def _clients(packet: Packet) -> tuple[str, str]:
    return packet.source_client, packet.destination_client


def _is_of(lane: Lane, packet: Packet) -> bool:
    return _clients(packet) == (lane.source_client, lane.destination_client)


def _refuse(draft: Draft, reason: str) -> None:
    """An answer that cannot be true as a whole: read again from where the last known packet was sent."""
    if draft.state.last_sequence:
        rescan(draft, Leg.OUT, [draft.state.last_height])
    rest(draft, Leg.OUT, Stage.OBSERVE, WaitingOn.SOURCE_RPC, reason, None)


def _read_up_to(draft: Draft, step: Observe, last: BlockRef) -> None:
    """Note how far a leg has read. Blocks that were read do not move a cursor back."""
    leg = draft.state.leg(step.leg)
    slot = (step.leg, Stage.OBSERVE)
    if slot in draft.state.pauses:
        draft.set(pauses={key: pause for key, pause in draft.state.pauses.items() if key != slot})
    if step.rescan:
        more = leg.cursor is not None and last.height < leg.cursor.height
        changed_meanwhile = leg.rescan_from is not None and leg.rescan_from < step.first
        if not changed_meanwhile:
            draft.set_leg(step.leg, rescan_from=Height(last.height + 1) if more else None)
        draft.set_leg(step.leg, pinned=True)
        return
    cursor = Cursor(height=last.height, hash=last.hash)
    draft.set_leg(step.leg, cursor=cursor, pinned=True)
    draft.cursors[step.leg] = cursor


def _unfiltered(draft: Draft, fresh: Sequence[SeenPacket]) -> list[SeenPacket]:
    """Return what the lane relays; what it does not is recorded and left alone."""
    judged = [(seen, refused(draft.state.params.filter, seen.packet)) for seen in fresh]
    others = [(seen, reason) for seen, reason in judged if reason]
    if others:
        sequences = [seen.packet.sequence for seen, _ in others]
        draft.inserted.extend([_message(draft, seen, State.REJECTED, reason) for seen, reason in others])
        draft.set(
            disputed=draft.state.disputed.without(sequences),
            acknowledged=draft.state.acknowledged.without(sequences),
        )
        count_ended(draft, State.REJECTED, len(others))
    return [seen for seen, reason in judged if not reason]


def _message(draft: Draft, seen: SeenPacket, state: State, reason: str = "") -> Message:
    return Message(
        packet=seen.packet,
        state=state,
        height=seen.height,
        transaction=seen.transaction,
        since_s=draft.at_s,
        reason=reason,
    )


def _take_in(draft: Draft, fresh: Sequence[SeenPacket]) -> None:
    """Insert packets and start them on their way, in lists."""
    state = draft.state
    attempts = _attempts_of(draft, fresh)
    draft.inserted.extend([_message(draft, seen, State.OBSERVED) for seen in fresh])
    sequences = [seen.packet.sequence for seen in fresh]
    draft.set(
        packets=state.packets.with_items((seen.packet.sequence, seen) for seen in fresh),
        disputed=state.disputed.without(sequences),
    )
    old_up_to = state.old_up_to if state.old_up_to is not None else Height(-1)
    for old in (True, False):
        part = [seen for seen in fresh if (seen.height <= old_up_to) is old]
        for first in range(0, len(part), state.limits.batch):
            _start(draft, part[first : first + state.limits.batch], old, attempts)
    delivered = [sequence for sequence in sequences if sequence in draft.state.acknowledged]
    if delivered:
        hint_delivered(draft, delivered)


def _attempts_of(draft: Draft, fresh: Sequence[SeenPacket]) -> dict[PacketSequence, int]:
    """Return how often each sequence was disputed before."""
    disputed = draft.state.disputed
    if not disputed:
        return dict.fromkeys([seen.packet.sequence for seen in fresh], 0)
    before = [(seen.packet.sequence, disputed.get(seen.packet.sequence)) for seen in fresh]
    return {sequence: 0 if doubt is None else doubt.attempts for sequence, doubt in before}


def _start(draft: Draft, part: Sequence[SeenPacket], old: bool, attempts: dict[PacketSequence, int]) -> None:  # noqa: FBT001
    """Start one list: old messages are surveyed, on standby we look first, fresh ones are ours to prove."""
    batch = new_batch(draft, Leg.OUT, [Sent(packet=seen.packet) for seen in part], State.OBSERVED)
    tried = max(attempts[seen.packet.sequence] for seen in part)
    if tried:
        rest_s = delay_s(draft.state.limits.backoff_s, tried)
        batch = replace(batch, attempts=tried, ready_s=draft.at_s + rest_s)
    batch = with_turn(draft, batch, draft.at_s)
    if old:
        draft.enter(replace(batch, ready_s=0.0, old=True), Stage.SURVEY)
    else:
        draft.enter(batch, Stage.CHECK if batch.turn_s > draft.at_s else Stage.PROVE)


def acknowledgements_seen(draft: Draft, event: AcknowledgementsSeen) -> None:
    """Join acknowledgements with delivered packets; keep those that are early, within a bound."""
    draft.set_leg(Leg.BACK, observing=False)
    _read_up_to(draft, event.step, event.last)
    state = draft.state
    joined: list[SeenAcknowledgement] = []
    early: list[SeenAcknowledgement] = []
    room = state.limits.max_open - len(state.acknowledged)
    for seen in event.acknowledgements:
        if seen.sequence in state.awaiting:
            joined.append(seen)
        elif len(early) < room and _may_be_wanted(state, seen.sequence):
            early.append(seen)
    if early:
        draft.set(acknowledged=state.acknowledged.with_items((seen.sequence, seen) for seen in early))
        hint_delivered(draft, [seen.sequence for seen in early])
    acknowledge(draft, joined)


def _may_be_wanted(state: LaneState, sequence: PacketSequence) -> bool:
    """An acknowledgement is of use for an open message, and for one that we have not read yet."""
    return sequence in state.packets or sequence > state.last_sequence


def acknowledge(draft: Draft, seen: Sequence[SeenAcknowledgement]) -> None:
    """Start delivered messages on the BACK leg with their (untrusted) acknowledgements, in lists."""
    packets, awaiting = draft.state.packets, draft.state.awaiting
    sequences = [each.sequence for each in seen]
    tried = max([each.attempts for each in map(awaiting.get, sequences) if each is not None], default=0)
    draft.set(
        awaiting=awaiting.without(sequences),
        acknowledged=draft.state.acknowledged.with_items(zip(sequences, seen, strict=True)),
    )
    claims: list[Claim] = []
    for each in seen:
        known = packets.get(each.sequence)
        if known is not None:
            claims.append(Acknowledged(packet=known.packet, acknowledgements=each.acknowledgements))
    start_back(draft, claims, State.DELIVERED, tried)


def start_back(draft: Draft, claims: Sequence[Claim], state: State, attempts: int) -> None:
    """Start claims of one kind on the BACK leg, in lists."""
    size = draft.state.limits.batch
    for first in range(0, len(claims), size):
        part = claims[first : first + size]
        rest_s = delay_s(draft.state.limits.backoff_s, attempts) if attempts else 0.0
        batch = new_batch(draft, Leg.BACK, part, state)
        batch = replace(batch, attempts=attempts, ready_s=draft.at_s + rest_s)
        batch = with_turn(draft, batch, draft.at_s)
        stage = Stage.CHECK if batch.turn_s > draft.at_s else Stage.PROVE
        proof = [claim.acknowledgements for claim in part if isinstance(claim, Acknowledged)]
        draft.enter(batch, stage, move=move_of(draft, batch, stage, acknowledgements=tuple(proof) or None))


def hint_delivered(draft: Draft, sequences: Sequence[PacketSequence]) -> None:
    """Acknowledgements were seen for undelivered messages: let the destination's state confirm it."""
    wanted = set(sequences)
    low, high = min(wanted), max(wanted)
    for stage in (Stage.CHECK, Stage.PROVE, Stage.ATTEST, Stage.SUBMIT, Stage.CONFIRM, Stage.PARKED):
        for batch in draft.queues.get((Leg.OUT, stage), ()):
            if batch.sequences[-1] < low or batch.sequences[0] > high or wanted.isdisjoint(batch.sequences):
                continue
            if stage is Stage.CONFIRM and not batch.held:
                continue
            hinted, others = split(draft, batch, [sequence in wanted for sequence in batch.sequences])
            draft.leave(Leg.OUT, stage, (batch.id,))
            if others is not None:
                _put_back(draft, others, stage)
            if hinted is not None:
                _confirm_hint(draft, hinted)


def _put_back(draft: Draft, batch: Batch, stage: Stage) -> None:
    """Return the rest of a cut batch to where it was, or to its proof when it has lost that."""
    if stage in (Stage.ATTEST, Stage.SUBMIT):
        restart(draft, batch, Stage.PROVE)
    else:
        draft.enter(batch, stage)


def _confirm_hint(draft: Draft, batch: Batch) -> None:
    heights = [seen.height for seen in map(draft.state.acknowledged.get, batch.sequences) if seen is not None]
    batch = in_state(draft, batch, State.INCLUDED)
    draft.enter(
        replace(
            batch,
            ready_s=0.0,
            proven=(),
            evidence=None,
            delivered_by=batch.delivered_by or "other",
            after_height=Height(max(heights, default=0)),
            held=False,
        ),
        Stage.CONFIRM,
    )


def delivered(draft: Draft, batch: Batch) -> None:
    """Go on with messages whose receipts are in finalized state: with those acknowledgements seen so far."""
    batch = in_state(draft, batch, State.DELIVERED)
    move = move_of(draft, batch, Stage.CONFIRM, waiting_on=WaitingOn.ACKNOWLEDGEMENT)
    draft.moved.append(replace(move, reason="", next_action_s=0.0))
    state = draft.state
    early = [seen for seen in map(state.acknowledged.get, batch.sequences) if seen is not None]
    has = {seen.sequence for seen in early}
    waiting = [sequence for sequence in batch.sequences if sequence not in has]
    awaited = Awaited(since_s=draft.at_s, height=_answer_height(draft, batch), attempts=batch.attempts)
    draft.set(awaiting=state.awaiting.with_items((sequence, awaited) for sequence in waiting))
    if early:
        acknowledge(draft, early)


def _answer_height(draft: Draft, batch: Batch) -> Height:
    """Return a destination block below which the acknowledgements of these messages are not looked for."""
    if batch.delivered_by == "self":
        return batch.after_height
    return recent_back_height(draft) if batch.attempts <= 1 else draft.state.params.destination_start


def recent_back_height(draft: Draft) -> Height:
    """Return where one observation of the destination's newest blocks begins."""
    cursor, start = draft.state.back.cursor, draft.state.params.destination_start
    return start if cursor is None else Height(max(start, cursor.height - draft.state.limits.scan_range + 1))


def expired(draft: Draft, batch: Batch, *, closed: bool) -> None:
    """The destination's finalized state has no receipts and will never have: the refund begins."""
    claims = [NotReceived(packet=claim.packet, closed=closed) for claim in batch.claims]
    start_back(draft, claims, State.EXPIRED, batch.attempts)


def dispute(draft: Draft, batch: Batch, detail: str) -> None:
    """The packets of these claims were refuted: forget their content and read their blocks again.

    The true packet of that sequence may be another one, so the sequence is not given up at once; after too
    many tries the messages are rejected.
    """
    if batch.attempts >= draft.state.limits.attempts:
        give_up(draft, batch, detail)
        return
    state = draft.state
    heights = [seen.height for seen in map(state.packets.get, batch.sequences) if seen is not None]
    doubted = replace(in_state(draft, batch, State.OBSERVED), attempts=batch.attempts + 1, note=detail)
    draft.moved.append(move_of(draft, doubted, Stage.SURVEY, waiting_on=WaitingOn.SOURCE_RPC))
    draft.set(
        packets=state.packets.without(batch.sequences),
        disputed=state.disputed.with_items(
            (sequence, Disputed(attempts=doubted.attempts, height=min(heights)))
            for sequence in batch.sequences
        ),
    )
    rescan(draft, Leg.OUT, heights)
    rest(draft, Leg.OUT, Stage.OBSERVE, WaitingOn.SOURCE_RPC, detail, None)


def give_up(draft: Draft, batch: Batch, detail: str) -> None:
    """Reject messages that were refuted for good; an ordered lane skips nothing, so there they are parked."""
    if draft.state.params.ordered:
        park(draft, batch, detail)
    else:
        end(draft, batch, State.REJECTED, reason=detail)


def cursor_lost(draft: Draft, event: CursorLost) -> None:
    """What was read up to a block that was not the chain's is read again."""
    draft.set_leg(event.step.leg, observing=False)
    read_again_from(draft, event.step.leg, event.sure)


def read_again_from(draft: Draft, leg: Leg, sure: BlockRef) -> None:
    """Set a cursor back to a block that the light client accepted: above it, nothing counts as read.

    Known packets that were said to be sent above it are looked for from there on, should they be refuted.
    """
    params, state = draft.state.params, draft.state
    start = params.source_start if leg is Leg.OUT else params.destination_start
    cursor = Cursor(height=sure.height, hash=sure.hash) if sure.height >= start else None
    draft.set_leg(leg, cursor=cursor, pinned=False)
    if leg is Leg.OUT:
        above = [(number, seen) for number, seen in state.packets.items() if seen.height > sure.height]
        moved = [(number, structs.replace(seen, height=sure.height)) for number, seen in above]
        draft.set(packets=state.packets.with_items(moved), last_sequence=0, last_height=Height(0))


def rescan(draft: Draft, leg: Leg, heights: Sequence[Height]) -> None:
    """Have the blocks from the lowest of these heights on read once more; the cursor stays."""
    before = draft.state.leg(leg).rescan_from
    lowest = min([*heights, *([] if before is None else [before])], default=None)
    if lowest is not None:
        draft.set_leg(leg, rescan_from=lowest)
