"""CometBFT's RPC, typed: whole validator sets or none, why a height is missing, batches, chunks by size."""

import base64

import msgspec
import orjson
import pytest

from adapters.cosmos.endpoints import Endpoints, Lie
from adapters.cosmos.rpc import CometClient
from adapters.cosmos.wire import CommitSigJson, Number, StateQuery, StatusJson, TimeNs, read
from adapters.errors import MalformedReply, NotYetAvailable, Pruned, TransportError, WrongChain
from adapters.jsonrpc import ErrorObject, RpcLimits
from tests.support.clocks import ManualClock
from tests.support.liar import Error, liar


def status(network="chain-a", earliest=5, latest=20, *, catching_up=False, index="on"):
    sync = {
        "latest_block_hash": "AB" * 32,
        "latest_block_height": str(latest),
        "latest_block_time": "2026-11-23T18:21:51.802945862Z",
        "earliest_block_height": str(earliest),
        "catching_up": catching_up,
    }
    return {"node_info": {"network": network, "other": {"tx_index": index}}, "sync_info": sync}


def seats(count, first=0):
    return [
        {
            "address": f"{n:040X}",
            "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(bytes(32)).decode()},
            "voting_power": "1",
            "proposer_priority": "-1",
        }
        for n in range(first, first + count)
    ]


def pages(total, per_page=100):
    """Return a lie that serves a validator set in pages, at any height."""

    def serve(parameters, _):
        page, height = int(parameters["page"]), parameters["height"]
        part = seats(total)[(page - 1) * per_page : page * per_page]
        return {
            "block_height": height, "validators": part, "count": str(len(part)), "total": str(total)
        }  # fmt: skip

    return serve


class Asking:
    """A liar and a client of it, for `async with`."""

    def __init__(self, limits=None, **lies):
        self.limits = limits or RpcLimits(timeout_s=60, batch=10)
        self.lies = {"status": lambda *_: status(), **lies}

    async def __aenter__(self):
        self._server = liar()
        self.endpoint = await self._server.__aenter__()
        self.endpoint.lies = self.lies
        self.client = CometClient("it", self.endpoint.url, self.limits)
        return self

    async def __aexit__(self, *what):
        await self.client.close()
        await self._server.__aexit__(*what)


async def test_a_validator_set_of_many_pages_comes_whole_and_in_order():
    async with Asking(validators=pages(250)) as it:
        [one, other] = await it.client.validators([7, 8])
    assert [each.address.hex() for each in one] == [f"{n:040x}" for n in range(250)]
    assert one == other
    assert it.endpoint.sizes == [2, 4]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda page: page | {"total": "2"}, id="fewer than the total"),
        pytest.param(lambda page: page | {"total": "0", "validators": None, "count": "0"}, id="nobody"),
        pytest.param(lambda page: page | {"count": "2"}, id="fewer than the count"),
        pytest.param(lambda page: page | {"total": "100000"}, id="more than any chain has"),
        pytest.param(lambda page: page | {"block_height": "6"}, id="another height"),
        pytest.param(
            lambda page: page | {"validators": seats(1) * 2, "count": "2", "total": "2"},
            id="one of them twice",
        ),
    ],
)
async def test_a_validator_set_that_is_not_whole_is_no_answer(spoil):
    async with Asking(validators=lambda parameters, _: spoil(pages(1)(parameters, None))) as it:
        with pytest.raises(MalformedReply):
            await it.client.validators([7])


async def test_blocks_so_full_that_many_are_too_much_for_one_answer_are_read_one_by_one():
    full = {"txs_results": None, "finalize_block_events": [{"type": "x" * 3000}]}
    limits = RpcLimits(timeout_s=60, batch=8, max_body_bytes=10_000)
    async with Asking(limits, block_results=lambda each, _: {"height": each["height"], **full}) as it:
        found = await it.client.results(range(1, 9))
        assert [each.height for each in found] == list(range(1, 9))
        assert it.endpoint.sizes == [8, 4, 2, 2, 2, 2]


async def test_a_set_whose_total_changes_between_pages_is_no_answer():
    def shrinking(parameters, _):
        return pages(150 if parameters["page"] == "1" else 149)(parameters, None)

    async with Asking(validators=shrinking) as it:
        with pytest.raises(MalformedReply, match="total changed"):
            await it.client.validators([7])


def refuse(*_):
    raise Error(-32603, "Internal error", "some words")


@pytest.mark.parametrize(
    ("height", "expected"), [(21, NotYetAvailable), (13, NotYetAvailable), (4, Pruned), (10, Pruned)]
)
@pytest.mark.parametrize("method", ["commit", "block_results", "validators"])
async def test_why_a_height_is_missing_is_asked_and_not_read_out_of_words(method, height, expected):
    async with Asking(**{method: refuse}) as it:
        ask = {
            "commit": it.client.commits,
            "block_results": it.client.results,
            "validators": it.client.validators,
        }
        with pytest.raises(expected, match=r"it has 5 to 20.*some words"):
            await ask[method]([height])


def answer(code=0, codespace="", height=9, **more):
    return lambda *_: {"response": {"code": code, "codespace": codespace, "height": str(height), **more}}


QUESTION = StateQuery(path="/store/ibc/key", data=b"key", prove=True)


@pytest.mark.parametrize(
    ("height", "codespace", "code", "expected"),
    [(21, "store", 7, NotYetAvailable), (3, "store", 7, Pruned), (21, "sdk", 26, NotYetAvailable)],
)
async def test_a_state_that_the_application_does_not_have_is_not_an_answer(height, codespace, code, expected):
    async with Asking(abci_query=answer(code, codespace, 0)) as it:
        with pytest.raises(expected):
            await it.client.query([QUESTION], height)


