"""The rows of this room."""

from outreach.customers.models.people import Customer, Relationship
from outreach.customers.models.permission import Basis, ContactPolicy, Permission, Suppression
from outreach.customers.models.syncs import (
    FollowChange,
    Reading,
    SeenMutual,
    SyncChoice,
    SyncedUser,
    SyncKind,
    SyncRun,
    SyncToAsk,
)

__all__ = [
    "Basis",
    "ContactPolicy",
    "Customer",
    "FollowChange",
    "Permission",
    "Reading",
    "Relationship",
    "SeenMutual",
    "Suppression",
    "SyncChoice",
    "SyncKind",
    "SyncRun",
    "SyncToAsk",
    "SyncedUser",
]
