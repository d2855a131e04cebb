"""The rows of this room."""

from outreach.customers.models.erasing import ErasedPerson, ErasureKey
from outreach.customers.models.people import ERASED, Customer, Relationship
from outreach.customers.models.permission import (
    Basis,
    ContactPolicy,
    EvidenceFile,
    EvidenceKind,
    Permission,
    Suppression,
)

__all__ = [
    "ERASED",
    "Basis",
    "ContactPolicy",
    "Customer",
    "ErasedPerson",
    "ErasureKey",
    "EvidenceFile",
    "EvidenceKind",
    "Permission",
    "Relationship",
    "Suppression",
]
