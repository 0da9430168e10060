"""Light client `tendermint`: a block is believed because CometBFT's validators signed it. See README.md."""

from proofs.lightclients.tendermint.advance import advance
from proofs.lightclients.tendermint.hashing import header_hash, validators_hash
from proofs.lightclients.tendermint.misbehaviour import Kind, Misbehaviour, judge
from proofs.lightclients.tendermint.types import TendermintParams
from proofs.lightclients.tendermint.wire import (
    decode_header,
    decode_light_block,
    decode_validators,
    encode_light_block,
    encode_validators,
)

__all__ = [
    "Kind",
    "Misbehaviour",
    "TendermintParams",
    "advance",
    "decode_header",
    "decode_light_block",
    "decode_validators",
    "encode_light_block",
    "encode_validators",
    "header_hash",
    "judge",
    "validators_hash",
]
