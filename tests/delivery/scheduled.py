"""What the tests of the schedule share: letters of campaigns, what holds them, addresses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.delivery.models import (
    AccountPace,
    Attempt,
    Delivery,
    Pause,
    SeenBy,
    SeenDM,
)
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Draft
from outreach.ground.clock import now
from tests import factories
from tests.delivery.test_actions import put

TOKEN = "8b1ff9a4-3b36-4a5c-8a2e-0c3b34c7c0%02d"


def page(of: factories.House, name: str, *args: object) -> str:
    return reverse(f"delivery:{name}", args=[of.slug, *args])


def queries_of(client: Any, url: str) -> int:
    client.get(url)  # the first of a session stores it
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code in (200, 286)
    return len(captured)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def campaign(of: factories.House, name: str = "Fox tee") -> Campaign:
    return Campaign.objects.create(workspace=of.workspace, name=name, author=of.marketer.user)


def letter(
    of: factories.House, to: Any = None, *, of_campaign: Campaign | None = None, due: bool = True
) -> Delivery:
    """An approved letter on its way, of a campaign or by itself."""
    made = factories.draft(of, to)
    Draft.everywhere.filter(pk=made.pk).update(campaign=of_campaign)
    words = drafts.Words(factories.WORDS)
    revision = drafts.submit(of.marketer, made.pk, version=made.version, words=words).revision
    return factories.on_its_way(factories.decided(of, revision), due=due)


def moved(delivery: Delivery, at: datetime) -> Delivery:
    """The letter, to be looked at then."""
    Delivery.everywhere.filter(pk=delivery.pk).update(look_at=at, due_at=at)
    delivery.refresh_from_db()
    return delivery


def waits(delivery: Delivery, reason: str = "You wrote to Maria lately.") -> Delivery:
    """The letter, held by a reason of its own."""
    Delivery.everywhere.filter(pk=delivery.pk).update(reason_code="frequency_cap", reason=reason)
    delivery.refresh_from_db()
    return delivery


def paused(of: factories.House, of_campaign: Campaign | None = None, why: str = "") -> Pause:
    return Pause.objects.create(
        workspace=of.workspace, campaign=of_campaign, reason=why or "Paused by Ruth Reader."
    )


def not_heard(of: factories.House) -> None:
    """The account's letters wait for what passes by itself."""
    AccountPace.objects.update_or_create(
        x_account=of.account,
        defaults={
            "held_code": "hearing",
            "held_reason": "We cannot hear replies just now.",
            "held_since": now(),
            "held_until": now() + timedelta(minutes=1),
        },
    )


def unsure(delivery: Delivery, *, reads: int = 0, kind: str = "timeout", **values: Any) -> Attempt:
    """The letter was called for, and nobody knows what became of it."""
    put(delivery, "uncertain")
    moment = now()
    assert delivery.claim_token is not None
    return Attempt.objects.create(
        delivery=delivery,
        x_account=delivery.x_account,
        app=delivery.x_account.app,
        claim_token=delivery.claim_token,
        outcome="uncertain",
        started_at=moment - timedelta(minutes=3),
        ended_at=moment - timedelta(minutes=3),
        counts_until=moment - timedelta(minutes=3),
        kind=kind,
        price=0,
        absent_reads=reads,
        **values,
    )


def seen(delivery: Delivery, number: int, words: bytes, *, ago: timedelta = timedelta()) -> SeenDM:
    """X showed a message of ours to the same person."""
    assert delivery.recipient_x_user_id is not None
    return SeenDM.objects.create(
        dm_event_id=number,
        x_account=delivery.x_account,
        recipient_x_user_id=delivery.recipient_x_user_id,
        words_sha256=words,
        stamped_at=now() - ago,
        via=SeenBy.READ,
    )
