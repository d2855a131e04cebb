"""Figures that are measured and have a goal: `make bench`, or `make bench ONLY=name,name`."""
