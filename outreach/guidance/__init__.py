"""Guidance: a draft is read as a careful friend would read it.

Pure functions: text and context in, report out. This room knows no other room and no Django.
`read` is the whole of its public face, besides the values it takes and gives.
"""

from outreach.guidance.reading import read
from outreach.guidance.report import (
    Context,
    Finding,
    Fix,
    Recipient,
    Report,
    Severity,
    Verdict,
)

__all__ = ["Context", "Finding", "Fix", "Recipient", "Report", "Severity", "Verdict", "read"]
