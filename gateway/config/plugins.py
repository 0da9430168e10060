"""The installed adapters as a mapping, name -> plugin. An adapter's code runs when it is looked up."""

from collections.abc import Iterator, Mapping

from adapters import discovery
from adapters.api import AdapterPlugin


class InstalledAdapters(Mapping[str, AdapterPlugin]):
    """Looks installed adapters up by name. Raises `DiscoveryError` for one that is unusable."""

    def __getitem__(self, name: str) -> AdapterPlugin:
        if name not in set(self):
            raise KeyError(name)
        return discovery.plugin(name)

    def __iter__(self) -> Iterator[str]:
        return iter([found.name for found in discovery.installed()])

    def __len__(self) -> int:
        return len(discovery.installed())
