"""What every room stands on: the clock, hooks, workspace scoping, transactions. Knows no room."""
