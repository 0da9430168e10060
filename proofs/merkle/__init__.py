"""One file per kind of tree. Each verifies membership and absence by separate functions and raises `Refusal`.

Strict everywhere: canonical encodings only, every element of a proof is used, caps come first, and bytes
that do not parse are never "absent".
"""
