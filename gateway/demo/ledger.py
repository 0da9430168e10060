"""What became of all packets, as the chains' own books have it. No gateway is asked."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The packets of one lane, or of several together."""

    sent: int = 0
    delivered: int = 0
    """Received by the destination."""
    acknowledged: int = 0
    """Received there, and settled on the source."""
    refunded: int = 0
    """Never received, and given back on the source."""
    lost: int = 0
    """Neither settled nor on its way to be, or settled against the evidence."""
    duplicated: int = 0
    """Effects beyond one per packet."""

    def line(self) -> str:
        """Return the last line of the demonstration."""
        return (
            f"demo: {self.sent} sent, {self.delivered} delivered, {self.acknowledged} acknowledged, "
            f"{self.refunded} refunded, {self.lost} lost, {self.duplicated} duplicated"
        )

    def settled(self) -> bool:
        """Say whether every packet has come to its end."""
        return self.acknowledged + self.refunded == self.sent


def total(counts: Iterable[Count]) -> Count:
    """Return the sum."""
    listed = list(counts)
    return Count(
        sent=sum(one.sent for one in listed),
        delivered=sum(one.delivered for one in listed),
        acknowledged=sum(one.acknowledged for one in listed),
        refunded=sum(one.refunded for one in listed),
        lost=sum(one.lost for one in listed),
        duplicated=sum(one.duplicated for one in listed),
    )
