"""The monthly cap of the X app: letters wait at its level for them, and nobody slips past it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from outreach.delivery import claim, looking_up, sender
from outreach.delivery.claim import Claimed, OnHold
from outreach.delivery.models import AccountPace, Attempt, Delivery, Outcome
from outreach.ground.clock import now
from outreach.x.caps import Month, cap_of
from outreach.x.errors import TryLater
from outreach.x.expenses import Purpose, open_tab
from outreach.x.models import Expense, XApp
from outreach.x.queries import client_for
from tests import factories
from tests.delivery.conftest import befriended
from tests.delivery.meanwhile import halt_before, somebody_waits_for_a_lock, threads, wait_until

PRICES = [{"from": "2000-01-01", "send_dm": "0.015", "user": "0.010"}]


@pytest.fixture(autouse=True)
def _prices(settings):
    settings.X_PRICES = PRICES


@pytest.fixture
def real_house(transactional_db):
    """A house whose rows other connections see."""
    return factories.house()


def spend(house, sum_) -> None:
    Expense.objects.create(
        app_id=house.account.app_id,
        kind="user",
        day=now().date(),
        unit_price=Decimal(sum_),
        reserved=1,
        used=1,
    )


def raise_cap(house, cap) -> None:
    XApp.objects.filter(pk=house.account.app_id).update(monthly_cap=cap)


def due(**where) -> None:
    Delivery.everywhere.filter(state="queued", **where).update(look_at=now())


def spent(house) -> Decimal:
    return cap_of(house.account.app_id).spent


def test_below_the_level_a_letter_leaves(house):
    factories.delivery(house)
    spend(house, "23.74")
    assert isinstance(claim.claim(house.account.pk), Claimed)
    assert spent(house) == Decimal("23.755")


def test_at_the_level_it_waits_and_says_why_and_for_how_long(house):
    letter = factories.delivery(house)
    spend(house, "23.75")
    before = now()
    held = claim.claim(house.account.pk)
    letter.refresh_from_db()
    month_ends = Month.of(before).until
    assert isinstance(held, OnHold)
    pace = AccountPace.objects.get(pk=house.account.pk)
    assert (letter.state, pace.held_code) == ("queued", "monthly_cap")
    assert pace.held_reason == (
        "This month's cap for X is $25: letters wait from $23.75 on, and $23.75 is spent. They "
        f"leave again on {month_ends.day} {month_ends:%B}, or once the cap is raised."
    )
    assert pace.held_until == held.verdict.look_at
    again = before + timedelta(minutes=10)
    assert (
        min(again, month_ends) <= pace.held_until <= min(now() + timedelta(minutes=10), month_ends)
    )
    assert not Attempt.objects.exists()


def test_it_leaves_once_the_cap_is_raised(house):
    factories.delivery(house)
    spend(house, "24")
    assert isinstance(claim.claim(house.account.pk), OnHold)
    raise_cap(house, 26)
    due()
    assert isinstance(claim.claim(house.account.pk), Claimed)


def test_it_leaves_once_a_new_month_begins(house, clock):
    factories.delivery(house)
    spend(house, "24")
    assert isinstance(claim.claim(house.account.pk), OnHold)
    Delivery.everywhere.update(leave_by=now() + timedelta(days=90))
    clock((Month.of(now()).until - now()).total_seconds() + 1)
    house.customers[0].relationships.update(checked_at=now())
    due()
    assert isinstance(claim.claim(house.account.pk), Claimed)


def test_a_cap_of_nothing_lets_nothing_leave(house):
    factories.delivery(house)
    raise_cap(house, 0)
    assert claim.claim(house.account.pk).verdict.code == "monthly_cap"


def test_letters_themselves_count_but_not_those_that_were_never_called(house, settings):
    settings.X_PRICES = [{"from": "2000-01-01", "send_dm": "10"}]
    for _ in range(4):
        factories.delivery(house)
    assert [type(claim.claim(house.account.pk)) for _ in range(4)] == [
        Claimed,
        Claimed,
        Claimed,
        OnHold,
    ]
    last = Attempt.objects.latest("pk")
    last.outcome, last.ended_at = Outcome.NOT_CALLED, now()
    last.save()
    due()
    assert isinstance(claim.claim(house.account.pk), Claimed)


def test_what_another_account_of_the_app_spends_counts(house):
    other = factories.account(factories.workspace())
    assert other.app_id == house.account.app_id
    Expense.objects.create(
        app=other.app, account=other, kind="user", day=now().date(), unit_price=24, reserved=1
    )
    factories.delivery(house)
    assert claim.claim(house.account.pk).verdict.code == "monthly_cap"


def test_another_app_s_accounts_are_not_held(house):
    spend(house, "24")
    theirs = factories.house()
    theirs.account.app = XApp.objects.create(
        workspace=theirs.workspace, name="theirs", client_id="theirs"
    )
    theirs.account.save()
    factories.delivery(theirs)
    assert isinstance(claim.claim(theirs.account.pk), Claimed)


@pytest.mark.parametrize("windows", [[], [(1000, 60)]])
def test_two_workers_at_the_edge_do_not_both_pass(real_house, settings, monkeypatch, windows):
    """With windows of the app or without: near its level, one sees what the other spent."""
    settings.X_APP_WINDOWS = windows
    one, two = real_house, factories.house()
    assert one.account.app_id == two.account.app_id
    for each in (one, two):
        factories.delivery(each)
    spend(one, "23.74")
    halt = halt_before(monkeypatch, claim, "_take")
    with threads(2) as start:
        first = start(claim.claim, one.account.pk)
        halt.wait()  # has counted, has not written its attempt
        second = start(claim.claim, two.account.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(first.result(), Claimed)
        assert second.result().verdict.code == "monthly_cap"
    assert spent(one) == Decimal("23.755")


def test_a_claim_and_a_look_up_at_the_edge_do_not_both_pass(real_house, monkeypatch):
    factories.delivery(real_house)
    spend(real_house, "23.74")
    halt = halt_before(monkeypatch, claim, "_take")
    account = real_house.account
    with threads(2) as start:
        claiming = start(claim.claim, account.pk)
        halt.wait()
        looking = start(
            lambda: open_tab(account.app_id, account.pk, "user", 1, purpose=Purpose.LETTER)
        )
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        assert isinstance(claiming.result(), Claimed)
        assert type(looking.exception()).__name__ == "CapReached"


def test_a_pause_that_came_while_a_claim_waited_at_the_cap_holds_the_letter(real_house):
    from django.db import transaction

    from outreach.x import actions as x_actions
    from outreach.x import caps

    factories.delivery(real_house)
    spend(real_house, "23.70")
    with threads(2) as start:
        with transaction.atomic():
            caps.locked(real_house.account.app_id)
            claiming = start(claim.claim, real_house.account.pk)
            wait_until(somebody_waits_for_a_lock)
            start(x_actions.pause_account, real_house.manager, real_house.account.pk).result()
        assert claiming.result().verdict.code == "paused"


# --- look-ups --------------------------------------------------------------------------------


@pytest.fixture
def stale(world, sandbox):
    """A world with four letters to people of whom X was not asked yet."""
    for number in range(3):
        befriended(sandbox, world, 800_000 + number)
    for customer in world.customers:
        customer.relationships.all().delete()
        factories.delivery(world, customer)
    return world


def look_up(house) -> int:
    return looking_up.look_up_stale(house.account, client_for(house.account))


def test_a_look_up_has_its_price_by_user(stale):
    assert look_up(stale) == 4
    row = Expense.objects.get()
    assert (row.kind, row.account_id, row.reserved, row.used) == ("user", stale.account.pk, 4, 4)
    assert spent(stale) == Decimal("0.04")


def test_who_x_does_not_know_costs_nothing(stale, sandbox):
    gone = stale.customer(x_user_id=999, known=False)
    factories.delivery(stale, gone)
    assert look_up(stale) == 5
    assert Expense.objects.get().used == 4


def test_a_look_up_that_x_refuses_costs_nothing(stale, sandbox):
    sandbox.set_limits({"users": [{"limit": 1, "seconds": 900, "per": "user"}]})
    client_for(stale.account).users([783214])
    assert look_up(stale) == 0
    assert spent(stale) == 0


def test_a_look_up_whose_answer_was_lost_stays_at_what_it_reserved(stale, monkeypatch):
    """X may have charged for it; so it is not repeated as soon as one that was refused."""
    client = client_for(stale.account)

    def lose(ids):
        raise TryLater("answer_timed_out")

    monkeypatch.setattr(client, "users", lose)
    before = now()
    assert looking_up.look_up_stale(stale.account, client) == 0
    assert (Expense.objects.get().used, spent(stale)) == (None, Decimal("0.04"))
    after = AccountPace.objects.get(pk=stale.account.pk).look_up_after
    assert after is not None
    assert after - before >= timedelta(minutes=5)


def test_near_the_cap_as_many_are_looked_up_as_it_pays_for(stale):
    spend(stale, "23.73")
    assert look_up(stale) == 2
    assert spent(stale) == Decimal("23.75")
    assert look_up(stale) == 0


def test_at_the_cap_nobody_is_looked_up_and_every_letter_says_why(stale, sandbox):
    spend(stale, "23.75")
    sender.send_due(stale.account.pk)
    assert set(Delivery.everywhere.values_list("state", flat=True)) == {"queued"}
    assert AccountPace.objects.get(pk=stale.account.pk).held_code == "monthly_cap"
    assert (sandbox.dms(), spent(stale)) == ([], Decimal("23.75"))
    raise_cap(stale, 30)
    due()
    sender.send_due(stale.account.pk)
    assert len(sandbox.dms()) == 4
    assert spent(stale) == Decimal("23.75") + 4 * Decimal("0.025")
