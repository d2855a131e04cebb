"""The only room that knows the X API."""
