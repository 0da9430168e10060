"""Protobuf messages of Tendermint, ICS-23 and IBC that proofs are made of.

Written by `adapters.cosmos.pb.generate`, not by hand, and no judgement: a parsed message is untrusted until a
module of `proofs` has judged it.

Implements: the .proto files of ibc-go, ics23 and CometBFT that `tests/nodes/simd` pins.
"""
