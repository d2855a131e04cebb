"""What concerns many at once: tags, exact counts in the background, segments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers.finding import actions, queries, sweeps
from outreach.customers.finding.criteria import Criteria
from outreach.customers.models import Customer, Segment, Sweep, SweepKind
from outreach.ground.clock import now
from outreach.ground.runs import RunLost, take, waiting
from tests import factories

pytestmark = pytest.mark.django_db
FAIR = Criteria(tags=("fair",))


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(sweeps, "STEPS", dict.fromkeys(SweepKind, 2))


def url(house, name, *ids):
    return reverse(f"customers:{name}", args=[house.slug, *ids])


def tags(*rows) -> list[list[str]]:
    return [Customer.everywhere.get(pk=row.pk).tags for row in rows]


def last(verb: str) -> AuditEvent:
    found = AuditEvent.objects.filter(verb=verb).order_by("-pk").first()
    assert found is not None
    return found


# --- tags of the chosen ----------------------------------------------------------------------


def test_the_chosen_get_a_tag_and_who_has_it_keeps_it_once(house, browser):
    ana, bo, cy = (house.customer(tags=each) for each in ([], ["fair"], []))
    form = {"tag": "  fair ", "whom": "chosen", "act": "give", "query": "mutual=yes"}
    response = browser.post(url(house, "tag"), form | {"chosen": [ana.pk, bo.pk]}, follow=True)
    assert response.redirect_chain == [(url(house, "list") + "?mutual=yes", 302)]
    assert [str(said) for said in response.context["messages"]] == [
        "1 person now has the tag ‘fair’."
    ]
    assert tags(ana, bo, cy) == [["fair"], ["fair"], []]
    assert last("customers.tagged").detail.details["changed"] == 1
    browser.post(url(house, "tag"), form | {"act": "take", "chosen": [ana.pk, bo.pk, cy.pk]})
    assert tags(ana, bo, cy) == [[], [], []]
    assert last("customers.untagged").detail.details["changed"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tag": ""}, "Write the tag first."),
        ({"tag": "a,b"}, "A tag has no comma. Give one tag at a time."),
        ({"tag": "#!"}, "A tag has a letter or a digit in it."),
        ({"tag": "x" * 51}, "A tag has 50 characters at most; this one has 51."),
        ({"chosen": []}, "Choose people first: tick their rows."),
        ({"chosen": ["x", "²"]}, "Choose people first: tick their rows."),
    ],
)
def test_what_is_missing_is_said_and_what_was_ticked_kept(house, browser, change, words):
    ana = house.customer()
    form = {"tag": "fair", "whom": "chosen", "act": "give", "chosen": [ana.pk]} | change
    response = browser.post(url(house, "tag"), form)
    assert (response.status_code, response.context["refused"]) == (422, words)
    assert response.context["chosen"] == ([] if "chosen" in change else [ana.pk])
    mended_at = f"choose-{ana.pk}" if "chosen" in change else "tag-name"
    page = response.content.decode()
    assert (f'href="#{mended_at}"' in page, f'id="{mended_at}"' in page) == (True, True)
    assert tags(ana) == [[]]


def test_tagging_is_one_statement_however_many(house):
    few, many = [house.customer()], [house.customer() for _ in range(3)]
    costs = []
    for rows in (few, many):
        with CaptureQueriesContext(connection) as run:
            actions.tag_chosen(house.marketer, [row.pk for row in rows], tag="fair")
        costs.append(len(run))
    assert costs[0] == costs[1]


# --- everybody who was found -----------------------------------------------------------------


def test_everybody_found_is_said_in_a_number_before_it_happens(house, browser, small_steps):
    found = [house.customer(tags=["fair"]) for _ in range(5)]
    other = house.customer()
    stranger = factories.house().customer(tags=["fair"])
    form = {"tag": "thanked", "whom": "found", "act": "give", "query": FAIR.query}
    asked = browser.post(url(house, "tag"), form)
    assert (asked.status_code, asked.context["count"].words) == (200, "5 people")
    assert Sweep.everywhere.count() == 0
    begun = browser.post(url(house, "tag"), form | {"sure": "yes"})
    sweep = Sweep.everywhere.get()
    assert begun["Location"] == url(house, "sweep", sweep.pk)
    later = house.customer(tags=["fair"])  # came after it was asked for
    sweeps.run(sweep.pk)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.found, sweep.done, sweep.of) == ("done", 5, 6, 6)
    assert tags(*found) == [["fair", "thanked"]] * 5
    assert tags(other, later, stranger) == [[], ["fair"], ["fair"]]
    assert last("customers.tagged").detail.details["changed"] == 5


def test_a_tag_is_taken_from_everybody_found(house, small_steps):
    rows = [house.customer(tags=["fair", "x"]) for _ in range(3)]
    sweep = actions.tag_found(house.marketer, criteria=FAIR, tag="fair", away=True)
    sweeps.run(sweep.pk)
    assert tags(*rows) == [["x"]] * 3


def test_a_worker_that_dies_loses_one_step_and_another_goes_on(house, small_steps):
    rows = [house.customer(tags=["fair"]) for _ in range(5)]
    sweep = actions.tag_found(house.marketer, criteria=FAIR, tag="thanked")
    token = take(Sweep, sweep.pk)
    assert token is not None
    assert sweeps.advance(sweep.pk, token)
    assert (take(Sweep, sweep.pk), waiting(Sweep)) == (None, [])  # it is at work
    Sweep.everywhere.update(leased_until=now() - timedelta(seconds=1))
    assert waiting(Sweep) == [sweep.pk]
    sweeps.run(sweep.pk)
    with pytest.raises(RunLost):
        sweeps.advance(sweep.pk, token)  # the first one woke up: it is not its any more
    sweep.refresh_from_db()
    assert (sweep.state, sweep.found) == ("done", 5)
    assert tags(*rows) == [["fair", "thanked"]] * 5


def test_a_tagging_can_be_stopped(house, browser, small_steps):
    rows = [house.customer(tags=["fair"]) for _ in range(5)]
    sweep = actions.tag_found(house.marketer, criteria=FAIR, tag="thanked")
    token = take(Sweep, sweep.pk)
    assert token is not None
    sweeps.advance(sweep.pk, token)
    browser.post(url(house, "stop_sweep", sweep.pk))
    with pytest.raises(RunLost):
        sweeps.advance(sweep.pk, token)
    sweeps.run(sweep.pk)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.found) == ("cancelled", 2)
    assert [len(each) for each in tags(*rows)] == [2, 2, 1, 1, 1]
    assert waiting(Sweep) == []


# --- counting exactly ------------------------------------------------------------------------


@pytest.mark.parametrize("criteria", [FAIR, Criteria(q="ana"), Criteria(q="an br", mutual="yes")])
def test_counted_exactly(house, small_steps, criteria):
    for number in range(5):
        house.customer(name=f"Ana Brown {number}", tags=["fair"])
    house.customer(name="Bo")
    sweep = actions.count_exactly(house.marketer, criteria=criteria)
    assert actions.count_exactly(house.marketer, criteria=criteria).pk == sweep.pk
    sweeps.run(sweep.pk)
    assert queries.sweep(house.marketer, sweep.pk).found == 5
    assert queries.last_count(house.marketer, criteria.query).found == 5


def test_its_page_shows_how_far_it_is_and_ends_the_polling(house, small_steps):
    browser, part = (factories.browser(house.marketer, htmx=each) for each in (False, True))
    for _ in range(3):
        house.customer(tags=["fair"])
    begun = browser.post(url(house, "count"), {"query": FAIR.query})
    sweep = Sweep.everywhere.get()
    assert begun["Location"] == url(house, "sweep", sweep.pk)
    token = take(Sweep, sweep.pk)
    assert token is not None
    sweeps.advance(sweep.pk, token)
    page = browser.get(begun["Location"])
    assert (page.context["people"], page.context["running"]) == ("2 people", True)
    assert "hx-trigger" in page.content.decode()
    assert part.get(begun["Location"]).status_code == 200
    sweeps.advance(sweep.pk, token)
    ended = part.get(begun["Location"])
    assert (ended.status_code, ended.context["people"]) == (286, "3 people")


@pytest.mark.django_db(transaction=True)
def test_the_tick_finds_what_no_wake_up_announced(settings):
    from outreach.customers.finding import tasks

    settings.CELERY_TASK_ALWAYS_EAGER = True
    house = factories.house()
    house.customer(tags=["fair"])
    sweep = Sweep.everywhere.create(
        workspace=house.workspace, kind="count", query=FAIR.query, of=1, last_id=10**9,
        started_by=house.marketer.user,
    )  # fmt: skip
    assert waiting(Sweep) == [sweep.pk]
    tasks.sweep(sweep.pk)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.found, waiting(Sweep)) == ("done", 1, [])


# --- segments --------------------------------------------------------------------------------


def test_a_filter_is_saved_counted_and_removed(house, browser):
    for _ in range(2):
        house.customer(tags=["fair"])
    house.customer()
    saved = browser.post(url(house, "segments"), {"query": FAIR.query, "name": " Fair  visitors "})
    segment = Segment.everywhere.get()
    assert saved["Location"] == url(house, "segments")
    assert (segment.name, segment.query) == ("Fair visitors", "tag=fair")
    page = browser.get(url(house, "segments"))
    assert [row["url"] for row in page.context["rows"]] == [url(house, "list") + "?tag=fair"]
    count = browser.get(url(house, "segment_count", segment.pk))
    assert count.context["count"].words == "2 people"
    browser.post(url(house, "remove_segment", segment.pk))
    assert Segment.everywhere.count() == 0
    assert last("segment.removed").detail.details["name"] == "Fair visitors"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "Give the segment a name."),
        ({"name": "x" * 61}, "A name has 60 characters at most; this one has 61."),
        ({"name": "mutuals"}, "There is a segment of this name. Choose another name."),
        ({"query": ""}, "Filter the list first: a segment of everybody says nothing."),
    ],
)
def test_what_cannot_be_saved_is_said(house, browser, change, words):
    actions.save_segment(house.marketer, name="Mutuals", criteria=Criteria(mutual="yes"))
    form = {"query": FAIR.query, "name": "Fair"} | change
    response = browser.post(url(house, "segments"), form)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert Segment.everywhere.count() == 1


def test_segments_cost_the_same_however_many(house, browser):
    costs = []
    for more in (1, 2):
        for _ in range(more):
            number = factories.unique()
            actions.save_segment(house.marketer, name=f"Segment {number}", criteria=FAIR)
        browser.get(url(house, "segments"))
        with CaptureQueriesContext(connection) as run:
            browser.get(url(house, "segments"))
        costs.append(len(run))
    assert costs[0] == costs[1]


def test_a_count_costs_the_same_for_one_and_for_three(house, browser):
    segment = actions.save_segment(house.marketer, name="Fair", criteria=FAIR)
    costs = []
    for more in (1, 2):
        for _ in range(more):
            house.customer(tags=["fair"])
        browser.get(url(house, "segment_count", segment.pk))
        with CaptureQueriesContext(connection) as run:
            browser.get(url(house, "segment_count", segment.pk))
        costs.append(len(run))
    assert costs[0] == costs[1]
