"""Proofs about EVM execution layers: block headers, accounts and storage, receipts and the events in them.

Nothing here knows why a header is trusted; that is for `proofs.lightclients`. Numbers are minimal
big-endian in RLP and plain `int` outside it; hashes and roots are 32 bytes in the chain's own order.
"""
