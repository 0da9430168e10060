"""Whole gateways, three of them, over two memory chains: what they do together, and what they say of it."""

import re

import aiohttp
import msgspec
import pytest

from adapters.memory.audit import tally
from adapters.memory.faults import Stall
from gateway.api.ports import Conflict, MessageFilter, UnknownName
from gateway.config.diagnostics import ConfigError
from gateway.config.load import parse_config
from gateway.wiring import build
from proofs.bundle import from_json, verify_bundle
from proofs.verdict import Accepted
from relays.core.types import ENDS, State
from tests.gateway.fleet import BACK, LANE, NAMES, PLUGINS, A, B, config_text, fleet, until


@pytest.fixture
async def three(keystores, tmp_path, monkeypatch):
    async with fleet(keystores, tmp_path, monkeypatch) as running:
        yield running


@pytest.fixture
async def impatient(keystores, tmp_path, monkeypatch):
    """Three that give up an endpoint which never answers within a second."""
    async with fleet(keystores, tmp_path, monkeypatch, request_timeout_s=1.0) as running:
        yield running


def ended(running, lane, count):
    async def condition():
        found = tally(running.chains[lane.source], running.chains[lane.destination], lane)
        return found.acknowledged + found.refunded >= count

    return condition


def tallied(running, lane):
    found = tally(running.chains[lane.source], running.chains[lane.destination], lane)
    return (
        found.sent,
        found.delivered,
        found.acknowledged,
        found.refunded,
        found.duplicated,
        found.contradicted,
    )


async def test_messages_cross_both_ways_once_each_with_two_of_three_signatures(three):
    await three.start(*NAMES)
    await three.send("alpha", 30)
    await three.send("beta", 20, lane=BACK)
    await until(ended(three, LANE, 30), "30 from A")
    await until(ended(three, BACK, 20), "20 from B")
    assert tallied(three, LANE) == (30, 30, 30, 0, 0, 0)
    assert tallied(three, BACK) == (20, 20, 20, 0, 0, 0)


async def test_every_surface_shows_the_same_message(three):
    await three.start(*NAMES)
    (identity,) = await three.send("alpha", 1)
    reader = three.gateways["alpha"].services.reader

    async def acknowledged():
        try:
            return (await reader.message(identity)).state == "acknowledged"
        except UnknownName:
            return False

    await until(acknowledged, "acknowledged at alpha")
    view = await reader.message(identity[:12])
    assert view.id == identity
    assert view.timeline[0].state == "observed"
    assert view.timeline[-1].state == "acknowledged"
    assert (view.lane, view.trust, view.unsafe) == ("a-b", "attested 2-of-3", False)
    page = await reader.messages(MessageFilter(), limit=10, cursor="")
    assert [one.id for one in page.messages] == [identity]
    assert "acknowledgement is back" in (await reader.explain(identity)).sentence
    async with aiohttp.ClientSession() as session:
        url = three.gateways["alpha"].url
        async with session.get(f"{url}/v1/messages/{identity}") as answer:
            shown = await answer.json()
    assert (shown["id"], shown["state"], len(shown["timeline"])) == (
        identity,
        "acknowledged",
        len(view.timeline),
    )
    bundle = from_json(msgspec.json.decode(await reader.bundle(identity)))
    assert isinstance(verify_bundle(bundle, three.clock.now_s()), Accepted)
    assert bundle.claim.packet.sequence == view.sequence
    with pytest.raises(Conflict, match="acknowledged"):
        await three.gateways["alpha"].services.operator.retry(identity)
    for unknown in ("00000000", "xyz", "0123456", "0" * 65):
        with pytest.raises(UnknownName):
            await reader.message(unknown)
    with pytest.raises(UnknownName, match="a-b, b-a"):
        await reader.messages(MessageFilter(lane="nonsense"), limit=10, cursor="")
    with pytest.raises(ValueError, match="cursor"):
        await reader.messages(MessageFilter(), limit=10, cursor="-1")


