"""Customers out of a file, and into one."""
