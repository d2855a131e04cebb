"""What X tells us about: subscriptions, made when an account is connected and kept up after that.

X's list is the truth. Making one is safe to repeat; what was lost on the way is found by comparing.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from outreach.ground.clock import now
from outreach.ground.writes import engine_action, outside_transactions
from outreach.x.app_client import AppClient, XSubscription
from outreach.x.app_keys import AppKeys, keys_of
from outreach.x.errors import XError
from outreach.x.models import (
    MENDED_BY_CONNECTING,
    AccountState,
    Subscription,
    XAccount,
    XApp,
    XToken,
)
from outreach.x.refreshing import current
from outreach.x.tokens import TokenKeyMissing, decrypt
from outreach.x.transport import Timeouts

log = logging.getLogger("outreach.x")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of event that we want told. A private one needs the account's own token."""

    kind: str
    private: bool = False


# Without a direction follow.* tells both who follows the brand and whom the brand follows; X
# documents no narrower filter for it.
WANTED = (
    Wanted("dm.received", private=True),
    Wanted("dm.sent", private=True),
    Wanted("follow.follow"),
    Wanted("follow.unfollow"),
)
# Once an app. X's documentation has it, its schema has not (docs/decisions/0011): where X refuses,
# the next call of the account finds out.
REVOKED = "oauth.revoke"
# What an account may ever need: dm.read and one more are kept free for it.
SUBSCRIPTIONS_AN_ACCOUNT = 6
# How long an account is left alone after X refused.
AGAIN_SECONDS = 600


class NotSubscribed(Exception):  # noqa: N818  says what came of it
    """X was not asked; the words are for the account's page."""


class AppFull(NotSubscribed):
    """X tells one app about no more accounts."""


class NoBearerToken(NotSubscribed):
    """The app has no bearer token, so it cannot listen."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many accounts an app can be told about, and how many it has."""

    most: int
    taken: int

    @property
    def left(self) -> int:
        return max(self.most - self.taken, 0)

    @property
    def is_near(self) -> bool:
        """Whether the page should say so by itself: the last tenth."""
        return self.left <= self.most // 10

    @property
    def words(self) -> str:
        if not self.left:
            return (
                f"This X app is full: X tells one app about {self.most} accounts. "
                "Disconnect one that is not needed, or connect through another X app."
            )
        accounts = "1 more account" if self.left == 1 else f"{self.left} more accounts"
        return f"{accounts} can be connected through this app."


