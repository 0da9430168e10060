"""Attestors: gateways that each verify for themselves and sign what they found, m of n per lane.

`signing` decides what may be signed, `service` answers peers, `peers` collects signatures, `http` and
`client` carry them. Nobody signs what he has not proven with his own endpoints.
"""
