"""Whoever was erased, and a row that was merged into another, is nobody anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.erasing import actions as erasing
from outreach.customers.erasing.queries import erased_handles_among, known_about
from outreach.customers.finding import actions, sweeps
from outreach.customers.finding.criteria import Criteria, of_query
from outreach.customers.finding.queries import count, find, tags_of
from outreach.customers.imports import actions as imports
from outreach.customers.imports import exporting, running
from outreach.customers.imports.running import work
from outreach.customers.invitations.queries import they_follow
from outreach.customers.models import (
    Customer,
    ErasedPerson,
    FollowChange,
    HeardMessage,
    ImportRun,
    OptIn,
    Permission,
    Relationship,
    Segment,
    Suppression,
    Sweep,
)
from outreach.customers.newcomers import Somebody, welcome
from outreach.customers.sync import handles, queries
from outreach.delivery.models import Delivery
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.models import Via
from tests import factories
from tests.customers.erasing.dump import dump, where
from tests.customers.imports.importing import (
    counted,
    counts,
    fresh,
    imported,
    reasons,
    uploaded,
    worked,
)
from tests.customers.invitations.conftest import invited, received

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@dataclass
class Three:
    """One who is there, one row that was merged into theirs, and one who was erased."""

    kept: Customer
    merged: Customer
    erased: Customer


@pytest.fixture
def three(house) -> Three:
    shared = {"tags": ["fair"], "attributes": {"city": "Oslo"}, "last_written_at": AT,
              "last_answered_at": AT}  # fmt: skip
    found = Three(
        kept=house.customer(name="Heron Kept", handle="heron_kept", **shared),
        merged=house.customer(name="Heron Merged", handle="heron_merged", **shared),
        erased=house.customer(name="Heron Erased", handle="heron_erased", **shared),
    )
    actions.merge(house.marketer, found.kept.pk, found.merged.pk)
    erasing.erase(house.manager, found.erased.pk)
    return found


# --- lists, counts, segments -----------------------------------------------------------------

QUERIES = [
    "", "q=heron", "q=heron+ke", "tag=fair", "attribute=city%3AOslo", "written=not-3", "written=9999",
    "answered=9999", "mutual=yes", "permission=yes", "stopped=no", "permission=no&q=kept",
]  # fmt: skip


@pytest.mark.parametrize("query", QUERIES)
def test_neither_is_in_a_list_or_a_count(house, three, query):
    criteria = of_query(query)
    rows = {row.pk for row in find(house.marketer, criteria).page.rows}
    expected = set() if query.startswith("permission=no") else {three.kept.pk}
    assert rows == expected
    assert count(house.marketer, criteria).exact == len(expected)
    segment = actions.save_segment(house.marketer, name="Some", criteria=criteria)
    assert count(house.marketer, of_query(segment.query)).exact == len(expected)


@pytest.mark.parametrize("q", ["erased", "person", "heron_merged", "never"])
def test_an_empty_row_has_no_words_by_which_it_is_found(house, three, q):
    assert find(house.marketer, Criteria(q=q)).page.rows == []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM customers_word WHERE customer_id = ANY(%s)",
            [[three.merged.pk, three.erased.pk]],
        )
        assert cursor.fetchone()[0] == 0
    row = Customer.everywhere.get(pk=three.erased.pk)
    assert (row.last_written_at, row.last_answered_at) == (None, None)
    assert tags_of(house.marketer) == ["fair"]


def test_neither_is_counted_or_tagged_with_many(house, three):
    for act in (
        actions.count_exactly(house.marketer, criteria=Criteria()),
        actions.tag_found(house.marketer, criteria=Criteria(), tag="new"),
    ):
        sweeps.run(act.pk)
        assert Sweep.everywhere.get(pk=act.pk).found == 1
    assert actions.tag_chosen(house.marketer, [three.kept.pk, three.merged.pk], tag="more") == 1
    assert actions.tag_chosen(
        house.marketer, [three.kept.pk, three.merged.pk], tag="fair", away=True
    ) == 1  # fmt: skip
    with pytest.raises(Customer.DoesNotExist):
        actions.tag_chosen(house.marketer, [three.erased.pk], tag="more")
    rows = Customer.everywhere.in_bulk()
    assert rows[three.kept.pk].tags == ["new", "more"]
    assert (rows[three.merged.pk].tags, rows[three.erased.pk].tags) == (["fair"], [])


def test_neither_is_exported_and_the_count_says_so(house, three):
    _, *lines = "".join(exporting.lines(house.marketer, ["city"])).splitlines()
    assert [line.split(",")[0] for line in lines] == ["heron_kept"]
    factories.browser(house.manager).get(reverse("customers:export", args=[house.slug]))
    assert AuditEvent.objects.get(verb="customers.exported").detail.details == {"customers": 1}


def test_nobody_follows_back_a_merged_row(house, three):
    Relationship.everywhere.update(following=False)
    found, _ = they_follow(house.marketer)
    assert [each.handle for each in found] == ["heron_kept"]


def test_a_merge_with_somebody_erased_is_refused(house, three):
    for pair in ((three.kept.pk, three.erased.pk), (three.erased.pk, three.kept.pk)):
        with pytest.raises(Customer.DoesNotExist):
            actions.merge(house.marketer, *pair)


# --- ways in ---------------------------------------------------------------------------------


def test_a_file_that_names_a_merged_row_changes_the_one_that_speaks(house, three):
    by_handle = imported(house, "handle,tags\nheron_merged,by handle\n")
    by_id = imported(
        house, f"handle,x user id,tags\nanybody,{three.merged.x_user_id},by id\n"
    )  # fmt: skip
    assert (counts(by_handle), counts(by_id)) == ((0, 1, 0, 0), (0, 1, 0, 0))
    rows = Customer.everywhere.in_bulk()
    assert rows[three.kept.pk].tags == ["fair", "by handle", "by id"]
    assert rows[three.merged.pk].tags == ["fair"]
    assert Customer.everywhere.count() == 3
    twice = imported(house, "handle,first name\nheron_kept,Ana\nheron_merged,Bea\n")
    assert reasons(twice) == {3: "This is the same customer as on line 2."}


def test_a_file_does_not_bring_the_erased_back(house, three):
    bare = factories.not_looked_up(house, "Fox_Lover")
    erasing.erase(house.manager, bare.pk)
    why = "This person was erased here and does not come back by a file."
    run = imported(
        house,
        "handle,x user id\n"
        f"heron_erased,{three.erased.x_user_id}\n"
        "fox_LOVER,\n"
        f"erased-{three.erased.pk},\n"
        "other,\n",
    )
    assert (counts(run)[0], len(reasons(run))) == (1, 3)
    assert {line: said for line, said in reasons(run).items() if line < 4} == {2: why, 3: why}
    # Handles seldom change owners, so whoever X says has it now is not let in either.
    run = imported(house, "handle,x user id\nFox_lover,4242\n")
    assert (counts(run)[0], reasons(run)) == (0, {2: why})


def test_who_is_merged_while_a_file_is_written_is_compared_again(house, monkeypatch):
    kept, other = house.customer(), house.customer(handle="owl")
    run = counted(house, "handle,tags\nowl,late\n")
    imports.confirm(house.marketer, run.pk)
    real, done = running.comparing.compare, []

    def compare(*arguments):
        found = real(*arguments)
        if not done:
            done.append(actions.merging.merge(house.workspace.pk, kept.pk, other.pk, actor_id=None))
        return found

    monkeypatch.setattr(running.comparing, "compare", compare)
    assert (worked(run).state, Customer.everywhere.get(pk=kept.pk).tags) == ("waiting", [])
    ImportRun.everywhere.update(look_at=now() - DAY)
    actions.merge(house.marketer, kept.pk, other.pk)  # the first one went back with the file's step
    assert worked(run).state == "done"
    assert Customer.everywhere.get(pk=kept.pk).tags == ["late"]


def test_a_file_that_is_written_after_the_erasure_changes_nobody(house, three):
    file = uploaded(house, "handle,tags\nheron_kept,late\n")
    url = reverse("customers:erase", args=[house.slug, three.kept.pk])
    asked = factories.browser(house.manager).get(url).content.decode()
    assert "1 import that was not written yet" in asked
    assert erasing.erase(house.manager, three.kept.pk)["imports"] == 1
    run = fresh(file)
    assert (run.state, run.stage, work(run.pk)) == ("cancelled", "ended", False)
    assert run.problem == "Somebody was erased meanwhile, who may be in the file. Upload it again."


def test_no_handle_of_theirs_is_asked_about(house, three):
    bare = factories.not_looked_up(house, "fox")
    erasing.erase(house.manager, bare.pk)
    assert handles.due(house.workspace.pk, now()) == []
    with transaction.atomic():
        assert handles.not_possible(house.workspace.pk, now()) == 0
    fresh_ones = queries.freshness(house.account)
    assert (fresh_ones.fresh, fresh_ones.stale, fresh_ones.never) == (1, 0, 0)


def test_who_writes_from_a_merged_row_speaks_for_the_one_that_is_kept(house, three):
    people = [
        Somebody(three.merged.x_user_id, "heron_merged", "Heron"),
        Somebody(three.erased.x_user_id, "heron_erased", "Heron"),
        Somebody(5, "new", "New"),
    ]
    with transaction.atomic():
        welcomed = welcome(house.workspace.pk, people, unnamed=True)
    new = Customer.everywhere.get(x_user_id=5)
    assert welcomed.customers == {three.merged.x_user_id: three.kept.pk, 5: new.pk}
    assert welcomed.made == 1


def test_who_was_erased_by_handle_does_not_come_back_by_writing(house):
    erasing.erase(house.manager, factories.not_looked_up(house, "Fox").pk)
    there = house.customer(handle="fox")
    with transaction.atomic():
        welcomed = welcome(
            house.workspace.pk,
            [Somebody(5, "fOX", "Fox"), Somebody(there.x_user_id, "fox", "Fox")],
            unnamed=True,
        )
    assert (welcomed.customers, welcomed.made) == ({there.x_user_id: there.pk}, 0)


# --- one person ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["message", "list", "file"])
def test_a_stop_from_either_row_holds_for_the_whole_person(house, three, how):
    letter = factories.delivery(house, Customer.everywhere.get(pk=three.kept.pk))
    them = three.merged.x_user_id
    if how == "message":
        told(house, "stop", AT, them)
    elif how == "list":
        with transaction.atomic():
            customers.suppress_many_step(
                house.workspace.pk, x_user_ids=[them], reason="a list", actor_id=None
            )
    else:
        imported(house, f"handle,x user id,stop\nheron_merged,{them},stop\n")
    stopped = Suppression.everywhere.values_list("x_user_id", flat=True)
    assert set(stopped) == {three.kept.x_user_id, three.merged.x_user_id}
    assert Delivery.everywhere.get(pk=letter.pk).state == "cancelled"


def test_the_kept_row_has_what_newer_parts_knew_of_the_other(house):
    kept, other = house.customer(permission=False), house.customer(permission=False)
    both, one = invited(house, "fox"), invited(house, "owl")
    of = {"workspace": house.workspace}
    for invitation, customer in ((both, kept), (both, other), (one, other)):
        OptIn.objects.create(**of, invitation=invitation, customer=customer, at=AT)
    given = Permission.objects.create(**of, customer=other, basis="wrote_to_us", given_at=AT)
    HeardMessage.objects.create(**of, permission=given, dm_event_id=77)
    FollowChange.objects.create(
        **of, customer=other, x_account=house.account, by_brand=False, holds=True, before=AT, by=AT
    )
    actions.merge(house.marketer, kept.pk, other.pk)
    assert set(OptIn.everywhere.values_list("customer_id", "invitation_id")) == {
        (kept.pk, both.pk), (kept.pk, one.pk),
    }  # fmt: skip
    assert HeardMessage.everywhere.get().permission.customer_id == kept.pk
    assert FollowChange.everywhere.get().customer_id == kept.pk


@pytest.mark.parametrize("named", ["kept", "merged"])
def test_a_person_is_erased_whole_and_told_whole(house, named):
    """With the rows merged into theirs, and what is said of rows that were folded into it."""
    letter = factories.delivery(house, house.customer(handle="zqmergedzq", name="Zqother"))
    merged, kept = letter.customer, house.customer(handle="zqkeptzq", name="Zqkept Fox")
    folded = factories.not_looked_up(house, "zqfoldedzq", name="Zqfolded Fox")
    customers.record_permission(
        house.marketer, folded.pk, given=customers.Given(now(), "zqplacezq", "zqcardzq")
    )
    customers.suppress(house.marketer, folded.pk, reason="zqstopzq")
    actions.merge(house.marketer, kept.pk, folded.pk)
    actions.merge(house.marketer, kept.pk, merged.pk)
    needles = ["zqmergedzq", "zqkeptzq", "zqfoldedzq", "zqplacezq", "zqcardzq", "zqstopzq",
               str(kept.x_user_id), str(merged.x_user_id)]  # fmt: skip
    asked = {"kept": kept, "merged": merged}[named]
    about = known_about(house.manager, asked.pk)
    assert [word for word in needles if word not in str(about)] == []
    assert (len(about["merged"]), len(about["letters"])) == (1, 1)
    gone = erasing.erase(house.manager, asked.pk)
    assert gone["letters"] == 1
    assert {word: places for word, places in where(needles, dump()).items() if places} == {}
    assert ErasedPerson.everywhere.count() == 3
    assert erased_handles_among(house.workspace.pk, ["zqFOLDEDzq"]) == {"zqFOLDEDzq"}
    for row in (kept, merged):
        with pytest.raises(Customer.DoesNotExist):
            erasing.erase(house.manager, row.pk)


def test_a_row_that_is_merged_while_its_person_is_erased_goes_with_them(house, monkeypatch):
    kept, other = house.customer(), house.customer(handle="zqotherzq")
    real, done = erasing._erase_told, []

    def told(scope, rows, *, wait=True):
        if wait and not done:
            done.append(actions.merging.merge(house.workspace.pk, kept.pk, other.pk, actor_id=None))
        return real(scope, rows, wait=wait)

    monkeypatch.setattr(erasing, "_erase_told", told)
    erasing.erase(house.manager, kept.pk)
    assert where(["zqotherzq"], dump()) == {"zqotherzq": set()}


def test_searches_that_name_somebody_go_and_whoever_erases_is_told(house):
    ana = house.customer(name="Ana Zúñiga", handle="ana_z", x_user_id=71_001)
    for name, query in {
        "by handle": "q=ANA_Z",
        "by name": "q=ana+zuniga&mutual=yes",
        "by id": "attribute=id%3A71001",
        "All of Ana Zúñiga": "mutual=yes",
        "another": "q=ana",
        "longer": "q=ana_zz",
        "fair": "tag=fair",
    }.items():
        Segment.objects.create(
            workspace=house.workspace, name=name, query=query, made_by=house.marketer.user
        )
    actions.count_exactly(house.marketer, criteria=Criteria(q="ana_z"))
    kept = actions.count_exactly(house.marketer, criteria=Criteria(q="ana"))
    removed = actions.save_segment(house.marketer, name="ana_z", criteria=Criteria(q="ana_z"))
    actions.remove_segment(house.marketer, removed.pk)
    browser = factories.browser(house.manager)
    url = reverse("customers:erase", args=[house.slug, ana.pk])
    assert "4 segments that name them" in browser.get(url).content.decode()
    page = browser.post(url, follow=True).content.decode()
    assert "4 segments that name them went as well." in page
    names = Segment.everywhere.order_by("name").values_list("name", flat=True)
    assert list(names) == ["another", "fair", "longer"]
    assert list(Sweep.everywhere.all()) == [kept]
    said = AuditEvent.objects.filter(target_kind__in=["segment", "sweep"], detail__isnull=False)
    assert [event.target_id for event in said] == [kept.pk]


# --- when somebody last wrote ----------------------------------------------------------------


def told(house, text: str, at: datetime, sender: int) -> None:
    event = received(house, text, sender=sender, at=at, handle="")
    events.store(house.account.app_id, [event], Via.STREAM)
    events.handle(house.account.pk)


def test_each_message_says_when_they_last_answered_and_a_late_one_does_not_move_it_back(house):
    ana = house.customer()
    told(house, "hello there", AT, ana.x_user_id)
    told(house, "an older one", AT - DAY, ana.x_user_id)
    ana.refresh_from_db()
    assert ana.last_answered_at == AT
    told(house, "stop", AT + DAY, ana.x_user_id)
    ana.refresh_from_db()
    assert ana.last_answered_at == AT + DAY
    told(house, "hello, I am new", AT, 77)
    assert Customer.everywhere.get(x_user_id=77).last_answered_at == AT


def test_an_answer_to_a_merged_row_is_the_persons(house, three):
    told(house, "hello there", AT + DAY, three.merged.x_user_id)
    rows = Customer.everywhere.in_bulk()
    assert rows[three.kept.pk].last_answered_at == AT + DAY
    heard = Permission.everywhere.get(message__isnull=False)
    assert heard.customer_id == three.kept.pk
