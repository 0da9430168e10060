"""The memory chain's header: one encoding, and it names its chain."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import memory_tree
from proofs.memory_tree import MemoryHeader
from proofs.types import ChainId, Height
from proofs.verdict import Refusal
from tests.support.evidence import memory_header

CHAIN = ChainId("memory:a")
headers = st.builds(
    MemoryHeader,
    chain=st.text(alphabet="abc:-0", min_size=1, max_size=41),
    height=st.integers(0, 2**64 - 1),
    time_s=st.integers(0, 2**64 - 1),
    parent_hash=st.binary(min_size=32, max_size=32),
    root=st.binary(min_size=32, max_size=32),
)


@given(headers)
def test_a_header_comes_back_and_hashes_to_its_own_sha256(header):
    encoded = memory_tree.encode_header(header)
    assert memory_tree.decode_header(encoded) == header
    assert memory_tree.header_hash(encoded) == hashlib.sha256(encoded).digest()


@given(st.binary(max_size=200))
@pytest.mark.covers("PRF-06")
def test_whatever_decodes_encodes_to_the_same_bytes(data):
    try:
        header = memory_tree.decode_header(data)
    except Refusal:
        return
    assert memory_tree.encode_header(header) == data


@pytest.mark.covers("PRF-06")
def test_cut_lengthened_and_relabelled_headers_are_refused():
    encoded = memory_header(CHAIN)
    bad = [encoded[:size] for size in range(len(encoded))] + [encoded + b"\0", bytes([7]) + encoded[1:]]
    bad += [bytes([0]) + encoded[1:], bytes(20_000), encoded[:1] + b"\xff" + encoded[2:]]
    for data in bad:
        with pytest.raises(Refusal):
            memory_tree.decode_header(data)


@pytest.mark.parametrize("changes", [{"chain": ChainId("")}, {"root": bytes(31)}, {"parent": bytes(33)}])
def test_a_header_without_an_encoding_is_not_made(changes):
    with pytest.raises(ValueError, match="header"):
        memory_header(**{"chain": CHAIN, "height": Height(1), **changes})
