"""How far chains are final, as last read: a chain is asked when that does not reach far enough."""

from adapters.api import SourceChain
from proofs.types import BlockRef, ChainId, Height


class Finality:
    """The newest finalized block known of each chain. It never goes back."""

    def __init__(self) -> None:
        self._known: dict[ChainId, BlockRef] = {}

    async def reaching(self, height: Height, chain: SourceChain) -> BlockRef:
        """Return the newest finalized block known, read anew when it is below `height`."""
        known = self._known.get(chain.chain_id)
        if known is None or known.height < height:
            finalized = (await chain.status()).finalized
            if known is None or finalized.height > known.height:
                self._known[chain.chain_id] = known = finalized
        return known
