"""The store: what a gateway remembers of its lanes. One SQLite file, one writer, group commit.

It is a notebook, not the truth: all but signing log, audit log and halts can be rebuilt from the chains.
"""
