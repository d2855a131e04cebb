"""What can go wrong on the way to X's consent page and back, each as a page: what happened, and how
to mend it. Nothing has changed when one of these is shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from outreach.x.connecting import (
    AnotherAccount,
    AppIncomplete,
    BelongsElsewhere,
    ScopesMissing,
)
from outreach.x.connections import ConsentExpired, ConsentUsed
from outreach.x.errors import XError
from outreach.x.oauth import InvalidClient, InvalidGrant, OAuthError, OAuthUnavailable
from outreach.x.scopes import words_of
from outreach.x.tokens import TokenKeyMissing


class Denied(Exception):  # noqa: N818  says what happened
    """Somebody pressed Cancel at X, or X sent another error back."""


class NoCode(Exception):  # noqa: N818
    """X's way back came without the code that belongs to it."""


class UnknownState(Exception):  # noqa: N818
    """The state is none of ours."""


class NotYours(Exception):  # noqa: N818
    """The state is of somebody else's way."""


KNOWN = (
    AnotherAccount,
    AppIncomplete,
    BelongsElsewhere,
    ConsentExpired,
    ConsentUsed,
    Denied,
    NoCode,
    OAuthError,
    ScopesMissing,
    TokenKeyMissing,
    XError,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A page: `retry` offers to go to X again, `guide` leads to what must be entered there."""

    status: int
    heading: str
    what: str
    how: str
    retry: bool = True
    guide: bool = False
    # Connecting the account that was chosen instead of the one that was wanted.
    instead: str = ""


def in_words(scopes: Iterable[str]) -> str:
    """What scopes allow, as one would say it: 'send messages, look people up'."""
    return ", ".join(words_of(scope) for scope in scopes)


def page_of(error: Exception) -> Problem:
    """The page for one of KNOWN."""
    match error:
        case Denied(args=("access_denied",)):
            return Problem(
                403,
                "X’s consent was not given",
                "Cancel was pressed on X’s page, so no account was connected.",
                "If it was a slip, go to X again and press ‘Authorize app’.",
            )
        case Denied():
            return Problem(
                502,
                "X sent an error back",
                "X ended its consent page with an error, so no account was connected.",
                "Most often the callback address or the permissions at X are not those that the "
                "guide names. Compare them, then go to X again.",
                guide=True,
            )
        case NoCode():
            return Problem(
                422,
                "X’s answer is incomplete",
                "X sent you back without the code that belongs to it, so no account was connected.",
                "Go to X again.",
            )
        case UnknownState():
            return Problem(
                404,
                "This link back from X is not known here",
                "The address names no connection that was begun here. It may be old, or another "
                "site made it up. No account was connected.",
                "Begin anew: Settings, X accounts, Connect.",
                retry=False,
            )
        case NotYours():
            return Problem(
                403,
                "Somebody else began this",
                "This connection was begun by another person than you are signed in as. No account "
                "was connected.",
                "Sign in as the one who pressed Connect, or press Connect yourself.",
                retry=False,
            )
        case ConsentUsed():
            return Problem(
                409,
                "This was done already",
                "The link back from X works once, and was used before: by a reload, or by the back "
                "button. Nothing was changed this time.",
                "Look whether the account is connected. If it is not, go to X again.",
            )
        case ConsentExpired():
            return Problem(
                410,
                "X’s page stood open for too long",
                f"It has to be answered within {settings.X_CONSENT_SECONDS / 60:.0f} minutes. No "
                "account was connected.",
                "Go to X again.",
            )
        case ScopesMissing(scopes=scopes):
            return Problem(
                422,
                "X granted less than letters need",
                f"Without these permissions no letter can leave: {in_words(scopes)}. So the "
                "account was not connected.",
                "An administrator of the X app ticks ‘Read and write and Direct message’ at X (the "
                "guide shows where). Then go to X again and leave every permission as it is.",
                guide=True,
            )
        case AnotherAccount(wanted=wanted, chosen=chosen):
            return Problem(
                409,
                f"That was @{chosen}, not @{wanted.handle}",
                f"You wanted to connect @{wanted.handle} again, and X was signed in as @{chosen}. "
                "Neither was changed.",
                f"Sign in to X as @{wanted.handle} in this browser, then go to X again. If you "
                f"meant @{chosen}, connect it as an account of its own.",
                instead=chosen,
            )
        case BelongsElsewhere(handle=handle):
            return Problem(
                409,
                f"@{handle} belongs to another workspace",
                "It is, or was, connected in another workspace of this installation. Its letters "
                "and limits are kept there, so it cannot be connected here.",
                "Connect another account. If this is a mistake, ask whoever runs this "
                "installation.",
            )
        case AppIncomplete():
            return Problem(
                409,
                "There is no X app to connect through",
                "The X app has no client id and secret yet.",
                "The guide says where they come from and where they go.",
                retry=False,
                guide=True,
            )
        case InvalidClient():
            return Problem(
                502,
                "X does not know the X app",
                "X refused the app’s client id and secret, so no account was connected.",
                "Enter them anew; the guide says where, and can check them.",
                guide=True,
            )
        case InvalidGrant():
            return Problem(
                409,
                "X did not take its own code",
                "X says that the code it sent along was used or is too old. No account was "
                "connected.",
                "Go to X again.",
            )
        case OAuthUnavailable():
            return Problem(
                502,
                "X is not answering",
                "X did not answer, or not clearly, so no account was connected. Nothing is lost.",
                "Try again in a minute.",
            )
        case OAuthError(word=word):
            return Problem(
                502,
                "X refused",
                f"X refused to connect an account and says: {word}. Nothing was changed.",
                "Compare what is entered at X with the guide, then go to X again.",
                guide=True,
            )
        case TokenKeyMissing():
            return Problem(
                503,
                "A stored secret cannot be read",
                str(error),
                "Whoever runs this installation must mend TOKEN_KEYS; manage.py doctor says what "
                "is missing.",
                retry=False,
            )
        case _:
            return Problem(
                502,
                "X is not answering",
                "X gave tokens but did not say whose they are, so no account was connected. "
                "Nothing is lost.",
                "Try again in a minute.",
            )