async def test_an_invalid_question_at_a_height_that_is_there_is_an_answer_with_a_code():
    def serve(parameters, _):
        return (answer() if parameters["path"].startswith("/store") else answer(18, "sdk"))()

    async with Asking(abci_query=serve) as it:
        [found] = await it.client.query([StateQuery(path="/some.Query/It", data=b"")], 9)
    assert (found.codespace, found.code) == ("sdk", 18)


async def test_an_answer_from_another_height_is_no_answer():
    async with Asking(abci_query=answer(height=8)) as it:
        with pytest.raises(MalformedReply, match="expected the state of 9, got that of 8"):
            await it.client.query([QUESTION], 9)


async def test_a_transaction_that_is_not_found_is_none_and_another_one_is_no_answer():
    found = {"hash": "AA" * 32, "height": "9", "index": 0, "tx": "", "tx_result": {
        "code": 0, "gas_wanted": "1", "gas_used": "1", "data": None, "events": None}}  # fmt: skip

    def serve(parameters, _):
        return found if base64.b64decode(parameters["hash"])[:1] == b"\xaa" else refuse()

    async with Asking(tx=serve) as it:
        there, missing = await it.client.included([b"\xaa" * 32, b"\xbb" * 32])
        assert (there.height, missing) == (9, None)
        with pytest.raises(MalformedReply):
            await it.client.included([b"\xaa" * 31 + b"\xab"])


async def test_a_node_without_an_index_knows_nothing_of_transactions():
    async with Asking(tx=refuse, status=lambda *_: status(index="off")) as it:
        with pytest.raises(MalformedReply, match="tx_index"):
            await it.client.included([bytes(32)])


async def test_transactions_are_broadcast_in_order_in_requests_that_a_node_accepts():
    def serve(parameters, _):
        raw = base64.b64decode(parameters["tx"])
        if raw[:1] == b"\x05":
            raise Error(-32603, "Internal error", "mempool is full")
        return {"code": raw[0] % 2, "hash": "00" * 32, "log": "", "codespace": "sdk"}

    async with Asking(broadcast_tx_sync=serve, limits=RpcLimits(timeout_s=60, batch=100)) as it:
        answers = await it.client.broadcast([bytes([n]) + bytes(200_000) for n in range(7)])
        assert await it.client.broadcast([]) == []
    assert it.endpoint.sizes == [3, 3, 1]
    assert isinstance(answers.pop(5), ErrorObject)
    assert [each.code for each in answers] == [0, 1, 0, 1, 0, 0]


async def test_one_question_about_many_blocks_is_one_request():
    def serve(parameters, _):
        return {"response": {"code": 0, "height": parameters["height"], "value": "AA=="}}

    async with Asking(abci_query=serve) as it:
        answers = await it.client.over_time(StateQuery(path="/store/ibc/key", data=b"key"), [3, 7, 5])
        assert [each.height for each in answers] == [3, 7, 5]
        assert it.endpoint.sizes == [3]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Number, "12"), (Number, '"012"'), (Number, '"1e3"'), (Number, '"+1"'),
        (Number, '"99999999999999999999"'),
        (TimeNs, '"2026-11-23 18:21:51Z"'), (TimeNs, '"2026-13-23T18:21:51Z"'),
        (TimeNs, '"2026-11-23T18:21:51+01:00"'),
        (StatusJson, "{}"), (StatusJson, "null"),
    ],
)  # fmt: skip
def test_what_has_another_shape_is_refused(kind, text):
    with pytest.raises(MalformedReply):
        read(msgspec.Raw(text.encode()), kind, "it")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T18:21:51.802945862Z", 1795458111802945862),
        ("2026-11-23T18:21:51.8Z", 1795458111800000000),
        ("1970-01-01T00:00:00Z", 0),
        ("0001-01-01T00:00:00Z", -62135596800 * 10**9),
    ],
)
def test_times_keep_their_nanoseconds(text, expected):
    vote = {"block_id_flag": 1, "validator_address": "", "timestamp": text, "signature": None}
    assert read(msgspec.Raw(orjson.dumps(vote)), CommitSigJson, "it").timestamp == expected


async def connected(*served):
    """Return endpoints with one server for each status, connected."""
    servers = [Asking(status=lambda *_, each=each: each) for each in served]
    opened = [await server.__aenter__() for server in servers]
    clients = [
        CometClient(f"n{n}", each.endpoint.url, RpcLimits(timeout_s=60)) for n, each in enumerate(opened)
    ]
    made = Endpoints(native_id="chain-a", clients=clients, clock=ManualClock(), threshold=1, patience_s=0.1)
    try:
        await made.connect()
    finally:
        await made.close()
        for server in servers:
            await server.__aexit__(None, None, None)
    return made.health()


async def test_an_endpoint_of_another_chain_is_quarantined_and_one_that_catches_up_waits():
    wrong, behind, good = await connected(status("chain-b"), status(catching_up=True), status())
    assert (wrong.usable, wrong.quarantined_for) == (False, Lie.WRONG_CHAIN.value)
    assert (behind.usable, behind.quarantined_for) == (False, "")
    assert good.usable


async def test_a_chain_with_no_endpoint_of_its_own_is_not_connected():
    with pytest.raises(WrongChain, match="expected chain 'chain-a', it serves 'chain-b'"):
        await connected(status("chain-b"))
    with pytest.raises(TransportError, match="catches up"):
        await connected(status(catching_up=True))
