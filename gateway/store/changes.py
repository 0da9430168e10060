"""Writes what happened to a lane. Statements are over ranges: a thousand messages move in one `UPDATE`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects.sqlite import insert as upsert

from gateway.store.codec import Range, pack_list, pack_packet, pack_ranges, ranges
from gateway.store.tables import ACKNOWLEDGEMENTS, CURSORS, HALTED_LANES, LANES, MESSAGES, MOVES, PACKETS
from proofs.codec import message_id
from proofs.types import ChainId, ClientId, Lane
from relays.core.types import ENDS, Changes, Halt, Message, Move

_Row = tuple[Any, ...]


def _replace(table: Table, *left_out: str) -> str:
    """Return the statement that writes a whole row, columns in the table's order."""
    names = [column.name for column in table.columns if column.name not in left_out]
    return f"REPLACE INTO {table.name} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608


_CURSOR = _replace(CURSORS)
_PACKET = _replace(PACKETS)
_MESSAGE = _replace(MESSAGES)
_ACKNOWLEDGEMENT = _replace(ACKNOWLEDGEMENTS)
_START_OVER = "DELETE FROM cursors WHERE lane_id = ?"
_HALT = _replace(HALTED_LANES)
_RESUME = "DELETE FROM halted_lanes WHERE lane_id = ?"
_TIMELINE = _replace(MOVES, "id")
_FORGET_ACKNOWLEDGEMENTS = "DELETE FROM acknowledgements WHERE lane_id = ? AND sequence BETWEEN ? AND ?"
_MOVE = (
    "UPDATE messages SET since_s = CASE WHEN state = ? THEN since_s ELSE ? END, state = ?, ended = ?,"
    " waiting_on = ?, reason = ?, next_action_s = ?, attempts = COALESCE(?, attempts),"
    " delivery = COALESCE(?, delivery), delivered_by = COALESCE(?, delivered_by)"
    " WHERE lane_id = ? AND sequence BETWEEN ? AND ?"
)

ID_HEAD_SIZE = 6


def id_head(message: bytes) -> int:
    """Return the number by which a message id (32 bytes) is indexed."""
    return int.from_bytes(message[:ID_HEAD_SIZE], "big")


def lane_of(row: Any) -> Lane:
    """Return the lane in a row of `lanes`."""
    return Lane(
        source=ChainId(row.source),
        source_client=ClientId(row.source_client),
        destination=ChainId(row.destination),
        destination_client=ClientId(row.destination_client),
    )


def lane_id(connection: Connection, lane: Lane) -> int:
    """Return the row id of the lane, adding it when it is new."""
    row = {
        "source": lane.source,
        "source_client": lane.source_client,
        "destination": lane.destination,
        "destination_client": lane.destination_client,
    }
    connection.execute(upsert(LANES).values(row).on_conflict_do_nothing())
    return int(connection.execute(select(LANES.c.id).filter_by(**row)).scalar_one())


def write(connection: Connection, lane_id: int, lane: Lane, changes: Changes) -> None:
    """Write cursors, messages, moves and halt, in this order. Writing them twice is as writing them once."""
    if changes.starts_over:
        _many(connection, _START_OVER, [(lane_id,)])
    for leg, cursor in changes.cursors:
        _many(connection, _CURSOR, [(lane_id, leg.value, cursor.height, cursor.hash)])
    if changes.inserted:
        _insert(connection, lane_id, lane, changes.inserted)
    for move in changes.moved:
        if move.sequences:
            _move(connection, lane_id, move)
    if changes.halt is not None:
        _halt(connection, lane_id, changes.halt)


def _halt(connection: Connection, lane_id: int, halt: Halt) -> None:
    """Keep why the lane waits for a person, or forget it when it does not."""
    _many(connection, _RESUME, [(lane_id,)])
    if halt.reason:
        _many(connection, _HALT, [(lane_id, halt.reason, halt.violated)])


def _insert(connection: Connection, lane_id: int, lane: Lane, messages: Sequence[Message]) -> None:
    """Add messages; one that is there already is replaced, its history stays."""
    parts = ranges([message.packet.sequence for message in messages])
    _many(connection, _FORGET_ACKNOWLEDGEMENTS, [(lane_id, first, last) for first, last in parts])
    _many(connection, _PACKET, [_packet_row(lane_id, message) for message in messages])
    _many(connection, _MESSAGE, [_message_row(lane_id, lane, message) for message in messages])
    acknowledged = [message for message in messages if message.acknowledgements]
    if acknowledged:
        rows = [(lane_id, one.packet.sequence, pack_list(one.acknowledgements)) for one in acknowledged]
        _many(connection, _ACKNOWLEDGEMENT, rows)
    first_one = messages[0]
    begin = Move(
        sequences=tuple(message.packet.sequence for message in messages),
        state=first_one.state,
        at_s=first_one.since_s,
        waiting_on=first_one.waiting_on,
        reason=first_one.reason,
    )
    _many(connection, _TIMELINE, [_timeline_row(lane_id, parts, begin)])


def _move(connection: Connection, lane_id: int, move: Move) -> None:
    parts = ranges(move.sequences)
    state = move.state.value
    changed = (
        state,
        move.at_s,
        state,
        move.state in ENDS,
        move.waiting_on.value,
        move.reason,
        move.next_action_s,
        move.attempts,
        move.delivery,
        move.delivered_by,
    )
    _many(connection, _MOVE, [(*changed, lane_id, first, last) for first, last in parts])
    if move.acknowledgements is not None:
        pairs = zip(move.sequences, move.acknowledgements, strict=True)
        _many(
            connection, _ACKNOWLEDGEMENT, [(lane_id, sequence, pack_list(each)) for sequence, each in pairs]
        )
    _many(connection, _TIMELINE, [_timeline_row(lane_id, parts, move)])


def _many(connection: Connection, statement: str, rows: list[_Row]) -> None:
    connection.exec_driver_sql(statement, rows)


def _packet_row(lane_id: int, message: Message) -> _Row:
    packet = message.packet
    return (lane_id, packet.sequence, message.height, message.transaction, pack_packet(packet))


def _message_row(lane_id: int, lane: Lane, message: Message) -> _Row:
    sequence = message.packet.sequence
    return (
        lane_id,
        sequence,
        id_head(message_id(lane.source, lane.source_client, sequence)),
        message.state.value,
        message.state in ENDS,
        message.since_s,
        message.waiting_on.value,
        message.reason,
        message.next_action_s,
        message.attempts,
        message.delivery,
        message.delivered_by,
    )


def _timeline_row(lane_id: int, parts: list[Range], move: Move) -> _Row:
    return (
        lane_id,
        parts[0][0],
        parts[-1][1],
        pack_ranges(parts),
        move.at_s,
        move.state.value,
        move.waiting_on.value,
        move.reason,
        move.attempts,
        move.delivery,
        move.delivered_by,
    )