async def test_one_gateway_down_delivery_goes_on_two_down_it_stops_and_says_who_is_missing(three):
    await three.start("alpha", "beta")
    (first,) = await three.send("alpha", 1)
    await until(ended(three, LANE, 1), "delivery by two of three")
    await three.stop("beta")
    (second,) = await three.send("alpha", 1)
    reader = three.gateways["alpha"].services.reader

    async def says_who():
        try:
            view = await reader.message(second)
        except UnknownName:
            return False
        return view.waiting_on == "attestations" and view.reason != ""

    await until(says_who, "attestors missing")
    explanation = await reader.explain(second)
    assert "beta" in explanation.sentence
    assert "gamma" in explanation.sentence
    assert "1 of 2" in explanation.sentence
    assert tallied(three, LANE)[:2] == (2, 1)
    await three.start("gamma")
    await until(ended(three, LANE, 2), "goes on with gamma")
    assert tallied(three, LANE) == (2, 2, 2, 0, 0, 0)
    assert first != second


async def test_the_next_in_rank_delivers_when_the_first_is_away(three):
    await three.start(*NAMES)
    by_rank = sorted(NAMES, key=lambda name: _rank(three, name))
    await three.stop(by_rank[0])
    await three.send(by_rank[1], 5)
    await until(ended(three, LANE, 5), "the next one in rank")
    assert tallied(three, LANE) == (5, 5, 5, 0, 0, 0)


async def test_a_message_past_its_timeout_is_refunded_and_never_delivered(three):
    await three.start(*NAMES)
    (identity,) = await three.send("alpha", 1, timeout_s=5)
    await until(ended(three, LANE, 1), "refund")
    sent, delivered, acknowledged, refunded, *_ = tallied(three, LANE)
    assert (sent, delivered + acknowledged, refunded) == (1, 0, 1)
    reader = three.gateways["alpha"].services.reader

    async def shown():
        return State((await reader.message(identity)).state) in ENDS

    await until(shown, "the end is shown")
    assert (await reader.message(identity)).state == "refunded"


async def test_a_restarted_gateway_goes_on_where_it_was(three):
    await three.start("alpha")
    await three.send("alpha", 3)
    reader = three.gateways["alpha"].services.reader

    async def seen():
        return len((await reader.messages(MessageFilter(), limit=10, cursor="")).messages) == 3

    await until(seen, "three seen")
    await three.start("alpha", "beta")
    await until(ended(three, LANE, 3), "delivered after the restart")
    assert tallied(three, LANE) == (3, 3, 3, 0, 0, 0)


async def test_a_chain_that_is_down_at_start_stops_nothing_else(impatient):
    three = impatient
    for endpoint in ("a", "b", "c"):
        three.chains[B].faults[endpoint] = Stall()
    await three.start(*NAMES)
    services = three.gateways["alpha"].services

    async def a_is_up():
        states = {one.id: one.state for one in (await services.reader.overview()).chains}
        return states[A] == "up" and states[B] == "down"

    await until(a_is_up, "A up, B down")
    overview = await services.reader.overview()
    assert not overview.ready
    assert any(f"({B}) is down" in problem for problem in overview.problems)
    await three.send("alpha", 2)
    three.chains[B].faults.clear()
    delivered = ended(three, LANE, 2)

    async def delivered_some_time_later():
        three.clock.skipped_s += 1  # an endpoint that was silent is asked again after a while
        return await delivered()

    await until(delivered_some_time_later, "delivered when B is back")


async def test_people_may_halt_and_resume_a_lane_and_the_log_tells(three):
    await three.start(*NAMES)
    for name in NAMES:
        await three.gateways[name].services.operator.halt("a-b", "look at it")
    services = three.gateways["alpha"].services
    overview = await services.reader.overview()
    assert _state(overview, "a-b") == "halted"
    assert not overview.ready
    assert any("a-b is halted" in problem and "look at it" in problem for problem in overview.problems)
    await three.send("alpha", 1)
    await three.send("alpha", 1, lane=BACK)
    await until(ended(three, BACK, 1), "the other lane goes on")
    assert tallied(three, LANE)[1] == 0
    for name in NAMES:
        await three.gateways[name].services.operator.resume("a-b")
        assert _state(await three.gateways[name].services.reader.overview(), "a-b") != "halted"
    await until(ended(three, LANE, 1), "goes on after resume")
    with pytest.raises(Conflict, match="running"):
        await services.operator.resume("a-b")
    with pytest.raises(UnknownName, match="a-b"):
        await services.operator.halt("nonsense", "x")


