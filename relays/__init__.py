"""Relays decide and deliver: what next, for this lane? `core` is the pure policy, `runtime` performs it."""
