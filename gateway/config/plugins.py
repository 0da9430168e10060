"""The installed adapters as a mapping, name -> plugin. An adapter's code runs when it is first looked up.

What is installed is read once: reading it takes longer than everything else that a configuration needs.
"""

from collections.abc import Iterator, Mapping

from adapters import discovery
from adapters.api import AdapterPlugin


class InstalledAdapters(Mapping[str, AdapterPlugin]):
    """Looks installed adapters up by name. Raises `DiscoveryError` for one that is unusable."""

    def __init__(self) -> None:
        self._names = tuple([found.name for found in discovery.installed()])
        self._plugins: dict[str, AdapterPlugin] = {}

    def __getitem__(self, name: str) -> AdapterPlugin:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._plugins:
            self._plugins[name] = discovery.plugin(name)
        return self._plugins[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
