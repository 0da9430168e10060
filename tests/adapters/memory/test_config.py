"""Configuration of a memory chain: all mistakes at once, and identity from configuration alone."""

from adapters.memory import ADAPTER
from adapters.memory.config import check
from proofs.records import replace
from proofs.types import Assurance
from tests.support.memory import A, config_for

GOOD = config_for(A)


def test_a_good_configuration_has_nothing_wrong() -> None:
    assert check(GOOD) == {}


def test_every_mistake_is_named_by_its_key() -> None:
    bad = replace(
        GOOD,
        validators=("0x12", "0x12"),
        threshold=3,
        endpoints=("a", "a"),
        quorum=1,
        router="1571",
        start_height=0,
        block_time_s=-1.0,
        finality_depth=-1,
        request_timeout_s=0.0,
        latency_s=-0.1,
    )
    assert set(check(bad)) == {
        "validators",
        "threshold",
        "endpoints",
        "quorum",
        "router",
        "start_height",
        "block_time_s",
        "finality_depth",
        "request_timeout_s",
        "latency_s",
    }


def test_a_quorum_of_half_the_endpoints_is_no_quorum() -> None:
    assert "quorum" in check(replace(GOOD, endpoints=("a", "b"), quorum=1))
    assert check(replace(GOOD, endpoints=("a", "b"), quorum=2)) == {}
    assert "quorum" in check(replace(GOOD, endpoints=("a",), quorum=2))


def test_judge_and_store_follow_from_the_configuration() -> None:
    spec = ADAPTER.light_client(A, GOOD)
    assert (spec.family, spec.assurance, spec.params.chain) == ("quorum", Assurance.CONSENSUS, A)
    assert [f"0x{signer.hex()}" for signer in spec.params.signers] == list(GOOD.validators)
    store = ADAPTER.store(A, GOOD)
    assert (store.format, f"0x{store.address.hex()}") == ("memory-tree", GOOD.router)
