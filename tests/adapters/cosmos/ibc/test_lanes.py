"""Which clients a lane of IBC v2 is made of, whatever is there already."""

import pytest

from adapters.cosmos.ibc.lanes import Half, paired


def half(name: str, counterparty: str = "") -> Half:
    return Half(id=name, counterparty=counterparty)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], (None, None)),
        ([half("a-0")], [], ("a-0", None)),
        ([], [half("b-0")], (None, "b-0")),
        ([half("a-0")], [half("b-0")], ("a-0", "b-0")),
        ([half("a-0", "b-0")], [half("b-0")], ("a-0", "b-0")),
        ([half("a-0")], [half("b-0", "a-0")], ("a-0", "b-0")),
        ([half("a-0", "b-0")], [half("b-0", "a-0")], ("a-0", "b-0")),
    ],
)
def test_what_is_half_done_is_gone_on_with(first, second, expected):
    assert paired(first, second) == expected


def test_the_most_advanced_pair_is_taken():
    first = [half("a-0"), half("a-1", "b-1"), half("a-2", "b-2")]
    second = [half("b-0"), half("b-1"), half("b-2", "a-2")]
    assert paired(first, second) == ("a-2", "b-2")
    assert paired(first[:2], second[:2]) == ("a-1", "b-1")


def test_clients_of_other_lanes_are_left_alone():
    assert paired([half("a-0", "b-9")], [half("b-0", "a-9")]) == (None, None)
    assert paired([half("a-0", "b-9"), half("a-1")], [half("b-0", "a-9")]) == ("a-1", None)
