"""Loading the demo workspace: once, whole or not at all, and mended where its sandbox is gone."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import actions as accounts
from accounts.access import Member, member_of
from accounts.models import User, Workspace
from outreach.audit.actions import record
from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.models import Customer, Permission
from outreach.delivery.models import SendingPolicy
from outreach.demo import cast, practice, story
from outreach.demo.crowd import everybody
from outreach.demo.letters import LETTERS
from outreach.demo.past import one_transaction, set_clock_back, wait_for_other_loads
from outreach.demo.people import Person
from outreach.ground.clock import now
from outreach.sandbox.state import State, open_state
from outreach.x.actions import add_account, replace_token
from outreach.x.models import AccountState, XAccount, XToken
from outreach.x.tokens import TokenKeyMissing, decrypt

# The workspace is the demo, and whole, when this event exists.
LOADED = "demo.loaded"
# The shop had its workspace for so long when the story ends.
OPEN_FOR = timedelta(days=45)


class DemoRefused(Exception):  # noqa: N818 - says what happened
    """The demo is not for here; `str()` says why in one line."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was done: 'loaded', 'mended' (the sandbox was filled again) or 'unchanged'."""

    done: str
    customers: int
    letters: int


def load() -> Loaded:
    """Load the demo workspace unless it is there. Calls nobody: the sandbox's file is written.

    The sandbox's file is written first, in short transactions that keep no running sandbox waiting;
    the database is one transaction, committed last. So what a crash leaves is an empty database
    beside a sandbox that is begun, and the next run begins both anew. Where the database is loaded
    and the sandbox's file is gone, that is filled from the database. Raises DemoRefused.
    """
    if settings.PRODUCTION:
        raise DemoRefused("The demo workspace is for development; this installation is production.")
    if not settings.PRACTICE:
        raise DemoRefused("The demo workspace is for the sandbox; X_API_URL is X's own.")
    with closing(open_state(settings.SANDBOX_STATE)) as state:
        done = "unchanged"
        account = _loaded_account()
        if account is None:
            with one_transaction():
                done = _load(state)
            account = _loaded_account()
            assert account is not None
        if not _is_whole(state, account):
            with one_transaction():
                done = _mend(state)
    return Loaded(done, Customer.objects.of(account).count(), len(LETTERS))


def _loaded_account() -> XAccount | None:
    """The demo's X account, where the demo is loaded."""
    marked = AuditEvent.objects.filter(verb=LOADED, target_kind="workspace").values("target_id")
    return XAccount.everywhere.filter(
        x_user_id=cast.X_USER_ID, workspace__slug=cast.SLUG, workspace__in=marked
    ).first()


def _load(state: State) -> str:
    """Everything, inside the caller's transaction."""
    wait_for_other_loads()
    if _loaded_account() is not None:
        return "unchanged"
    _refuse_others()
    people = everybody()
    practice.make_world(state, people)
    today = now()
    pair = practice.connect(state, today)
    set_clock_back(OPEN_FOR)
    workspace = _open_shop()
    members = _members()
    with transaction.atomic():
        account = add_account(
            workspace,
            x_user_id=cast.X_USER_ID,
            handle=cast.HANDLE,
            name=cast.BRAND,
            pair=pair,
            actor_id=members[cast.SAM.key].user_id,
        )
        rows = _add_customers(workspace, people, members[cast.SAM.key], today)
    practice.write_messages(state, account, {}, {})
    ids = [person.x_user_id for person in people]
    found = practice.look_up(state, ids)
    customers.store_relationships(account.pk, ids, found, looked_at=today)
    story.tell(story.Stage(account, members, rows, today))
    practice.write_messages(state, account, _said(rows, "answer"), _said(rows, "beside"))
    with transaction.atomic():
        record(
            LOADED,
            target_kind="workspace",
            target_id=workspace.pk,
            workspace_id=workspace.pk,
            details={"customers": len(rows), "letters": len(LETTERS), "dated_back": True},
        )
    return "loaded"


def _mend(state: State) -> str:
    """Fill a sandbox that does not know the brand, and give the account a token that works."""
    wait_for_other_loads()
    account = _loaded_account()
    assert account is not None
    if _is_whole(state, account):
        return "unchanged"
    if not _knows_brand(state):
        practice.make_world(state, everybody())
        rows = {row.handle: row for row in Customer.objects.of(account)}
        practice.write_messages(state, account, _said(rows, "answer"), _said(rows, "beside"))
    if account.state != AccountState.DISCONNECTED:
        with transaction.atomic():
            replace_token(account, pair=practice.connect(state, now()), actor_id=None)
    return "mended"


