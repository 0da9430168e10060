"""Why is my message where it is? One sentence, what it rests on, and what to run. Pure.

It words what the state machine recorded (`relays.core.types.WaitingOn`) and looks at chain and lane for the
rest. It guesses nothing: where there is nothing to do, the command is empty.
"""

from gateway.views import ChainView, Explanation, LaneView, MessageView, Overview
from proofs.codec import NEVER_S
from relays.core.types import State, WaitingOn

_ENDED = {
    State.ACKNOWLEDGED: "It was delivered, and its acknowledgement is back on the source chain.",
    State.REFUNDED: "It was not received in time; the source chain was told and has undone it.",
}


def why(message: MessageView, overview: Overview, *, now_s: float) -> Explanation:
    """Return the explanation of one message."""
    lane = next((one for one in overview.lanes if one.id == message.lane), None)
    chains = {one.id: one for one in overview.chains}
    sentence, command = _answer(message, lane, chains)
    return Explanation(
        id=message.id, sentence=sentence, evidence=_evidence(message, lane, chains, now_s), command=command
    )


def _answer(message: MessageView, lane: LaneView | None, chains: dict[str, ChainView]) -> tuple[str, str]:
    """Return the sentence and the command."""
    state = State(message.state)
    if state is State.ACKNOWLEDGED and message.reason:
        return f"It was delivered, and {message.reason}.", ""
    if state in _ENDED:
        return _ENDED[state], ""
    if state is State.REJECTED:
        return f"It is not relayed: {message.reason or 'its evidence was false'}.", ""
    if lane is None:
        return f"Its lane is not in the configuration any more: {message.lane}.", "isthmus route list"
    if lane.state == "halted":
        return f"Its lane is halted: {lane.reason}.", f"isthmus route resume {lane.id}"
    if state is State.PARKED:
        sentence = f"It is out of attempts ({message.attempts}) and waits for a person: {message.reason}."
        return sentence, f"isthmus message retry {message.id}"
    return _waiting(message, lane, chains)


_WAITING = {
    WaitingOn.NOTHING: "It is on its way, {state}{because}.",
    WaitingOn.SOURCE_FINALITY: "The block in which it was sent is not final on {source} yet{because}.",
    WaitingOn.DESTINATION_FINALITY: "What happened on {destination} is not final there yet{because}.",
    WaitingOn.PROOF: "Its proof is being fetched and verified{because}.",
    WaitingOn.ATTESTATIONS: "Attestors are missing: {missing}.",
    WaitingOn.EVIDENCE: "Headers and proofs for the chain's light client are being collected{because}.",
    WaitingOn.TURN: "Another gateway has the first turn to deliver it; ours comes after{because}.",
    WaitingOn.SOURCE_RPC: "The endpoints of {source} do not answer as they should{because}.",
    WaitingOn.DESTINATION_RPC: "The endpoints of {destination} do not answer as they should{because}.",
    WaitingOn.SIGNER_FUNDS: "The signer {signer} cannot pay{because}.",
    WaitingOn.INCLUSION: "Its transaction {delivery} waits for a block{because}.",
    WaitingOn.ACKNOWLEDGEMENT: "It was delivered to {destination}; the acknowledgement is coming{because}.",
    WaitingOn.OPERATOR: "The chain refuses it and a person must look{because}.",
}
"""What there is to say about a message that waits."""

_HELP = {
    WaitingOn.ATTESTATIONS: "isthmus doctor",
    WaitingOn.SOURCE_RPC: "isthmus chain show {source_id}",
    WaitingOn.DESTINATION_RPC: "isthmus chain show {destination_id}",
    WaitingOn.SIGNER_FUNDS: "send funds to {signer}",
    WaitingOn.OPERATOR: "isthmus message show {id}",
}
"""What would help. Where nothing is said, waiting does."""


def _waiting(message: MessageView, lane: LaneView, chains: dict[str, ChainView]) -> tuple[str, str]:
    """Return the sentence for a message that goes on by itself, and what would help it."""
    words = {
        "id": message.id,
        "state": message.state,
        "because": f": {message.reason}" if message.reason else "",
        "source": lane.source_name,
        "source_id": lane.source,
        "destination": lane.destination_name,
        "destination_id": lane.destination,
        "delivery": message.delivery or "(name not known yet)",
        "missing": _missing(message, lane),
        "signer": _payer(message, chains),
    }
    waiting_on = WaitingOn(message.waiting_on)
    return _WAITING[waiting_on].format(**words), _HELP.get(waiting_on, "").format(**words)


def _missing(message: MessageView, lane: LaneView) -> str:
    """Return which attestors are missing: as the relay recorded it, else as they answered last."""
    if message.reason:
        return message.reason.removeprefix("attestors-missing: ")
    failing = [f"{one.name} ({one.error})" for one in lane.attestors if one.state == "failing"]
    return f"{lane.threshold} must sign; failing: {', '.join(failing) or 'none known'}"


def _payer(message: MessageView, chains: dict[str, ChainView]) -> str:
    """Return who pays: deliveries are paid for on the destination, what comes back on the source."""
    on = message.source if message.state == State.DELIVERED.value else message.destination
    return chains[on].signer if on in chains else ""


def _evidence(
    message: MessageView, lane: LaneView | None, chains: dict[str, ChainView], now_s: float
) -> dict[str, str]:
    """Return the facts behind the sentence."""
    facts = {
        "state": message.state,
        "waiting_on": message.waiting_on,
        "in_this_state_s": f"{max(0.0, now_s - message.since_s):.0f}",
        "attempts": str(message.attempts),
    }
    if message.reason:
        facts["reason"] = message.reason
    if message.next_action_s > now_s:
        facts["next_attempt_in_s"] = f"{message.next_action_s - now_s:.0f}"
    if message.timeout_s >= NEVER_S:
        facts["times_out"] = "no time limit"
    elif message.timeout_s > now_s:
        facts["times_out_in_s"] = f"{message.timeout_s - now_s:.0f}"
    if message.timeout_height:
        facts["times_out_at_height"] = message.timeout_height
    facts["transaction"] = message.transaction
    if message.delivery:
        facts["delivery"] = message.delivery
    if lane is not None:
        unsafe = f", UNSAFE: {lane.unsafe_because}" if lane.unsafe else ""
        facts["lane"] = f"{lane.state}; {lane.trust}{unsafe}"
        facts.update({f"attestor {one.name}": one.error or one.state for one in lane.attestors})
    for side in (message.source, message.destination):
        if side in chains:
            chain = chains[side]
            facts[f"chain {side}"] = (
                f"{chain.state}, final {chain.finalized_height}, head {chain.head_height}"
            )
    return facts
