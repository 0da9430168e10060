"""The store: what a gateway remembers of its lanes. One SQLite file, one writer, group commit.

It is a notebook, not the truth: every row except the signing log can be rebuilt from the chains.
"""
