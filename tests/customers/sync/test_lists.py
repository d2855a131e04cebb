"""Both lists of an account, read from the sandbox over HTTP and taken over at once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import F

from outreach.audit.models import AuditEvent
from outreach.customers.actions import suppress
from outreach.customers.erasing import actions as erasing
from outreach.customers.finding import actions as finding
from outreach.customers.models import (
    Customer,
    FollowChange,
    Relationship,
    SeenMutual,
    Suppression,
    SyncChoice,
    SyncedUser,
    SyncKind,
    SyncRun,
    SyncToAsk,
)
from outreach.customers.queries import person
from outreach.customers.sync import actions, queries, relationships, steps, tasks, working
from outreach.customers.sync.counting import count_at_x
from outreach.customers.sync.errors import PriceChanged, SyncRefused, SyncUnderWay
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.models import ActivityEvent, Expense, Via, XAccount, XApp, XToken
from outreach.x.tokens import encrypt
from tests import factories
from tests.delivery.meanwhile import (
    halt_before,
    somebody_waits_for_a_lock,
    threads,
    wait_until,
)

BRAND = 2244994945
ANN, BEN, CAM, DEE = 101, 102, 103, 104


def ago(**age: int) -> None:
    """Let everything that is known be older."""
    Relationship.everywhere.update(checked_at=F("checked_at") - timedelta(**age))


def changes() -> set[tuple[int | None, bool, bool]]:
    return {
        (row.customer.x_user_id, row.by_brand, row.holds)
        for row in FollowChange.everywhere.select_related("customer")
    }


def spent(kind: str) -> int:
    return sum(row.used or 0 for row in Expense.objects.filter(kind=kind))


# --- what a sync knows -----------------------------------------------------------------------


def test_a_sync_knows_who_follows_whom_and_who_takes_messages(world):
    for x_user_id in (ANN, BEN, CAM, DEE):
        world.house.customer(x_user_id=x_user_id, known=False)
    world.person(ANN)
    world.person(BEN, followed=False)
    world.person(CAM, follows=False)
    world.sandbox.accept_dms(ANN, False)
    world.sandbox.add_user(DEE, "dee")
    run = world.sync()
    # X lets whoever does not follow close their messages only where they said so themselves.
    assert {who: said[:2] for who, said in world.known().items()} == {
        ANN: (True, True),
        BEN: (False, True),
        CAM: (True, False),
    }
    assert world.known()[ANN][2] is False
    assert (run.followers, run.following, run.calls, run.done, run.of) == (2, 2, 2, 4, 4)
    assert (run.began, run.ceased, run.strangers) == (0, 0, 0)
    assert SyncedUser.everywhere.count() == 0
    assert spent("follow") == 4


def test_who_was_on_a_list_and_is_on_neither_has_ceased(world):
    ann = world.house.customer(x_user_id=ANN)
    world.house.customer(x_user_id=BEN)
    world.sandbox.add_user(ANN, "ann")
    world.person(BEN)
    ago(hours=30)
    before = Relationship.everywhere.get(customer=ann).checked_at
    run = world.sync()
    assert world.known() == {ANN: (False, False, True), BEN: (True, True, True)}
    assert changes() == {(ANN, False, False), (ANN, True, False)}
    assert (run.began, run.ceased) == (0, 1)
    change = FollowChange.everywhere.filter(by_brand=False).get()
    assert (change.before, change.by, change.run) == (before, run.began_at, run)
    assert Relationship.everywhere.get(customer=ann).checked_at == run.began_at


def test_who_began_to_follow_is_marked(world):
    world.house.customer(x_user_id=ANN, followed_by=False)
    world.person(ANN)
    ago(hours=1)
    assert world.sync().began == 1
    assert changes() == {(ANN, False, True)}
    assert world.known()[ANN] == (True, True, True)


def test_another_sync_finds_nothing_new(world):
    for x_user_id in (ANN, BEN):
        world.person(x_user_id)
        world.house.customer(x_user_id=x_user_id, handle=f"p{x_user_id}", name=f"P{x_user_id}")
    world.sync()
    before = FollowChange.everywhere.count()
    run = world.sync()
    assert (run.began, run.ceased, run.renamed, run.found, run.adopted) == (0, 0, 0, 0, 0)
    assert FollowChange.everywhere.count() == before == 0


def test_a_later_look_up_is_not_overwritten(world):
    ann = world.house.customer(x_user_id=ANN, followed_by=False, handle="newer")
    world.person(ANN, "older")
    Relationship.everywhere.update(checked_at=now() + timedelta(hours=1))
    world.sync()
    ann.refresh_from_db()
    assert (world.known()[ANN], ann.handle) == ((True, False, True), "newer")
    assert changes() == set()


def test_what_an_event_said_since_wins_and_one_of_before_does_not(world):
    ann, ben = world.house.customer(x_user_id=ANN), world.house.customer(x_user_id=BEN)
    world.person(ANN)
    world.person(BEN)
    ago(hours=2)
    rows = Relationship.everywhere
    late, early = now() + timedelta(hours=1), now() - timedelta(hours=1)
    rows.filter(customer=ann).update(followed_by=False, followed_by_heard_at=late)
    rows.filter(customer=ben).update(followed_by=False, followed_by_heard_at=early)
    world.sync()
    assert world.known() == {ANN: (True, False, True), BEN: (True, True, True)}
    assert changes() == {(BEN, False, True)}


def test_people_of_another_workspace_and_account_are_left_alone(world):
    other = factories.house()
    twin = other.customer(x_user_id=ANN, followed_by=False, handle="twin")
    world.house.customer(x_user_id=ANN, known=False)
    world.person(ANN, "ann")
    ago(hours=1)
    world.sync()
    twin.refresh_from_db()
    assert twin.handle == "twin"
    assert Relationship.everywhere.get(customer=twin).followed_by is False


def test_somebody_suspended_is_on_no_list_and_comes_back(world):
    world.house.customer(x_user_id=ANN)
    world.person(ANN)
    ago(hours=1)
    world.sandbox.suspend(ANN)
    assert world.sync().ceased == 1
    assert world.known()[ANN][:2] == (False, False)
    world.sandbox.suspend(ANN, False)
    assert world.sync().began == 1
    assert world.known()[ANN] == (True, True, True)


def test_whom_x_does_not_describe_is_neither_known_nor_said_to_have_ceased(world):
    """X counts three on the page and shows one: nobody may be said not to be on it."""
    world.house.customer(x_user_id=ANN)
    world.house.customer(x_user_id=BEN, followed_by=False)
    world.person(BEN)
    ago(hours=1)
    run = world.start()
    token = working.take(SyncRun, run.pk)
    job = working.Job(SyncRun.everywhere.select_related("x_account__app").get(pk=run.pk), token, 0)
    working._begin_lists(job)
    for _ in range(2):
        page = working._page(job.run, world.account, 1000)
        object.__setattr__(page, "unreadable", 2)
        job.go_on(steps.keep_page(job.run, token, page, now()))
    steps.merge(job.run, token)
    assert world.known() == {ANN: (True, True, True), BEN: (True, True, True)}
    assert changes() == {(BEN, False, True)}


# --- handles and names -----------------------------------------------------------------------


def test_a_changed_handle_is_followed_by_id(world):
    ann = world.house.customer(x_user_id=ANN, handle="old_ann", name="Old Ann")
    ben = world.house.customer(x_user_id=BEN, handle="p102", name="P102")
    world.person(ANN, "New_Ann")
    world.person(BEN)
    run = world.sync()
    ann.refresh_from_db()
    ben.refresh_from_db()
    assert (ann.handle, ann.name) == ("New_Ann", "New_Ann")
    assert (ben.handle, ben.name) == ("p102", "P102")
    assert run.renamed == 1


def test_names_that_only_look_like_commands_are_names(world):
    world.person(ANN, "ann")
    odd = "a\tb\\N\\.\nc\r\\x41 é👩‍🚀 'q'"
    world.sandbox.control(
        "users", users=[{"id": str(ANN), "handle": "ann", "name": odd, "accepts_dms": True}]
    )
    ann = world.house.customer(x_user_id=ANN, known=False)
    world.sync()
    ann.refresh_from_db()
    assert ann.name == odd


# --- mutuals who are no customers ------------------------------------------------------------


def test_mutuals_who_are_no_customers_are_offered_and_nobody_else_is_kept(world):
    world.person(ANN, "ann")
    world.person(BEN, follows=False)
    world.person(CAM, followed=False)
    world.house.customer(x_user_id=world.person(DEE))
    run = world.sync()
    assert run.strangers == 1
    (mutual,) = SeenMutual.everywhere.all()
    assert (mutual.x_user_id, mutual.handle, mutual.x_account_id) == (ANN, "ann", world.account.pk)
    assert Customer.everywhere.count() == 1


def test_they_can_be_adopted_afterwards_for_nothing(world):
    world.person(ANN, "ann")
    world.sync()
    before = Expense.objects.count()
    run = world.sync("adopt")
    customer = Customer.everywhere.get()
    assert (customer.x_user_id, customer.handle, customer.name) == (ANN, "ann", "Ann")
    assert (customer.first_name, customer.tags, customer.attributes) == ("", [], {})
    assert (run.adopted, run.calls, Expense.objects.count()) == (1, 0, before)
    assert world.known() == {ANN: (True, True, True)}
    assert SeenMutual.everywhere.count() == 0


def test_or_beforehand(world):
    world.person(ANN, "ann")
    world.person(BEN, followed=False)
    run = world.sync(adopt=True)
    assert (run.adopted, run.strangers) == (1, 0)
    assert world.known() == {ANN: (True, True, True)}
    assert SeenMutual.everywhere.count() == 0


@pytest.mark.parametrize("beforehand", [True, False])
def test_who_said_stop_stays_stopped_when_adopted(world, beforehand):
    with_stop = world.house.customer(x_user_id=world.person(ANN))
    suppress(world.house.marketer, with_stop.pk, reason="said stop")
    with_stop.permissions.all().delete()
    with_stop.delete()
    world.sync(adopt=beforehand)
    if not beforehand:
        assert queries.sync_page(world.house.manager, world.account.pk).suppressed_strangers == 1
        world.sync("adopt")
    adopted = person(world.house.manager, Customer.everywhere.get().pk, world.house.workspace)
    assert adopted.suppressed
    assert Suppression.everywhere.count() == 1


def test_the_erased_and_the_merged_are_neither_offered_nor_adopted(world):
    """Erased by X user id, by handle before X was asked, or between the sync and the adoption."""
    house = world.house
    by_id, by_handle = house.customer(x_user_id=ANN), factories.not_looked_up(house, "Cam_C")
    kept, merged = house.customer(), house.customer(x_user_id=105)
    finding.merge(house.marketer, kept.pk, merged.pk)
    for each in (by_id, by_handle):
        erasing.erase(house.manager, each.pk)
    for x_user_id, handle in ((ANN, ""), (BEN, ""), (CAM, "cam_c"), (DEE, ""), (105, "")):
        world.person(x_user_id, handle)
    assert world.sync().strangers == 2
    erasing.erase(house.manager, house.customer(x_user_id=DEE).pk)
    SeenMutual.objects.create(
        workspace=house.workspace, x_account=world.account, x_user_id=DEE, handle="dee",
        name="Dee", accepts_dms=True, seen_at=now(),
    )  # fmt: skip
    assert world.sync("adopt").adopted == 1
    there = Customer.objects.speaking(house.manager)
    assert set(there.values_list("x_user_id", flat=True)) == {kept.x_user_id, BEN}


def test_what_x_says_of_a_merged_row_is_news_of_the_one_that_speaks(world):
    house = world.house
    kept, merged = house.customer(x_user_id=BEN), house.customer(x_user_id=ANN)
    finding.merge(house.marketer, kept.pk, merged.pk)
    world.person(BEN)
    world.person(ANN, follows=False)
    ago(hours=1)
    assert world.sync().ceased == 1
    assert FollowChange.everywhere.get().customer_id == kept.pk
    heard(world, "follow.follow", ANN, BRAND)
    assert [each.customer_id for each in FollowChange.everywhere.order_by("pk")] == [kept.pk] * 2
    fresh = queries.freshness(world.account)
    assert (fresh.fresh, fresh.stale, fresh.never) == (1, 0, 0)


def test_a_page_that_is_read_after_an_erasure_does_not_hold_the_person(world):
    house = world.house
    ann = house.customer(x_user_id=ANN)
    world.person(ANN, "ann")
    world.person(BEN, "ben")
    run = world.start()
    erasing.erase(house.manager, ann.pk)
    world.sandbox.set_limits({"following": [{"limit": 0, "seconds": 900, "per": "user"}]})
    world.work(run)
    assert {row.x_user_id for row in SyncedUser.everywhere.all()} == {BEN}


def test_an_erasure_waits_for_a_step_that_holds_the_run(world, monkeypatch):
    """The page is stored before the erasure, which finds it; or after it, without the person."""
    house = world.house
    ann = house.customer(x_user_id=ANN)
    world.person(ANN, "ann")
    world.sandbox.set_limits({"following": [{"limit": 0, "seconds": 900, "per": "user"}]})
    run = world.start()
    halt = halt_before(monkeypatch, steps.pages, "keep")
    with threads(2) as start:
        reading = start(world.work, run)
        halt.wait()
        erased = start(erasing.erase, house.manager, ann.pk)
        wait_until(somebody_waits_for_a_lock)
        halt.let_go()
        reading.result()
        erased.result()
    assert SyncedUser.everywhere.count() == 0


def test_the_choice_ends_after_some_days(world):
    world.person(ANN)
    world.sync()
    tasks.forget()
    assert SeenMutual.everywhere.count() == 1
    SeenMutual.everywhere.update(seen_at=now() - queries.CHOICE_OPEN)
    tasks.forget()
    assert SeenMutual.everywhere.count() == 0


def test_somebody_erased_meanwhile_is_in_nothing_that_a_sync_holds(world):
    world.person(ANN, "ann")
    world.person(BEN, "ben")
    world.sync()
    world.sandbox.set_limits({"following": [{"limit": 1, "seconds": 900, "per": "user"}]})
    run = world.work(world.start())
    assert (run.state, SyncedUser.everywhere.count()) == ("waiting", 2)
    SyncToAsk.objects.of(run).bulk_create(
        SyncToAsk(workspace_id=run.workspace_id, run=run, handle=each) for each in ("Ann", "ben")
    )
    with transaction.atomic():
        actions.forget_person(world.house.workspace.pk, ANN, "ANN")
    assert [row.x_user_id for row in SyncedUser.everywhere.all()] == [BEN]
    assert [row.x_user_id for row in SeenMutual.everywhere.all()] == [BEN]
    assert [row.handle for row in SyncToAsk.everywhere.all()] == ["ben"]


# --- events while it runs --------------------------------------------------------------------


def heard(world, kind: str, source: int, target: int) -> None:
    """X told of it, and it was handed on."""
    ActivityEvent.objects.create(
        event_uuid=f"e{factories.unique()}",
        app_id=world.account.app_id,
        account=world.account,
        kind=kind,
        payload={"source": {"id": str(source)}, "target": {"id": str(target)}},
        via=Via.STREAM,
    )
    events.handle(world.account.pk)


def between_pages_and_merge(world, monkeypatch, act) -> SyncRun:
    run = world.start()
    real = steps.ready_to_merge

    def ready(*arguments):
        act()
        return real(*arguments)

    monkeypatch.setattr(steps, "ready_to_merge", ready)
    return world.work(run)


def test_an_unfollow_during_the_run_wins_though_nothing_was_known_before(world, monkeypatch):
    world.house.customer(x_user_id=ANN, known=False)
    world.person(ANN)
    run = between_pages_and_merge(
        world, monkeypatch, lambda: heard(world, "follow.unfollow", ANN, BRAND)
    )
    assert run.state == "done"
    assert world.known()[ANN] == (True, False, True)


def test_a_follow_during_the_run_wins_over_the_list(world, monkeypatch):
    world.house.customer(x_user_id=ANN, followed_by=False)
    world.sandbox.add_user(ANN, "ann")
    world.sandbox.follow(BRAND, ANN)
    ago(hours=1)
    between_pages_and_merge(world, monkeypatch, lambda: heard(world, "follow.follow", ANN, BRAND))
    assert world.known()[ANN][:2] == (True, True)
    assert changes() == {(ANN, False, True)}
    assert FollowChange.everywhere.get().run is None


def test_a_mutual_who_unfollows_while_it_runs_or_after_is_not_offered(world, monkeypatch):
    world.person(ANN)
    world.person(BEN)
    between_pages_and_merge(world, monkeypatch, lambda: heard(world, "follow.unfollow", ANN, BRAND))
    assert [row.x_user_id for row in SeenMutual.everywhere.all()] == [BEN]
    heard(world, "follow.unfollow", BRAND, BEN)
    assert SeenMutual.everywhere.count() == 0


def test_an_event_that_meets_a_merge_is_tried_again_and_not_held_up(world):
    """Whoever hands on events hears 'stop' as well: it never waits for a merge."""
    world.house.customer(x_user_id=world.person(ANN))
    merging = connection.copy()
    try:
        merging.set_autocommit(False)
        with merging.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, %s)", [relationships.MERGING, world.account.pk]
            )
        heard(world, "follow.unfollow", ANN, BRAND)
        event = ActivityEvent.objects.get()
        assert (event.handled_at, event.failure, event.tries) == (None, "Merging", 1)
    finally:
        merging.close()
    ActivityEvent.objects.update(try_at=None)
    events.handle(world.account.pk)
    assert world.known()[ANN][:2] == (True, False)


# --- calls and money -------------------------------------------------------------------------


def test_no_call_is_made_that_is_not_needed(world):
    world.sandbox.seed(BRAND, 2500, mutual=1500, followed_by=700, following=300)
    run = world.sync()
    assert (run.followers, run.following, run.calls) == (2200, 1800, 3 + 2)
    assert (run.done, run.of) == (4000, 4000)
    assert spent("follow") == 4000
    # one for the count beforehand
    assert world.sandbox.app()["spent"] == pytest.approx(40.01)


def test_small_lists_do_not_hold_up_letters_by_what_they_reserve(world, monkeypatch):
    """A thousand people reserved would be $10 of the $25 that a month may cost."""
    world.person(ANN)
    run = world.start()
    real, reserved = working._page, []

    def page(*arguments):
        reserved.append(sum(row.reserved for row in Expense.objects.filter(kind="follow")))
        return real(*arguments)

    monkeypatch.setattr(working, "_page", page)
    assert world.work(run).state == "done"
    assert max(reserved) <= 2 * (1 + working.MAY_BE_MORE)


def test_lists_that_grew_since_they_were_counted_are_read_whole(world):
    world.sandbox.seed(BRAND, 10, mutual=10)
    run = world.start()
    world.sandbox.seed(BRAND, 2500, mutual=2500)
    world.work(run)
    assert (run.state, run.followers, run.following) == ("done", 2500, 2500)
    assert run.calls <= 8


def test_an_account_that_owns_its_app_pays_less(world):
    actions.choose(
        world.house.administrator, world.account.pk, daily="", adopt=False, owns_app=True
    )
    world.person(ANN)
    run = world.sync()
    assert (spent("follow"), spent("follow.owned")) == (0, 2)
    assert str(run.price) == "0.00200"


def test_a_sync_dearer_than_the_cap_allows_is_not_begun(world):
    XApp.objects.update(monthly_cap=1)
    world.sandbox.seed(BRAND, 100, mutual=50)
    with pytest.raises(
        SyncRefused, match=r"costs up to \$1.00, and this month's cap leaves \$0.79"
    ):
        world.start()
    assert SyncRun.everywhere.count() == 0


def test_a_price_that_rose_is_shown_before_anything_begins(world):
    world.person(ANN)
    count_at_x(world.account)
    for shown in ("$0.01", "", "much"):
        with pytest.raises(PriceChanged, match=r"costs up to \$0.02 by now"):
            actions.start(world.house.manager, world.account.pk, kind="lists", price=shown)
    assert actions.start(world.house.manager, world.account.pk, kind="lists", price="$0.03")


def test_at_the_cap_a_sync_waits_for_the_next_month_or_a_higher_cap(world):
    world.sandbox.seed(BRAND, 1500, mutual=1500)
    world.sandbox.set_limits({"followers": [{"limit": 1, "seconds": 900, "per": "user"}]})
    run = world.work(world.start())
    # Somebody lowers the cap: it pays for half a page more.
    world.sandbox.set_limits(None)
    XApp.objects.update(monthly_cap=Decimal("18.75"))
    SyncRun.everywhere.update(look_at=now())
    run = world.work(run)
    assert run.state == "waiting"
    assert run.waits_for.startswith("This month's cap for X is $18.75: syncs stop at $15.00, and ")
    assert run.look_at > now()
    # The cap paid for a smaller page, and not for one person more.
    assert (run.done, run.calls) == (1499, 2)
    XApp.objects.update(monthly_cap=1000)
    SyncRun.everywhere.update(look_at=now())
    assert world.work(run).state == "done"
    assert run.done == 3000


# --- one at a time ---------------------------------------------------------------------------


def test_a_second_sync_of_an_account_is_refused_clearly(world):
    world.person(ANN)
    world.start()
    with pytest.raises(
        SyncUnderWay, match=r"A sync of @brand2244994945 is under way\. Wait for it"
    ):
        world.start()
    assert SyncRun.everywhere.count() == 1


def test_a_second_worker_never_works_on_the_same_run(world):
    world.person(ANN)
    run = world.start()
    token = working.take(SyncRun, run.pk)
    assert token is not None
    calls = world.sandbox.app()["spent"]
    assert working.work(run.pk) is False
    assert world.sandbox.app()["spent"] == calls


def test_a_worker_whose_lease_ran_out_keeps_nothing(world, monkeypatch):
    """Frozen after X answered, while another worker finished the run."""
    world.house.customer(x_user_id=world.person(ANN), known=False)
    run = world.start()
    real, came = working._page, []

    def page(*arguments):
        answer = real(*arguments)
        if not came:
            came.append(True)
            SyncRun.everywhere.update(leased_until=now() - timedelta(seconds=1))
            assert world.work(SyncRun.everywhere.get(pk=run.pk)).state == "done"
        return answer

    monkeypatch.setattr(working, "_page", page)
    assert working.work(run.pk) is False
    run.refresh_from_db()
    assert (run.state, run.calls, SyncedUser.everywhere.count()) == ("done", 2, 0)


def test_cancelling_ends_it_after_the_page_under_way_and_changes_nothing(world, monkeypatch):
    world.sandbox.seed(BRAND, 3000, mutual=3000)
    run = world.start()
    real = working._page

    def page(*arguments):
        answer = real(*arguments)
        actions.cancel(world.house.manager, world.account.pk)
        return answer

    monkeypatch.setattr(working, "_page", page)
    world.work(run)
    assert (run.state, run.calls, run.problem) == ("cancelled", 1, "")
    assert (SyncedUser.everywhere.count(), Relationship.everywhere.count()) == (0, 0)
    assert spent("follow") == 1000


def test_one_that_waits_is_cancelled_at_once_and_its_pages_go(world):
    world.sandbox.seed(BRAND, 1500, mutual=1500)
    world.sandbox.set_limits({"followers": [{"limit": 1, "seconds": 900, "per": "user"}]})
    run = world.work(world.start())
    assert (run.state, SyncedUser.everywhere.count()) == ("waiting", 1000)
    assert actions.cancel(world.house.manager, world.account.pk)
    run.refresh_from_db()
    assert (run.state, SyncedUser.everywhere.count()) == ("cancelled", 0)
    assert actions.cancel(world.house.manager, world.account.pk) is False


# --- trouble ---------------------------------------------------------------------------------


def test_a_limit_in_the_middle_is_waited_for_and_no_page_is_read_twice(world):
    world.sandbox.seed(BRAND, 3500, mutual=3500)
    world.sandbox.set_limits({"followers": [{"limit": 2, "seconds": 900, "per": "user"}]})
    run = world.work(world.start())
    assert (run.state, run.done, run.waits_for) == (
        "waiting", 2000, "X's limit is reached; it opens again by itself.",
    )  # fmt: skip
    assert timedelta(minutes=14) < run.look_at - now() <= timedelta(minutes=15, seconds=2)
    assert world.work(run).done == 2000  # not before then
    world.sandbox.set_limits(None)
    SyncRun.everywhere.update(look_at=now())
    world.work(run)
    assert (run.state, run.calls, run.done, run.waits_for) == ("done", 8, 7000, "")
    assert spent("follow") == 7000


def test_a_token_of_a_page_that_x_forgot_begins_that_list_again(world):
    world.sandbox.seed(BRAND, 1500, mutual=1500)
    world.sandbox.set_limits({"following": [{"limit": 1, "seconds": 900, "per": "user"}]})
    run = world.work(world.start())
    assert (run.reading, run.done) == ("following", 2500)
    world.sandbox.set_limits(None)
    SyncRun.everywhere.update(look_at=now(), next_token="0" * 16)
    world.work(run)
    assert (run.state, run.restarts, run.followers, run.following) == ("done", 1, 1500, 1500)
    assert run.done == 3000
    # The list that was whole was not read again.
    assert run.calls == 2 + 1 + 2


def test_x_being_down_is_waited_out(world, monkeypatch):
    world.person(ANN)
    run = world.start()
    world.sandbox.set_faults({"endpoint": "followers", "fault": "error_before", "status": 503})
    world.work(run)
    assert (run.state, run.failures) == ("waiting", 1)
    assert run.waits_for.endswith(" We try again.")
    assert now() < run.look_at <= now() + timedelta(seconds=30)
    world.sandbox.set_faults()
    SyncRun.everywhere.update(look_at=now())
    world.work(run)
    assert (run.state, run.failures) == ("done", 0)


def test_but_not_for_ever(world):
    world.person(ANN)
    run = world.start()
    world.sandbox.set_faults({"endpoint": "followers", "fault": "error_before", "status": 503})
    SyncRun.everywhere.update(failures=7)
    world.work(run)
    assert run.state == "failed"
    assert run.problem.endswith("That was so 8 times in a row. Start the sync again.")


def test_half_an_answer_is_asked_for_again(world):
    world.house.customer(x_user_id=world.person(ANN), known=False)
    world.sandbox.set_faults(
        {"endpoint": "followers", "fault": "malformed", "how": "cut", "times": 1},
        {"endpoint": "following", "fault": "drop_after", "times": 1},
    )
    run = world.sync()
    assert (run.calls, world.known()) == (2, {ANN: (True, True, True)})


def test_a_token_that_x_refuses_pauses_the_account_and_the_run_says_why(world):
    world.person(ANN)
    run = world.start()
    world.sandbox.revoke_consent(BRAND)
    XToken.objects.update(refresh_token=b"", access_token=encrypt("revoked"))
    world.work(run)
    account = XAccount.everywhere.get(pk=world.account.pk)
    assert account.state == "paused"
    assert (run.state, run.problem) == ("failed", account.paused_reason)
    with pytest.raises(SyncRefused, match="is paused: X no longer accepts the connection"):
        actions.start(world.house.manager, account.pk, kind="lists", price="$1")


def test_a_locked_account_is_paused_and_the_run_says_why(world):
    world.person(ANN)
    run = world.start()
    world.sandbox.suspend(BRAND)
    world.work(run)
    assert (run.state, run.problem) == ("failed", "X suspended the account.")
    assert XAccount.everywhere.get(pk=world.account.pk).paused_by == "locked"


def test_without_credits_at_x_it_waits_and_says_so(world):
    world.person(ANN)
    run = world.start()
    world.sandbox.set_credits(0)
    world.work(run)
    assert run.state == "waiting"
    assert run.waits_for.endswith("We look again each hour.")
    world.sandbox.set_credits(None)
    SyncRun.everywhere.update(look_at=now())
    assert world.work(run).state == "done"


def test_a_disconnected_account_is_not_asked_for(world):
    world.person(ANN)
    run = world.start()
    XToken.objects.all().delete()
    world.work(run)
    assert run.state == "failed"
    assert run.problem.startswith("The account is not connected.")


def test_what_is_a_week_old_is_not_taken_over(world):
    world.person(ANN)
    run = world.start()
    SyncRun.everywhere.update(created_at=now() - working.TOO_OLD)
    assert world.work(run).state == "failed"
    assert run.problem == "It could not be finished within a week. Start it again."


def test_an_error_of_ours_puts_the_run_off_and_is_not_hidden(world, monkeypatch):
    world.person(ANN)
    run = world.start()
    monkeypatch.setattr(steps, "merge", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        working.work(run.pk)
    run.refresh_from_db()
    assert (run.state, run.failures, run.token) == ("waiting", 1, None)
    monkeypatch.undo()
    SyncRun.everywhere.update(look_at=now())
    assert world.work(run).state == "done"
    assert run.calls == 2


def test_a_stint_is_short_so_that_letters_have_their_turn(world, monkeypatch):
    world.sandbox.seed(BRAND, 2500, mutual=2500)
    run = world.start()
    monkeypatch.setattr(working, "STINT", 0.0)
    assert working.work(run.pk) is True
    run.refresh_from_db()
    assert (run.state, run.token, run.calls) == ("waiting", None, 0)
    monkeypatch.undo()
    assert world.work(run).state == "done"


# --- what is written down --------------------------------------------------------------------


def test_its_beginning_and_its_end_are_audited_with_its_counts(world):
    world.person(ANN)
    world.sync()
    told = {
        event.verb: event.detail.details
        for event in AuditEvent.objects.filter(verb__startswith="sync.")
    }
    assert told["sync.started"]["price"] == "$0.02"
    assert (told["sync.ended"]["state"], told["sync.ended"]["strangers"]) == ("done", 1)


def test_the_next_forecast_knows_how_long_the_lists_are(world):
    world.person(ANN)
    world.person(BEN, followed=False)
    world.sync()
    choice = SyncChoice.everywhere.get()
    assert (choice.followers, choice.following) == (2, 1)


def test_daily_syncs_begin_by_themselves_once_a_day(world):
    world.person(ANN)
    admin, account = world.house.administrator, world.account.pk
    assert actions.start_daily(account) is None
    actions.choose(admin, account, daily="lists", adopt=True, owns_app=False)
    run = actions.start_daily(account)
    assert run is not None
    assert (run.kind, run.adopt, run.started_by) == ("lists", True, None)
    assert actions.start_daily(account) is None
    world.work(run)
    assert (run.state, run.adopted) == ("done", 1)
    SyncChoice.everywhere.update(next_at=now())
    assert actions.start_daily(account) is not None
    # While one is under way the next one waits.
    SyncChoice.everywhere.update(next_at=now())
    assert actions.start_daily(account) is None
    assert SyncChoice.everywhere.get().next_at > now() + timedelta(minutes=20)


def test_a_daily_sync_that_the_cap_does_not_pay_for_says_so(world):
    XApp.objects.update(monthly_cap=1)
    world.sandbox.seed(BRAND, 100, mutual=50)
    actions.choose(
        world.house.administrator, world.account.pk, daily="lists", adopt=False, owns_app=False
    )
    run = actions.start_daily(world.account.pk)
    assert run is not None
    world.work(run)
    assert run.state == "failed"
    assert run.problem.startswith("It costs up to $1.00, and this month's cap leaves $0.79 for")
    assert SyncKind(run.kind) == SyncKind.LISTS
    assert connection.in_atomic_block is False
