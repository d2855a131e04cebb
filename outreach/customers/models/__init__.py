"""The rows of this room."""

from outreach.customers.models.invitations import (
    HeardMessage,
    HistoryPerson,
    HistoryRun,
    Invitation,
    OptIn,
)
from outreach.customers.models.people import Customer, Relationship
from outreach.customers.models.permission import Basis, ContactPolicy, Permission, Suppression

__all__ = [
    "Basis",
    "ContactPolicy",
    "Customer",
    "HeardMessage",
    "HistoryPerson",
    "HistoryRun",
    "Invitation",
    "OptIn",
    "Permission",
    "Relationship",
    "Suppression",
]