def room_for_accounts(app_id: int) -> Room:
    """How many accounts can be connected through an app. One query."""
    accounts = XAccount.everywhere.filter(app_id=app_id).exclude(state=AccountState.DISCONNECTED)
    return Room(settings.X_SUBSCRIPTIONS_AN_APP // SUBSCRIPTIONS_AN_ACCOUNT, accounts.count())


@outside_transactions
def subscribe(account_id: int) -> None:
    """Make the subscriptions that an account lacks; nothing where it has them all.

    Raises NotSubscribed with words for the page, XError, tokens.TokenKeyMissing.
    """
    account = XAccount.everywhere.select_related("app").get(pk=account_id)
    if account.state == AccountState.DISCONNECTED:
        return
    there = set(account.subscriptions.values_list("kind", flat=True))
    missing = [wanted for wanted in WANTED if wanted.kind not in there]
    if not missing:
        return
    others = Subscription.objects.filter(account__app=account.app_id).exclude(account=account)
    room = Room(
        settings.X_SUBSCRIPTIONS_AN_APP // SUBSCRIPTIONS_AN_ACCOUNT,
        others.aggregate(count=Count("account", distinct=True))["count"],
    )
    if not room.left:
        raise AppFull(room.words)
    client = _client(keys_of(account.app))
    try:
        token = decrypt(current(account_id).access_token)
    except XToken.DoesNotExist:
        return  # disconnected meanwhile
    for wanted in missing:
        made = client.subscribe(
            wanted.kind, account.x_user_id, token=token if wanted.private else None
        )
        _note(account_id, [made])
    _hear_of_revocations(client)


@outside_transactions
def unsubscribe(account_id: int) -> None:
    """Remove an account's subscriptions. What X does not remove now, `reconcile` does later.

    Raises NotSubscribed, XError, tokens.TokenKeyMissing, after trying each.
    """
    account = XAccount.everywhere.select_related("app").get(pk=account_id)
    rows = list(account.subscriptions.all())
    if not rows:
        return
    client = _client(keys_of(account.app))
    failure: XError | None = None
    for row in rows:
        try:
            client.unsubscribe(row.x_subscription_id)
        except XError as error:
            failure = error
        else:
            _forget([row.pk])
    if failure is not None:
        raise failure


# --- kept up -------------------------------------------------------------------------------------


def subscribe_missing() -> None:
    """Make what connected accounts lack; one that X refuses is left alone for ten minutes."""
    wanted = Count(
        "subscriptions", filter=Q(subscriptions__kind__in=[each.kind for each in WANTED])
    )
    lacking = _heard_accounts().annotate(count=wanted).filter(count__lt=len(WANTED)).order_by("pk")
    for account_id in lacking.values_list("pk", flat=True):
        if not cache.add(f"x.subscribe.{account_id}", 1, timeout=AGAIN_SECONDS):
            continue
        try:
            subscribe(account_id)
        except (XError, NotSubscribed, TokenKeyMissing) as error:
            what = error.kind if isinstance(error, XError) else type(error).__name__
            log.warning("account %d is not subscribed: %s", account_id, what)
        else:
            cache.delete(f"x.subscribe.{account_id}")


def reconcile_all() -> None:
    """Compare every app's subscriptions with X's list."""
    for app in XApp.objects.filter(accounts__isnull=False).distinct():
        try:
            reconcile(app)
        except (XError, NotSubscribed, TokenKeyMissing) as error:
            what = error.kind if isinstance(error, XError) else type(error).__name__
            log.warning("app %d: its subscriptions were not compared: %s", app.pk, what)


@outside_transactions
def reconcile(app: XApp) -> None:
    """Believe X's list: forget what is gone, note what is there, remove what is not wanted.

    Subscriptions about users that we do not know stay: another installation may have made them.
    Raises NotSubscribed, XError, tokens.TokenKeyMissing.
    """
    keys = keys_of(app)
    client = _client(keys)
    began = now()
    there = client.subscriptions()
    ours = {
        account.x_user_id: account for account in XAccount.everywhere.filter(app=app).iterator()
    }
    if ours and not any(each.kind == REVOKED for each in there):
        _hear_of_revocations(client)
    kinds = {each.kind for each in WANTED}
    webhook_id = _webhook_id(client, app, keys)
    kept: dict[int, list[XSubscription]] = {}
    for each in there:
        account = ours.get(each.user_id or 0)
        if account is None:
            continue
        if account.state == AccountState.DISCONNECTED:
            client.unsubscribe(each.id)
        elif each.kind in kinds and not each.direction:
            kept.setdefault(account.pk, []).append(each)
    for account_id, each_of in kept.items():
        _note(account_id, each_of)
    if webhook_id:
        told = [each for each in there if each.kind == REVOKED and each.user_id is None]
        for each in [*told, *itertools.chain(*kept.values())]:
            if each.webhook_id != webhook_id:
                client.deliver_to(each.id, webhook_id)
    _forget_gone(app.pk, {each.id for each in there}, before=began)


def _hear_of_revocations(client: AppClient) -> None:
    """Have X tell when somebody withdraws the app's access. That it does not is no failure."""
    try:
        client.subscribe(REVOKED, None)
    except XError as error:
        log.info("X does not tell when an access is withdrawn: %s", error.kind)


def _webhook_id(client: AppClient, app: XApp, keys: AppKeys) -> str:
    """X's id of our webhook, registered or validated where it has to be; '' where none is wanted."""
    if not (settings.X_WEBHOOK and keys.consumer_secret):
        return ""
    url = settings.PUBLIC_URL + reverse("x_webhook", args=[app.pk])
    webhook = next((each for each in client.webhooks() if each.url == url), None)
    if webhook is None:
        webhook = client.make_webhook(url)
    elif not webhook.valid:
        client.validate_webhook(webhook.id)
    return webhook.id


def _heard_accounts() -> QuerySet[XAccount]:
    """Accounts whose token can serve: X would only refuse the others."""
    return XAccount.everywhere.exclude(state=AccountState.DISCONNECTED).exclude(
        paused_by__in=MENDED_BY_CONNECTING
    )


def _client(keys: AppKeys) -> AppClient:
    if not keys.bearer_token:
        raise NoBearerToken("The X app has no bearer token, so it cannot hear what X tells.")
    return AppClient(
        keys,
        base_url=settings.X_API_URL,
        timeouts=Timeouts(settings.CALL_CONNECT_TIMEOUT, settings.CALL_ANSWER_TIMEOUT),
    )


@engine_action
def _note(account_id: int, made: Iterable[XSubscription]) -> None:
    Subscription.objects.bulk_create(
        [
            Subscription(
                account_id=account_id,
                kind=each.kind,
                direction=each.direction,
                x_subscription_id=each.id,
            )
            for each in made
        ],
        update_conflicts=True,
        unique_fields=["account", "kind", "direction"],
        update_fields=["x_subscription_id"],
    )


@engine_action
def _forget(row_ids: list[int]) -> None:
    Subscription.objects.filter(pk__in=row_ids).delete()


@engine_action
def _forget_gone(app_id: int, there: set[str], *, before: datetime) -> None:
    rows = Subscription.objects.filter(account__app=app_id, made_at__lt=before)
    rows.exclude(x_subscription_id__in=there).delete()
