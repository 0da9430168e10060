"""One package per family: `types.py` (parameters), `predicates.py` (checks), `advance.py` (the doorway).

`advance(trusted, untrusted_update, params, now_s) -> Verdict[TrustedState]` is the only way by which trust
grows. Families are listed in `proofs.registry`.
"""
