"""Cosmos chains with IBC: any that run ibc-go over CometBFT, without contracts or modules of ours on them.

Importing this costs next to nothing: what needs the network or protobuf is imported when a chain is built.
"""

from adapters.api import AdapterPlugin, GatewayChain, Resources
from adapters.cosmos.config import CosmosConfig, account, check, light_client, store
from proofs.types import ChainId


def _build(chain_id: ChainId, config: CosmosConfig, resources: Resources) -> GatewayChain:
    from adapters.cosmos.adapter import build

    return build(chain_id, config, resources)


ADAPTER = AdapterPlugin(
    name="cosmos",
    config_type=CosmosConfig,
    build=_build,
    light_client=light_client,
    store=store,
    check=check,
    account=account,
    max_attested=20,
)

__all__ = ["ADAPTER"]