async def test_a_halt_by_a_person_outlives_the_process_and_so_does_its_end(three):
    await three.start(*NAMES)
    for name in NAMES:
        await three.gateways[name].services.operator.halt("a-b", "look at it")
    await three.start(*NAMES)
    await three.send("alpha", 1)
    await three.send("alpha", 1, lane=BACK)
    await until(ended(three, BACK, 1), "the other lane goes on")
    overview = await three.gateways["alpha"].services.reader.overview()
    assert _state(overview, "a-b") == "halted"
    assert any("a-b is halted" in problem and "look at it" in problem for problem in overview.problems)
    assert tallied(three, LANE)[1] == 0
    for name in NAMES:
        await three.gateways[name].services.operator.resume("a-b")
    await three.start(*NAMES)
    await until(ended(three, LANE, 1), "goes on, though started again")


async def test_a_chain_that_contradicted_itself_is_halted_in_the_next_process_as_well(three):
    chain = three.chains[A]
    for _ in range(8):
        chain.mine()
    await three.start("alpha")
    reader = three.gateways["alpha"].services.reader

    async def is_up():
        return {one.state for one in (await reader.overview()).chains} == {"up"}

    await until(is_up, "both chains up")
    chain.reorg(len(chain.blocks) - 4)

    async def is_halted():
        three.clock.skipped_s += 1  # finality is looked up again now and then
        return _state(await reader.overview(), "a-b") == "halted"

    await until(is_halted, "halted")
    before = [lane.reason for lane in (await reader.overview()).lanes]
    assert all("contradiction" in reason for reason in before)
    await three.start("alpha")
    reader = three.gateways["alpha"].services.reader

    async def shows_both():
        overview = await reader.overview()
        states = {one.id: one.state for one in overview.chains}
        return states[A] == "halted" and [lane.reason for lane in overview.lanes] == before

    await until(shows_both, "chain and lanes are halted as before")
    for lane in ("a-b", "b-a"):
        await three.gateways["alpha"].services.operator.resume(lane)
    await three.start("alpha")
    reader = three.gateways["alpha"].services.reader

    async def is_well():
        overview = await reader.overview()
        return {one.state for one in (*overview.chains, *overview.lanes)} <= {"up", "running", "waiting"}

    await until(is_well, "stays resumed")


def _state(overview, lane_id):
    return next(lane.state for lane in overview.lanes if lane.id == lane_id)


async def test_a_configured_address_that_is_not_our_key_is_refused_before_any_network(three, tmp_path):
    ports = {name: number for number, name in enumerate(NAMES, 1)}
    text = config_text("alpha", ports, world="x")
    ours = re.search(r'name = "alpha", address = "(0x\w+)"', text)[1]
    config, found = parse_config(text.replace(ours, "0x" + "12" * 20), tmp_path, PLUGINS)
    assert config is not None, found
    with pytest.raises(ConfigError, match="our key for this lane is") as caught:
        build(config, PLUGINS)
    assert [one.key for one in caught.value.diagnostics] == ["lanes[0].attestors"]


async def test_the_keys_of_one_deployment_are_refused_for_the_next_one_on_the_same_chains(three, tmp_path):
    ports = {name: number for number, name in enumerate(NAMES, 1)}
    text = config_text("alpha", ports, world="x")
    moved = text.replace("threshold = 3\n", f'threshold = 3\nrouter = "0x{"77" * 20}"\n', 1)
    config, found = parse_config(moved, tmp_path, PLUGINS)
    assert config is not None, found
    with pytest.raises(ConfigError, match="another router") as caught:
        build(config, PLUGINS)
    assert [one.key for one in caught.value.diagnostics] == ["lanes[0].attestors", "lanes[1].attestors"]


async def test_a_wrong_password_is_a_configuration_error(three, tmp_path, monkeypatch):
    monkeypatch.setenv("FLEET_PASSWORD", "something else")
    config, _ = parse_config(
        config_text("alpha", {name: number for number, name in enumerate(NAMES, 1)}, world="x"),
        tmp_path,
        PLUGINS,
    )
    with pytest.raises(ConfigError, match="password is wrong"):
        build(config, PLUGINS)


def _rank(running, name):
    return running.gateways[name].supervisor.lane(LANE).params.rank
