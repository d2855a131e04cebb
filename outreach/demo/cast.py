"""Who works at the demo's shop, and how they sign in."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.models import Role

SLUG = "demo"
BRAND = "Ink & Loom"
TIME_ZONE = "Europe/Lisbon"
HANDLE = "inkandloom"
X_USER_ID = 1_401_000_000_000_000_007
# Written in the README for everybody to read; the demo is refused in production.
PASSWORD = "fox-tee-practice"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of the demo workspace."""

    key: str
    name: str
    email: str
    role: Role
    time_zone: str
    does: str


JO = Colleague(
    "jo", "Jo Marques", "jo@example.com", Role.MARKETER, "Europe/Lisbon", "writes letters"
)
RUTH = Colleague(
    "ruth", "Ruth Adeyemi", "ruth@example.com", Role.MANAGER, "Europe/Berlin", "reviews them"
)
SAM = Colleague(
    "sam", "Sam Whitaker", "sam@example.com", Role.ADMINISTRATOR, "America/Denver",
    "reviews too, and connects accounts",
)  # fmt: skip
COLLEAGUES = (JO, RUTH, SAM)
