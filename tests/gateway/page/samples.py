"""Records as a gateway shows them, for tests of page, API and command line."""

from gateway.views import (
    AttestorView,
    ChainView,
    EndpointView,
    Explanation,
    LaneView,
    MessageView,
    Overview,
    PayloadView,
    TimelineEntry,
)
from proofs.records import replace

NOW_S = 1_800_000_000.0


def chain(name: str = "alpha", number: int = 31337) -> ChainView:
    return ChainView(
        id=f"eip155:{number}",
        name=name,
        adapter="evm",
        state="up",
        error="",
        head_height=120,
        finalized_height=118,
        finalized_time_s=int(NOW_S) - 3,
        observed_at_s=NOW_S - 1,
        light_client="agreement",
        assurance="agreement",
        signer="0x" + "ab" * 20,
        endpoints=(
            EndpointView(name="one", state="usable", reason="", detail=""),
            EndpointView(name="two", state="quarantined", reason="forged-header", detail="hash differs"),
        ),
    )


def attestor(name: str, state: str = "live", error: str = "") -> AttestorView:
    return AttestorView(
        name=name, address="0x" + "cd" * 20, is_self=state == "self", state=state, error=error
    )


def lane(lane_id: str = "alpha-beta", *, back: bool = False) -> LaneView:
    ends = [("eip155:31337", "Alpha", "client-0"), ("eip155:31338", "Beta", "client-0")]
    (source, source_name, source_client), (destination, destination_name, destination_client) = (
        reversed(ends) if back else ends
    )
    return LaneView(
        id=lane_id,
        source=source,
        source_name=source_name,
        source_client=source_client,
        destination=destination,
        destination_name=destination_name,
        destination_client=destination_client,
        state="running",
        reason="",
        unsafe=True,
        unsafe_because="a dev chain has no consensus: its endpoints are believed when they agree",
        trust="attested 2-of-3",
        assurance="agreement",
        threshold=2,
        attestors=(
            attestor("alpha", "self"),
            attestor("beta"),
            attestor("gamma", "failing", "connection refused"),
        ),
        counts={"acknowledged": 112, "proving": 8, "refunded": 1},
        open=8,
        oldest_open_s=NOW_S - 4,
        cursors={"out": 118, "back": 117},
    )


def overview() -> Overview:
    return Overview(
        name="alpha",
        version="0.1.0",
        ready=True,
        problems=(),
        unsafe=True,
        chains=(chain("Alpha", 31337), chain("Beta", 31338)),
        lanes=(lane(), lane("beta-alpha", back=True)),
    )


def troubled() -> Overview:
    healthy = overview()
    halted = replace(
        healthy.lanes[0], state="halted", reason="contradiction: finalized block 90 changed its hash"
    )
    return replace(
        healthy,
        ready=False,
        problems=("lane alpha-beta is halted: contradiction: finalized block 90 changed its hash",),
        lanes=(halted, *healthy.lanes[1:]),
    )


def message(sequence: int = 1, state: str = "acknowledged") -> MessageView:
    steps = ("observed", "proving", "verified", "submitted", "delivered", "acknowledged")
    return MessageView(
        id=f"{sequence:064x}",
        lane="alpha-beta",
        sequence=sequence,
        source="eip155:31337",
        source_client="client-0",
        destination="eip155:31338",
        destination_client="client-0",
        state=state,
        reason="attestors-missing: 1 of 2; missing beta, gamma" if state == "verified" else "",
        waiting_on="attestations" if state == "verified" else "nothing",
        since_s=NOW_S - sequence,
        next_action_s=0.0,
        attempts=1,
        delivered_by="self",
        delivery="0x" + "12" * 32,
        transaction="0x" + "34" * 32,
        height=100,
        timeout_s=int(NOW_S) + 3600,
        timeout_height="",
        unsafe=True,
        trust="attested 2-of-3",
        payloads=(
            PayloadView(
                source_port="erc7786",
                destination_port="erc7786",
                version="1",
                encoding="application/x-isthmus-erc7786",
                size=5,
                value="0x68656c6c6f",
            ),
        ),
        acknowledgements=("0x01",),
        timeline=tuple(
            TimelineEntry(
                at_s=NOW_S - 20 + 2 * step,
                state=name,
                waiting_on="nothing",
                reason="",
                attempts=1,
                delivery="0x" + "12" * 32 if name == "submitted" else "",
                delivered_by="self" if name == "delivered" else "",
            )
            for step, name in enumerate(steps)
        ),
    )


def explanation(sequence: int = 1) -> Explanation:
    return Explanation(
        id=f"{sequence:064x}",
        sentence="Delivered and acknowledged: nothing is left to do.",
        evidence={"acknowledgement": "0x01"},
        command="",
    )