def _is_whole(state: State, account: XAccount) -> bool:
    """Whether the sandbox knows the brand, and lets it in if it is meant to be connected."""
    if not _knows_brand(state):
        return False
    if account.state == AccountState.DISCONNECTED:
        return True
    try:
        decrypt(XToken.objects.get(pk=account.pk).access_token)
    except (TokenKeyMissing, XToken.DoesNotExist):
        return False
    # Its access token may have ended while nothing ran; the product renews it by itself.
    return bool(state.consents(account.x_user_id))


def _knows_brand(state: State) -> bool:
    return state.user(cast.X_USER_ID) is not None


def _refuse_others() -> None:
    """Somebody's own workspace or log-in of the demo's name is not touched."""
    if Workspace.objects.filter(slug=cast.SLUG).exists():
        raise DemoRefused(f"There is a workspace at /w/{cast.SLUG}/ that is not the demo's.")
    emails = [colleague.email for colleague in cast.COLLEAGUES]
    taken = User.objects.filter(email__in=emails).first()
    if taken:
        raise DemoRefused(f"{taken.email} has a log-in that is not the demo's.")


def _open_shop() -> Workspace:
    """The workspace, its policy and its people; Sam was invited, as a first administrator is."""
    sam = cast.SAM
    with transaction.atomic():
        workspace, token = accounts.create_workspace_step(
            cast.BRAND, cast.SLUG, sam.email, cast.TIME_ZONE
        )
    accounts.accept_invitation(token, name=sam.name, password=cast.PASSWORD)
    with transaction.atomic():
        for colleague in (cast.RUTH, cast.JO):
            user = User.objects.create_user(
                colleague.email,
                cast.PASSWORD,
                name=colleague.name,
                time_zone=colleague.time_zone,
            )
            accounts.enrol(workspace, user, colleague.role)
        _send_at_any_hour(workspace)
    administrator = _members()[sam.key]
    accounts.change_profile(administrator, name=sam.name, time_zone=sam.time_zone)
    return workspace


def _send_at_any_hour(workspace: Workspace) -> None:
    """So that a tour of the demo works at night."""
    any_hour = {"window_opens": time(0), "window_closes": time(0)}
    SendingPolicy.objects.of(workspace).update(**any_hour)
    record(
        "sending_policy.changed",
        target_kind="workspace",
        target_id=workspace.pk,
        workspace_id=workspace.pk,
        details={"window_opens": "00:00", "window_closes": "00:00"},
    )


def _members() -> dict[str, Member]:
    emails = {colleague.email: colleague.key for colleague in cast.COLLEAGUES}
    users = User.objects.filter(email__in=emails)
    found = {emails[user.email]: member_of(user, cast.SLUG) for user in users}
    return {key: member for key, member in found.items() if member is not None}


def _add_customers(
    workspace: Workspace, people: Iterable[Person], by: Member, today: datetime
) -> dict[str, Customer]:
    """Customers by handle, with their permissions."""
    opened = today - OPEN_FOR
    rows = {
        person.handle: Customer(
            workspace=workspace,
            x_user_id=person.x_user_id,
            handle=person.handle,
            name=person.name,
            first_name=person.first_name,
            time_zone=person.time_zone,
            tags=list(person.tags),
            attributes=dict(person.attributes),
        )
        for person in people
    }
    Customer.everywhere.bulk_create(rows.values())
    permissions = []
    for person in people:
        consent = person.consent
        if consent is None:
            continue
        # Not all at the same minute of the day.
        given_at = today - timedelta(days=consent.days_ago, minutes=person.x_user_id % 600)
        values: dict[str, Any] = {
            "basis": consent.basis,
            "given_at": given_at,
            "place": consent.place,
            "evidence": consent.evidence,
            "recorded_at": max(given_at, opened),
            "recorded_by_id": None if consent.wrote else by.user_id,
        }
        permissions.append(Permission(workspace=workspace, customer=rows[person.handle], **values))
    Permission.everywhere.bulk_create(permissions)
    record(
        "customers.added",
        target_kind="workspace",
        target_id=workspace.pk,
        workspace_id=workspace.pk,
        actor_id=by.user_id,
        details={"customers": len(rows), "permissions": len(permissions)},
    )
    return rows


def _said(rows: dict[str, Customer], what: str) -> dict[int, str]:
    """What was said about the letters besides themselves, by the customer's X user id."""
    return {
        x_user_id: getattr(letter, what)
        for letter in LETTERS
        if getattr(letter, what) and letter.to in rows and (x_user_id := rows[letter.to].x_user_id)
    }
