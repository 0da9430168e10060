"""The status page: readable by people, closed to scripts, loud about unsafe lanes."""

import re

import pytest

from gateway.observe.metrics import Metrics
from gateway.page import render, words
from gateway.views import HostedClientView, MessagePage
from proofs.codec import NEVER_S
from proofs.records import replace
from relays.core.types import State
from tests.gateway.page import samples

EMPTY = MessagePage(messages=(), cursor="")
SOME = MessagePage(messages=tuple(samples.message(number) for number in (1, 2)), cursor="17")
EVIL = "<script>alert('x')</script>"


def test_the_overview_names_every_lane_with_its_trust_and_marks_each_unsafe_one():
    html = render.overview(samples.overview(), SOME, EMPTY, samples.NOW_S)
    assert html.count("attested 2-of-3") >= 2
    lanes = html[html.index("<h2>Lanes") : html.index("<h2>Chains")]
    assert lanes.count(">UNSAFE<") == 2
    assert "its endpoints are believed when they agree" in lanes


def test_a_lane_of_light_clients_shows_its_client_and_the_metrics_how_long_it_lives():
    hosted = HostedClientView(
        state="expiring", height=4711, expires_s=int(samples.NOW_S) + 900, detail="late"
    )
    view = samples.overview()
    lane = replace(view.lanes[0], trust="light client", attestors=(), threshold=0, hosted=hosted)
    view = replace(view, lanes=(lane,))
    html = render.overview(view, EMPTY, EMPTY, samples.NOW_S)
    for words_of_it in (
        "light client",
        "▲ expiring<",
        "trusts block 4711",
        words.when(hosted.expires_s),
        "late",
    ):
        assert words_of_it in html
    metrics = Metrics()
    metrics.show(view, samples.NOW_S)
    labels = {"lane": lane.id}
    left_s = metrics.registry.get_sample_value("isthmus_client_expires_seconds", labels)
    assert left_s == pytest.approx(900, abs=1)


def test_a_safe_lane_bears_no_unsafe_mark():
    view = samples.overview()
    safe = replace(view, unsafe=False, lanes=(replace(view.lanes[0], unsafe=False, unsafe_because=""),))
    assert "UNSAFE" not in render.overview(safe, EMPTY, EMPTY, samples.NOW_S)


def test_what_needs_attention_stands_on_the_overview_with_its_reason():
    html = render.overview(samples.troubled(), EMPTY, EMPTY, samples.NOW_S)
    assert "Needs attention" in html
    assert "finalized block 90 changed its hash" in html
    assert "not ready" in html


def test_a_failing_attestor_is_named():
    html = render.overview(samples.overview(), EMPTY, EMPTY, samples.NOW_S)
    assert "gamma: failing" in html
    assert "connection refused" in html


def test_an_endpoint_that_lied_is_named_with_its_lie():
    html = render.overview(samples.overview(), EMPTY, EMPTY, samples.NOW_S)
    assert "endpoint two: quarantined for forged-header" in html
    assert "endpoint one" not in html


def test_nothing_that_chains_or_senders_say_becomes_markup():
    message = replace(samples.message(), reason=EVIL, transaction=EVIL, delivery=EVIL)
    why = replace(samples.explanation(), sentence=EVIL, evidence={EVIL: EVIL}, command=EVIL)
    page = MessagePage(messages=(message,), cursor=EVIL)
    view = replace(samples.overview(), problems=(EVIL,), name=EVIL)
    for html in (
        render.overview(view, page, page, samples.NOW_S),
        render.messages(view, page, {"lane": EVIL}, samples.NOW_S),
        render.message(view, message, why, samples.NOW_S),
    ):
        assert "<script" not in html
        assert "&lt;script&gt;" in html


def test_no_page_runs_a_script_or_loads_anything_from_elsewhere():
    for html in (
        render.overview(samples.overview(), SOME, EMPTY, samples.NOW_S),
        render.messages(samples.overview(), SOME, {}, samples.NOW_S),
        render.message(samples.overview(), samples.message(), samples.explanation(), samples.NOW_S),
    ):
        assert not re.search(r"<script|<img|<iframe|\son\w+=|https?://", html)
        assert 'name="viewport"' in html
    policy = render.security_policy()
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy


def test_a_message_page_tells_its_timeline_in_order_with_the_time_each_step_took():
    html = render.message(samples.overview(), samples.message(), samples.explanation(), samples.NOW_S)
    places = [html.index(f"<strong>{entry.state}</strong>") for entry in samples.message().timeline]
    assert places == sorted(places)
    assert html.count("after 2.0 s") == 5
    assert "by this gateway" in html


def test_the_list_keeps_its_filters_on_the_way_to_older_messages():
    html = render.messages(samples.overview(), SOME, {"lane": "alpha-beta", "state": "parked"}, samples.NOW_S)
    assert 'href="/messages?lane=alpha-beta&amp;state=parked&amp;cursor=17"' in html


@pytest.mark.parametrize("state", [state.value for state in State])
def test_every_state_has_a_tone_and_a_symbol(state):
    assert words.tone(state) in {"good", "bad", "warn", "busy"}
    assert words.symbol(state)


@pytest.mark.parametrize(
    ("then_s", "text"),
    [
        (None, "never"),
        (1000.0, "0 s ago"),
        (955.0, "45 s ago"),
        (1030.0, "in 30 s"),
        (1000.0 - 119.9, "1 min 59 s ago"),
        (1000.0 - 2 * 3600 - 300, "2 h 5 min ago"),
        (1000.0 - 3 * 86400, "3 d 0 h ago"),
    ],
)
def test_ages_are_said_in_two_units_at_most(then_s, text):
    assert words.age(then_s, 1000.0) == text


def test_a_packet_that_never_times_out_by_time_is_shown_without_a_date():
    assert words.age(NEVER_S, 1000.0) == "no time limit"
    assert words.when(NEVER_S) == "–"


def test_a_timeout_by_height_stands_beside_the_one_by_time():
    shown = replace(samples.message(), timeout_height="1-5000")
    page = render.message(samples.overview(), shown, samples.explanation(), samples.NOW_S)
    assert "at height 1-5000 of the destination" in page
