"""The gateway: it wires chains, proofs and relays together, keeps the books and shows what goes on.

Read `wiring.py`: it says how a packet travels. It decides nothing about packets (`relays`) and believes
nothing (`proofs`).
"""
