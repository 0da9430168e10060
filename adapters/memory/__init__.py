"""The reference adapter: a deterministic chain in this process, with forks, delays and lies on demand.

`world` is the chain, `endpoint` the strangers that serve it, `client` and `adapter` what talks to them. It
defines what the border of `adapters.api` means; it needs no network and keeps nothing.
"""

from adapters.api import AdapterPlugin
from adapters.memory.adapter import build
from adapters.memory.config import MemoryConfig, check, light_client, store

ADAPTER = AdapterPlugin(
    name="memory",
    config_type=MemoryConfig,
    build=build,
    light_client=light_client,
    store=store,
    check=check,
)

__all__ = ["ADAPTER"]
