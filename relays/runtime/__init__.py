"""Performs what `relays.core` decides: one loop per lane, one head reader per chain, one supervisor."""
