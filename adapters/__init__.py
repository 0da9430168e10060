"""What each chain says, and how it is told something. Adapters fetch and submit; they never judge.

Read `adapters.api` first: the border that every chain implements. `adapters.errors` holds all that can go
wrong, `adapters.manifest` what an adapter declares about itself, `adapters.discovery` how it is found,
`adapters.testkit` how it is put to the test. `adapters.memory` is the reference; two adapters never import
each other.
"""
