"""The list of checks, and `run`: puts a subject to each and says what level its adapter reaches.

Levels build on each other. `relay-only`: what the adapter reads and submits can be relied on to be
complete, pinned and idempotent. `attested`: in addition its evidence is accepted and no changed evidence
is, so gateways can attest it, but its roots rest on what endpoints agree on. `verified`: its roots rest
on the chain's own consensus.

No pytest here: `isthmus adapter test` and `adapters.testkit.plugin` run the same list.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from adapters.testkit import destination_checks as destination
from adapters.testkit import manifest_checks as manifest
from adapters.testkit import proof_checks as proof
from adapters.testkit import source_checks as source
from adapters.testkit.bench import Bench
from adapters.testkit.judge import CheckSkipped
from adapters.testkit.subject import Subject

CHECK_TIMEOUT_S = 120.0


class Level(Enum):
    """What an adapter may be used for."""

    RELAY_ONLY = "relay-only"
    ATTESTED = "attested"
    VERIFIED = "verified"


class Outcome(Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check. Its id is for ever; its function's first line says what it demands."""

    id: str
    level: Level
    """The level that is not reached without it."""
    obligatory: bool
    """An adapter that fails or skips an obligatory check does not conform at all."""
    run: Callable[[Bench], Awaitable[None]]

    @property
    def demand(self) -> str:
        """Return what is demanded, in a sentence."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one check ended for one adapter."""

    check: Check
    outcome: Outcome
    detail: str
    """Why it failed or was skipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All results of one run."""

    adapter: str
    results: tuple[Result, ...]

    @property
    def failed(self) -> tuple[Result, ...]:
        """Return what keeps the adapter from conforming: obligatory checks not passed, others failed."""
        return tuple([result for result in self.results if _hurts(result)])

    @property
    def level(self) -> Level | None:
        """Return the highest level that nothing hurts, nor any level below it; None if there is none."""
        reached: Level | None = None
        for level in Level:
            results = [result for result in self.results if result.check.level is level]
            if any(_hurts(result) for result in results):
                break
            if any(result.outcome is Outcome.PASSED for result in results):
                reached = level
        return reached


def _hurts(result: Result) -> bool:
    if result.check.obligatory:
        return result.outcome is not Outcome.PASSED
    return result.outcome is Outcome.FAILED


def _obligatory(level: Level, **checks: Callable[[Bench], Awaitable[None]]) -> list[Check]:
    return [_check(name, level, run, obligatory=True) for name, run in checks.items()]


def _optional(level: Level, **checks: Callable[[Bench], Awaitable[None]]) -> list[Check]:
    return [_check(name, level, run, obligatory=False) for name, run in checks.items()]


def _check(name: str, level: Level, run: Callable[[Bench], Awaitable[None]], *, obligatory: bool) -> Check:
    return Check(id=name.replace("_", "-"), level=level, obligatory=obligatory, run=run)


CHECKS: tuple[Check, ...] = (
    *_obligatory(
        Level.RELAY_ONLY,
        manifest_grades=manifest.grades_match_classes,
        manifest_names=manifest.names_match,
        store_configured=manifest.store_is_configured,
        config_checked=manifest.configuration_is_checked,
        open_close=source.opens_and_closes,
        status_consistent=source.status_is_consistent,
        status_monotone=source.status_is_monotone,
        block_unborn=source.unborn_block_is_not_yet,
        sent_complete=source.sent_is_complete_and_ordered,
        sent_pinned=source.sent_is_pinned,
        pinned_elsewhere=source.other_block_is_reorged,
        restart=source.restart_changes_nothing,
        cancellation=source.cancellation_leaves_it_usable,
        no_task_left=source.close_leaves_no_task,
        client_shown=destination.client_is_shown,
        client_unknown=destination.unknown_client_is_refused,
        delivery_effect=destination.delivery_takes_effect,
        delivery_twice=destination.same_delivery_twice_is_one,
        delivery_list=destination.list_is_one_transaction,
        delivery_concurrent=destination.concurrent_deliveries_all_take_effect,
        delivery_cancelled=destination.cancelled_submission_can_be_repeated,
        acknowledged_complete=destination.acknowledged_is_complete,
        delivery_overlap=destination.overlap_has_the_rest_of_its_effect,
        delivery_unattested=destination.bad_attestation_is_refused,
        delivery_expired=destination.expired_packet_is_not_received,
        acknowledgement_once=destination.acknowledgement_settles_once,
        timeout_once=destination.timeout_settles_once,
        submission_unknown=destination.unknown_submission_is_lost,
    ),
    *_optional(
        Level.RELAY_ONLY,
        reorg=source.reorg_is_reported,
        nonsense=source.nonsense_is_malformed,
        one_liar=source.one_liar_changes_nothing,
        heads=destination.heads_wake,
        send=destination.send_returns_the_sequences,
    ),
    *_obligatory(
        Level.ATTESTED,
        update_accepted=proof.update_is_accepted,
        update_changed=proof.changed_update_is_rejected,
        proof_sent=proof.sent_is_proven,
        proof_older_block=proof.older_block_still_proves,
        proof_false_claim=proof.false_claims_are_rejected,
        proof_changed=proof.changed_proof_is_rejected,
        proof_acknowledged=proof.acknowledgement_is_proven,
        proof_absent=proof.absence_is_proven,
    ),
    *_optional(Level.VERIFIED, consensus=proof.roots_rest_on_consensus),
)
"""Every check, in the order in which they are run."""


async def run(subject: Subject, checks: tuple[Check, ...] = CHECKS) -> Report:
    """Put the subject to each check in turn, on one bridge, and return all results."""
    bench = Bench(subject)
    results = [await run_one(bench, check) for check in checks]
    return Report(adapter=subject.manifest.name, results=tuple(results))


async def run_one(bench: Bench, check: Check) -> Result:
    """Return how one check ends; whatever the adapter raises is a failure, and so is taking for ever."""
    task = asyncio.ensure_future(check.run(bench))
    await asyncio.wait({task}, timeout=CHECK_TIMEOUT_S)
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        return Result(check=check, outcome=Outcome.FAILED, detail=f"no end within {CHECK_TIMEOUT_S} s")
    if task.cancelled():
        return Result(check=check, outcome=Outcome.FAILED, detail="the adapter cancelled the check")
    error = task.exception()
    match error:
        case None:
            return Result(check=check, outcome=Outcome.PASSED, detail="")
        case CheckSkipped():
            return Result(check=check, outcome=Outcome.SKIPPED, detail=str(error))
        case _:
            return Result(check=check, outcome=Outcome.FAILED, detail=f"{type(error).__name__}: {error}")
