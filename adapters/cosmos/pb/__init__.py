"""Protobuf messages and query services of Cosmos chains that only the adapter needs.

Written by `generate.py`, not by hand. What `proofs` reads as well lives in `proofs.pb`: each file is
registered once.

Implements: the .proto files of ibc-go, the Cosmos SDK and CometBFT that `tests/nodes/simd` pins.
"""
