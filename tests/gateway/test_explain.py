"""Why is my message stuck? A sentence for every state, with the evidence and what to do."""

import pytest

from gateway import explain, present
from proofs.codec import NEVER_S
from proofs.records import replace
from relays.core.types import State, WaitingOn
from tests.gateway.page import samples


def why(overview=None, **changes):
    message = replace(samples.message(), lane="alpha-beta", **changes)
    return explain.why(message, overview or samples.overview(), now_s=samples.NOW_S)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("waiting_on", WaitingOn)
def test_every_state_has_a_sentence(state, waiting_on):
    told = why(state=state.value, waiting_on=waiting_on.value, reason="code: detail")
    assert told.sentence.endswith(".")
    assert told.sentence[0].isupper()
    assert "{" not in told.sentence + told.command
    assert told.evidence["state"] == state.value


def test_missing_attestors_are_named():
    reason = "attestors-missing: attestations 1 of 2; missing: beta (unreachable), gamma (not-final)"
    told = why(state="verified", waiting_on="attestations", reason=reason)
    assert told.sentence == (
        "Attestors are missing: attestations 1 of 2; missing: beta (unreachable), gamma (not-final)."
    )
    assert told.command == "isthmus doctor"
    assert told.evidence["attestor gamma"] == "connection refused"


def test_a_parked_message_comes_with_the_command_that_frees_it():
    told = why(state="parked", waiting_on="operator", reason="refused: no such app", attempts=12)
    assert "12" in told.sentence
    assert "no such app" in told.sentence
    assert told.command == f"isthmus message retry {told.id}"


def test_a_halted_lane_is_the_reason_of_all_its_open_messages():
    overview = samples.overview()
    halted = replace(overview.lanes[0], state="halted", reason="contradiction at 7")
    told = why(replace(overview, lanes=(halted, *overview.lanes[1:])), state="proving", waiting_on="proof")
    assert "contradiction at 7" in told.sentence
    assert told.command == f"isthmus route resume {halted.id}"


def test_an_unsafe_lane_is_called_unsafe():
    assert "UNSAFE" in why(state="proving", waiting_on="proof").evidence["lane"]


def test_the_ends_need_no_command():
    for state in ("acknowledged", "refunded", "rejected"):
        assert why(state=state, waiting_on="nothing", reason="").command == ""


def test_a_lane_that_is_gone_is_told():
    overview = replace(samples.overview(), lanes=())
    assert "not in the configuration" in why(overview, state="proving", waiting_on="proof").sentence


def test_a_lane_of_light_clients_waits_for_evidence_and_not_for_attestors():
    told = why(state="verified", waiting_on="evidence", reason="")
    assert told.sentence == "Headers and proofs for the chain's light client are being collected."
    assert told.command == ""


def test_a_packet_without_timeout_by_time_has_no_time_limit():
    told = why(state="proving", waiting_on="proof", timeout_s=NEVER_S, timeout_height="1-5000")
    assert told.evidence["times_out_at_height"] == "1-5000"
    assert told.evidence["times_out"] == "no time limit"
    assert "times_out_in_s" not in told.evidence


def test_a_message_that_the_application_refused_says_so():
    told = why(state="acknowledged", waiting_on="nothing", reason=present.REFUSED)
    assert told.sentence == "It was delivered, and the application at its end refused it."
