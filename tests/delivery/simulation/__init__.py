"""The delivery engine's own code in a world that a seed decides: X, clocks, faults, order.

`make simulate SEEDS=1000`, `make simulate SEED=17`; docs/proofs.md says what it shows.
"""
