"""Who did what to what, when: append-only, chained by hash. Knows no other room."""
