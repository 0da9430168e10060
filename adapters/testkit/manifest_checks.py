"""Checks of what an adapter declares: the manifest says what the code is, and the code says nothing else."""

from adapters.api import (
    ClientWatcher,
    DestinationChain,
    EndpointReporter,
    FundsReporter,
    HeadWatcher,
    MessageSender,
    SourceChain,
)
from adapters.capability import Capability
from adapters.manifest import API_VERSION
from adapters.testkit.bench import Bench
from adapters.testkit.judge import expect
from proofs.registry import LIGHT_CLIENTS, PROOF_FORMATS

_CLASSES: dict[Capability, type] = {
    Capability.SOURCE: SourceChain,
    Capability.DESTINATION: DestinationChain,
    Capability.HEADS: HeadWatcher,
    Capability.ENDPOINTS: EndpointReporter,
    Capability.SEND: MessageSender,
    Capability.FUNDS: FundsReporter,
    Capability.CLIENT_UPDATES: ClientWatcher,
}


async def grades_match_classes(bench: Bench) -> None:
    """A capability is graded usable if and only if the chain is of its class."""
    chain = bench.build()
    for capability, role in _CLASSES.items():
        declared = bool(bench.subject.manifest.capabilities[capability])
        actual = isinstance(chain, role)
        expect(declared == actual, f"capability {capability.value}", expected=declared, actual=actual)


async def names_match(bench: Bench) -> None:
    """Manifest and plugin bear one name and this API version; chain and family are among the declared."""
    subject = bench.subject
    manifest, plugin = subject.manifest, subject.plugin
    expect(plugin.name == manifest.name, "name of the plugin", expected=manifest.name, actual=plugin.name)
    version = manifest.api_version
    expect(version == API_VERSION, "API version", expected=API_VERSION, actual=version)
    namespace = subject.chain_id.partition(":")[0]
    known = manifest.namespaces
    expect(namespace in known, "namespace", expected=known, actual=namespace)
    family = plugin.light_client(subject.chain_id, subject.config).family
    expect(family in manifest.light_clients, "family", expected=manifest.light_clients, actual=family)
    expect(family in LIGHT_CLIENTS, "family", expected=sorted(LIGHT_CLIENTS), actual=family)


async def store_is_configured(bench: Bench) -> None:
    """Where commitments live follows from the configuration alone, before and after `connect`."""
    subject = bench.subject
    configured = subject.plugin.store(subject.chain_id, subject.config)
    formats = subject.manifest.proof_formats
    expect(configured.format in formats, "proof format", expected=formats, actual=configured.format)
    expect(
        configured.format in PROOF_FORMATS, "format", expected=sorted(PROOF_FORMATS), actual=configured.format
    )
    chain = bench.build()
    expect(chain.store == configured, "store before connect", expected=configured, actual=chain.store)
    async with bench.open() as connected:
        expect(connected.store == configured, "store", expected=configured, actual=connected.store)


async def configuration_is_checked(bench: Bench) -> None:
    """The subject's own configuration is found right, and it is of the plugin's type."""
    subject = bench.subject
    wrong = dict(subject.plugin.check(subject.config))
    expect(not wrong, "check of the configuration", expected="nothing wrong", actual=wrong)
    kind = subject.plugin.config_type
    actual = type(subject.config)
    expect(actual is kind, "type of the configuration", expected=kind, actual=actual)
