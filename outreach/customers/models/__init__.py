"""The rows of this room."""

from outreach.customers.models.erasing import ErasedPerson, ErasureKey
from outreach.customers.models.imports import (
    ImportMemory,
    ImportPiece,
    ImportRefusal,
    ImportRun,
    ImportStage,
)
from outreach.customers.models.invitations import (
    HeardMessage,
    HistoryPerson,
    HistoryRun,
    Invitation,
    OptIn,
)
from outreach.customers.models.people import ERASED, Customer, Relationship
from outreach.customers.models.permission import (
    Basis,
    ContactPolicy,
    EvidenceFile,
    EvidenceKind,
    Permission,
    Suppression,
)
from outreach.customers.models.segments import Segment, Sweep, SweepKind, Word
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
    "ERASED",
    "Basis",
    "ContactPolicy",
    "Customer",
    "ErasedPerson",
    "ErasureKey",
    "EvidenceFile",
    "EvidenceKind",
    "FollowChange",
    "HeardMessage",
    "HistoryPerson",
    "HistoryRun",
    "ImportMemory",
    "ImportPiece",
    "ImportRefusal",
    "ImportRun",
    "ImportStage",
    "Invitation",
    "OptIn",
    "Permission",
    "Reading",
    "Relationship",
    "SeenMutual",
    "Segment",
    "Suppression",
    "Sweep",
    "SweepKind",
    "SyncChoice",
    "SyncKind",
    "SyncRun",
    "SyncToAsk",
    "SyncedUser",
    "Word",
]
