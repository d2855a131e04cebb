"""What the forecast said beside what the engine then did, on a scaled run with its own clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from django.db.models import Min

from outreach.customers.models import Relationship
from outreach.delivery import forecasting, sender
from outreach.delivery.models import AccountQueue, Delivery, SendingPolicy
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Draft
from outreach.ground.clock import now
from outreach.x.models import XAccount
from tests import factories
from tests.delivery.conftest import BRAND
from tests.factories import House

WINDOW = 60
OTHER_BRAND = BRAND + 1
# A share of the window, as the bench's goal for real workers is.
MAY_DIFFER = 0.1 * WINDOW


def letters(
    of: House, sandbox, account: XAccount, count: int, *, campaign: Campaign | None = None, **person
) -> list[Delivery]:
    """So many letters on their way from one account, each to somebody else who is mutual."""
    made = []
    for _ in range(count):
        customer = factories.customer(of, **person)
        sandbox.add_user(customer.x_user_id, customer.handle)
        sandbox.befriend(account.x_user_id, customer.x_user_id)
        Relationship.everywhere.filter(customer=customer).update(x_account=account)
        draft = drafts.start(of.marketer, customer_id=customer.pk, x_account_id=account.pk)
        Draft.everywhere.filter(pk=draft.pk).update(campaign=campaign)
        words = drafts.Words(factories.WORDS)
        sent = drafts.submit(of.marketer, draft.pk, version=draft.version, words=words)
        made.append(factories.on_its_way(factories.decided(of, sent.revision)))
    return made


def play(clock) -> None:
    """Have every account looked at whenever it asks to be, until nothing is queued.

    One letter at a time, as workers side by side do.
    """
    ahead = 0.0
    while True:
        due = AccountQueue.objects.filter(look_at__lte=now()).order_by("look_at", "pk")
        for pk in list(due.values_list("pk", flat=True)):
            sender.send_due(pk, keep_going=partial(next, iter([True]), False))
        soonest: datetime | None = AccountQueue.objects.aggregate(at=Min("look_at"))["at"]
        if soonest is None:
            return
        ahead += max(0.0, (soonest - now()).total_seconds())
        assert ahead < 7 * 86400, "something never leaves"
        clock(ahead)


def compare(house: House, clock) -> dict[int, float]:
    """Seconds between what the forecast says now and what then happens, by letter."""
    queued = Delivery.everywhere.filter(state="queued")
    said = forecasting.for_page(house.marketer, list(queued))
    play(clock)
    sent = dict(Delivery.everywhere.filter(state="sent").values_list("pk", "sent_at"))
    expected = {pk: each.leaves_at for pk, each in said.items() if each.leaves_at is not None}
    assert sent.keys() == expected.keys()
    return {
        pk: abs((at - expected[pk]).total_seconds()) for pk, at in sent.items() if at is not None
    }


def test_windows_lanes_and_a_shared_budget(world, sandbox, settings, clock):
    settings.X_ACCOUNT_WINDOWS = [(4, WINDOW), (10, 5 * WINDOW)]
    settings.X_APP_WINDOWS = [(6, WINDOW)]
    sandbox.set_limits({"send_dm": [{"limit": 999, "seconds": 900, "per": "user"}]})
    sandbox.add_user(OTHER_BRAND, "otherbrand")
    token = sandbox.issue_token(OTHER_BRAND)
    other = factories.account(world.workspace, token=token, x_user_id=OTHER_BRAND)
    campaign = Campaign.everywhere.create(
        workspace=world.workspace, name="Prints", author=world.marketer.user
    )
    letters(world, sandbox, world.account, 12, campaign=campaign)
    letters(world, sandbox, other, 5)
    letters(world, sandbox, world.account, 2)
    differs = compare(world, clock)
    assert len(differs) == 19
    assert max(differs.values()) < MAY_DIFFER, differs


def test_hours_in_several_zones_and_quiet_days(world, sandbox, settings, clock):
    settings.X_ACCOUNT_WINDOWS, settings.X_APP_WINDOWS = [(2, WINDOW)], []
    sandbox.set_limits({"send_dm": [{"limit": 999, "seconds": 900, "per": "user"}]})
    moment = now()
    opens = (moment + timedelta(hours=1)).replace(second=0, microsecond=0)
    SendingPolicy.everywhere.update(
        window_opens=opens.time(),
        window_closes=(opens + timedelta(minutes=2)).time(),
        quiet_dates=[moment.date()],
        relationship_hours=240,
    )
    for zone in ("UTC", "Asia/Tokyo", "America/Denver"):
        letters(world, sandbox, world.account, 5, time_zone=zone)
    differs = compare(world, clock)
    assert len(differs) == 15
    assert max(differs.values()) < MAY_DIFFER, differs
