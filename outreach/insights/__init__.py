"""Reads all rooms: Today, the audit log, and later the charts."""
