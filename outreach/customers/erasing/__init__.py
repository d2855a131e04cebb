"""Erasing a person, and telling everything that is known about one."""
