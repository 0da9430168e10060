"""Each bad adapter fails its named check, and the kit then says that the adapter does not conform."""

import pytest

from adapters.capability import Capability, Support
from adapters.memory import ADAPTER
from adapters.memory.adapter import MemoryAdapter
from adapters.memory.config import MemoryConfig, light_client
from adapters.testkit.checks import CHECKS, Level, Outcome, run
from proofs.lightclients.agreement import AgreementParams
from proofs.records import replace
from proofs.types import Assurance, BlockRef, ChainId, UntrustedUpdate
from tests.conformance.bad import BAD, Deaf, Lame, plugin_of
from tests.support.memory_subject import MemorySubject

BY_ID = {check.id: check for check in CHECKS}


@pytest.mark.covers("ADP-08")
@pytest.mark.parametrize("check_id", BAD)
async def test_a_bad_adapter_fails_its_named_check(check_id: str) -> None:
    checks = (BY_ID["open-close"], BY_ID[check_id])
    report = await run(MemorySubject(plugin_of(BAD[check_id])), checks)
    assert [result.check.id for result in report.failed] == [check_id]
    good = await run(MemorySubject(), checks)
    assert good.failed == ()


async def test_an_adapter_that_swallows_cancellation_fails() -> None:
    report = await run(MemorySubject(plugin_of(Deaf)), (BY_ID["cancellation"],))
    assert [result.check.id for result in report.failed] == ["cancellation"]


async def test_a_grade_without_its_class_fails_and_so_does_a_class_without_its_grade() -> None:
    subject = MemorySubject()
    grades = dict(subject.manifest.capabilities) | {Capability.HEADS: Support.NOT_IMPLEMENTED}
    subject.manifest = replace(subject.manifest, capabilities=grades)
    report = await run(subject, (BY_ID["manifest-grades"],))
    assert "capability heads: expected False, got True" in report.failed[0].detail

    report = await run(MemorySubject(plugin_of(lambda *_: Lame())), (BY_ID["manifest-grades"],))
    assert "capability destination: expected True, got False" in report.failed[0].detail


async def test_an_adapter_below_consensus_reaches_the_level_attested_and_no_more() -> None:
    def weak(chain_id: ChainId, config: MemoryConfig) -> object:
        return replace(light_client(chain_id, config), assurance=Assurance.AGREEMENT)

    report = await run(MemorySubject(replace(ADAPTER, light_client=weak)))
    assert report.failed == ()
    assert report.level is Level.ATTESTED


async def test_an_adapter_that_claims_consensus_without_needing_votes_fails() -> None:
    def gullible(chain_id: ChainId, config: MemoryConfig) -> object:
        spec = light_client(chain_id, config)
        params = AgreementParams(chain=chain_id, witnesses=("w",), threshold=1, header_codec="memory")
        return replace(spec, family="agreement", params=params)

    class Vouching(MemoryAdapter):
        async def update(self, target: BlockRef) -> UntrustedUpdate:
            update = await super().update(target)
            return replace(update, light_client="agreement", votes={"w": target.hash})

    subject = MemorySubject(replace(plugin_of(Vouching), light_client=gullible))
    report = await run(subject, (BY_ID["consensus"], BY_ID["manifest-names"]))
    assert {result.check.id for result in report.failed} == {"consensus", "manifest-names"}


async def test_a_failed_relay_check_leaves_no_level_at_all() -> None:
    report = await run(MemorySubject(plugin_of(BAD["submission-unknown"])))
    assert report.level is None
    assert all(result.detail for result in report.results if result.outcome is not Outcome.PASSED)
