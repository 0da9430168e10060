"""EVM chains with our router on them: Ethereum, its layers, permissioned EVM networks, development chains.

Importing this costs next to nothing: what needs the network or the contracts is imported when a chain is
built.
"""

from adapters.api import AdapterPlugin, GatewayChain, Resources
from adapters.evm.config import EvmConfig, check, light_client, store
from proofs.types import ChainId


def _build(chain_id: ChainId, config: EvmConfig, resources: Resources) -> GatewayChain:
    from adapters.evm.adapter import build

    return build(chain_id, config, resources)


ADAPTER = AdapterPlugin(
    name="evm", config_type=EvmConfig, build=_build, light_client=light_client, store=store, check=check
)

__all__ = ["ADAPTER"]
