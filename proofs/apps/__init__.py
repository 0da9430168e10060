"""What the standard applications write into packets, and the names that follow from it.

Not what an application does with it: no balances, no accounts. Nothing here is needed to judge a claim, which
is about the packet's bytes as they are; it is for those who filter packets, send them, or show them.

Implements: ICS-20 version 1 (`ics20`), ICS-27 GMP version 2 (`gmp`).
"""
