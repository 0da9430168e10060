"""A frozen map from sequence to value that is cheap to change a list at a time.

Entries live in pages of 256 neighbouring sequences. A change copies the touched pages and the page table,
never the rest: sequences travel in lists of neighbours, so a list costs its own length and not the number of
open messages.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

V = TypeVar("V")

_PAGE_BITS = 8


@dataclass(frozen=True, slots=True)
class Paged(Generic[V]):
    """The map. Its methods return new maps."""

    pages: Mapping[int, Mapping[int, V]] = field(default_factory=dict)
    size: int = 0

    def __len__(self) -> int:
        return self.size

    def __contains__(self, sequence: int) -> bool:
        return sequence in self.pages.get(sequence >> _PAGE_BITS, ())

    def get(self, sequence: int) -> V | None:
        """Return the value, or None when there is none."""
        page = self.pages.get(sequence >> _PAGE_BITS)
        return None if page is None else page.get(sequence)

    def first(self) -> int | None:
        """Return the lowest sequence, or None when there is none."""
        return min(self.pages[min(self.pages)]) if self.pages else None

    def items(self) -> Iterator[tuple[int, V]]:
        """Yield (sequence, value) in ascending order of sequence."""
        for number in sorted(self.pages):
            page = self.pages[number]
            for sequence in sorted(page):
                yield sequence, page[sequence]

    def with_items(self, items: Iterable[tuple[int, V]]) -> "Paged[V]":
        """Return this map with these entries added or replaced."""
        touched: dict[int, dict[int, V]] = {}
        added = 0
        for sequence, value in items:
            page = _page_to_change(self.pages, touched, sequence >> _PAGE_BITS)
            added += sequence not in page
            page[sequence] = value
        return Paged(pages={**self.pages, **touched}, size=self.size + added) if touched else self

    def without(self, sequences: Iterable[int]) -> "Paged[V]":
        """Return this map without these sequences; unknown ones are no matter."""
        touched: dict[int, dict[int, V]] = {}
        removed = 0
        for sequence in sequences:
            if sequence in self:
                page = _page_to_change(self.pages, touched, sequence >> _PAGE_BITS)
                removed += page.pop(sequence, None) is not None
        if not removed:
            return self
        pages = {**self.pages, **touched}
        return Paged(pages={number: page for number, page in pages.items() if page}, size=self.size - removed)


def _page_to_change(
    pages: Mapping[int, Mapping[int, V]], touched: dict[int, dict[int, V]], number: int
) -> dict[int, V]:
    """Return this page's private copy, made at its first change."""
    page = touched.get(number)
    if page is None:
        page = touched[number] = dict(pages.get(number, {}))
    return page
