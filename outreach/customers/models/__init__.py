"""The rows of this room."""

from outreach.customers.models.people import Customer, Relationship
from outreach.customers.models.permission import Basis, ContactPolicy, Permission, Suppression
from outreach.customers.models.segments import Segment, Sweep, SweepKind, SweepState, Word

__all__ = [
    "Basis",
    "ContactPolicy",
    "Customer",
    "Permission",
    "Relationship",
    "Segment",
    "Suppression",
    "Sweep",
    "SweepKind",
    "SweepState",
    "Word",
]
