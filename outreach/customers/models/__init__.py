"""The rows of this room."""

from outreach.customers.models.imports import (
    ImportMemory,
    ImportPiece,
    ImportRefusal,
    ImportRun,
    ImportStage,
)
from outreach.customers.models.people import Customer, Relationship
from outreach.customers.models.permission import Basis, ContactPolicy, Permission, Suppression

__all__ = [
    "Basis",
    "ContactPolicy",
    "Customer",
    "ImportMemory",
    "ImportPiece",
    "ImportRefusal",
    "ImportRun",
    "ImportStage",
    "Permission",
    "Relationship",
    "Suppression",
]
