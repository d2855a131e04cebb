"""Approved words on their way: once, at the right hour, at the pace that X allows."""
