"""What goes wrong with a service, in one line that says how to mend it."""


class ServiceError(Exception):
    """A service cannot start or stop. The text is one line for people."""
