"""The fault run on real processes: `make chaos`. See docs/proofs.md."""
