"""What the page of one X account shows: its connection, how it goes, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from outreach.ground.clock import now
from outreach.ground.scope import Scope
from outreach.x import health, scopes
from outreach.x.caps import CapState, Purpose, cents, dollars, state_of
from outreach.x.health import Health, TokenState
from outreach.x.hearing import Hearing, last_heard
from outreach.x.hooks import Heard, heard_at
from outreach.x.models import (
    AccountHealth,
    AccountState,
    DMReading,
    XAccount,
    XToken,
)
from outreach.x.subscribing import Room, room_for_accounts

# A name of settings.X_PRICES → what the money went on.
KIND_WORDS = {
    "send_dm": "Letters",
    "user": "Looking people up",
    "follow": "Reading who follows whom",
    "follow.owned": "Reading its own lists",
    "dm_event": "Reading messages",
    "dm.received": "Hearing incoming messages",
    "dm.sent": "Hearing letters arrive",
    "dm.read": "Hearing letters read",
    "follow.follow": "Hearing of new follows",
    "follow.unfollow": "Hearing of ended follows",
    "oauth.revoke": "Hearing of ended consents",
}


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the table of costs: words and US dollars as a page writes them."""

    words: str
    sum: str


@dataclass(frozen=True, slots=True)
class Costs:
    """The month's money: this account's by kind, what shares its cap, and what the cap does.

    `percent` fills the gauge, 100 at most; `warn_percent` and `letters_percent` are its marks.
    Other workspaces that share the installation's app show as one sum.
    """

    kinds: list[CostLine]
    account: str
    others: list[CostLine]
    spent: str
    cap: str
    percent: int
    warn_percent: int
    letters_percent: int
    warned: bool
    words: str


@dataclass(frozen=True, slots=True)
class AccountPage:
    account: XAccount
    connected: bool
    mended_by_connecting: bool
    token: TokenState | None
    may: list[str]
    may_not: list[str]
    health: Health
    hearing: Hearing
    heard: Heard
    reading: DMReading | None
    costs: Costs
    room: Room
    app_is_ours: bool

    @property
    def silence(self) -> str:
        """Why it cannot be heard and what is done about it; '' where it is, or is not connected."""
        if self.heard.heard or not self.connected:
            return ""
        why = self.hearing.words or "Something may have been missed."
        if self.reading is not None and self.reading.failure:
            return f"{why} Its messages cannot be read instead: {self.reading.failure}"
        return f"{why} Its messages are read instead, within a few minutes, while it has letters."


def account_page(scope: Scope, account_id: int) -> AccountPage:
    """All that the page shows. Ten queries. Raises XAccount.DoesNotExist."""
    rows = XAccount.objects.of(scope).select_related("app", "token", "health", "dm_reading")
    account = rows.get(pk=account_id)
    moment = now()
    token: XToken | None = getattr(account, "token", None)
    told: AccountHealth | None = getattr(account, "health", None)
    ours = set(XAccount.objects.of(scope).values_list("pk", flat=True))
    given = token.scopes if token else []
    return AccountPage(
        account=account,
        connected=account.state != AccountState.DISCONNECTED,
        mended_by_connecting=account.mended_by_connecting,
        token=health.token_state(token, moment),
        may=token.may if token else [],
        may_not=scopes.missing(given) if token else [],
        health=health.in_words(told, moment),
        hearing=last_heard(account),
        heard=heard_at(account.pk, moment),
        reading=getattr(account, "dm_reading", None),
        costs=costs_of(state_of(account.app, moment), account.pk, ours),
        room=room_for_accounts(account.app_id),
        app_is_ours=account.app.workspace_id == scope.workspace_id,
    )


def costs_of(state: CapState, account_id: int, ours: set[int]) -> Costs:
    """The month's costs as the page shows them. `ours`: the workspace's accounts of the app."""
    kinds = state.by_kind(account_id)
    sums = state.by_account()
    own = sums.pop(account_id, Decimal(0))
    app_itself = sums.pop(None, Decimal(0))
    siblings = sum((cost for pk, cost in sums.items() if pk in ours), Decimal(0))
    strangers = sum((cost for pk, cost in sums.items() if pk not in ours), Decimal(0))
    others = {
        "Your other accounts": siblings,
        "Other workspaces that share this X app": strangers,
        "The X app itself": app_itself,
    }
    percents = {purpose: _percent(at, state.cap) for purpose, at in state.levels.items()}
    return Costs(
        kinds=[CostLine(KIND_WORDS.get(kind, kind), cents(cost)) for kind, cost in kinds.items()],
        account=cents(own),
        others=[CostLine(words, cents(cost)) for words, cost in others.items() if cost],
        spent=cents(state.spent),
        cap=dollars(state.cap),
        percent=_percent(state.spent, state.cap),
        warn_percent=percents[Purpose.SYNC],
        letters_percent=percents[Purpose.LETTER],
        warned=bool(state.stopped),
        words=state.does,
    )


def _percent(part: Decimal, whole: Decimal) -> int:
    """How full, from 0 to 100; a cap of nothing is full."""
    return min(100, int(part * 100 / whole)) if whole else 100
