"""The conformance kit: what every adapter must keep, as checks that any adapter can be put to.

`subject` says what the kit needs to know of an adapter, `bench` builds a bridge between it and a memory
chain, the `*_checks` modules hold the checks, `checks` lists and runs them. Only `plugin` knows pytest.
An adapter of a stranger is tested by the same list: `report = await run(subject)`, then look at
`report.level` and `report.failed`.
"""
