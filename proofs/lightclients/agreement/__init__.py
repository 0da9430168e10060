"""Light client `agreement`: a block is believed because enough endpoints report it. See README.md."""

from proofs.lightclients.agreement.advance import advance
from proofs.lightclients.agreement.types import AgreementParams

__all__ = ["AgreementParams", "advance"]
