"""Who may be written to, and how we know."""
