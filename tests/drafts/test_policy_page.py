"""The page of the guidance policy: managers set it, everybody reads it, nothing typed is lost."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.drafts import policy_queries
from outreach.drafts.models import GuidancePolicy
from outreach.drafts.policy_forms import EXCEPTIONS
from outreach.guidance.policy import Exemption, Level
from tests import factories

pytestmark = pytest.mark.django_db
EXCEPTION = {
    "exceptions": "1",
    "exception-0-rule": "selling.outright",
    "exception-0-words": "sale",
    "exception-0-reason": "The name of our fair.",
}


@pytest.fixture
def browser(house):
    return factories.browser(house.manager)


@pytest.fixture
def page(house):
    return reverse("drafts:policy", args=[house.slug])


@pytest.fixture
def change(house):
    return reverse("drafts:change_policy", args=[house.slug])


def posted(**values: str) -> dict[str, str]:
    return {"version": "0", "exceptions": "2", "house_limit": "140"} | values


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_settings_lead_to_it(house, browser, page):
    assert page in browser.get(reverse("accounts:settings", args=[house.slug])).content.decode()


def test_a_manager_sets_it(house, browser, page, change):
    response = browser.post(
        change,
        posted(
            house_limit="160",
            brand="Fox & Co",
            avoid="order yours\r\n\r\nOrder  yours\r\nblowout",
            welcome="limited run",
            **{"rule-link.shortened": "block"} | EXCEPTION,
        ),
    )
    assert (response.status_code, response["Location"]) == (302, page)
    assert said(response) == ["Version 1 of the policy holds from now on."]
    holds = policy_queries.policy_of(house.manager)
    assert (holds.version, holds.house_limit, holds.brand) == (1, 160, "Fox & Co")
    assert (holds.avoid, holds.welcome) == (("order yours", "blowout"), ("limited run",))
    assert holds.severities == {"link.shortened": Level.BLOCK}
    assert holds.exceptions == (Exemption("selling.outright", "sale", "The name of our fair."),)


def test_what_is_set_is_shown_and_saving_it_again_changes_nothing(house, browser, page, change):
    factories.policy(
        house,
        house_limit=160,
        avoid=("order yours", "blowout"),
        severities={"link.shortened": Level.BLOCK},
        exceptions=(Exemption("selling.outright", "sale", "so"),),
    )
    form = browser.get(page).context["form"]
    shown = {name: form[name].value() for name in form.fields if form[name].value()}
    assert shown["avoid"] == "order yours\nblowout"
    assert shown["rule-link.shortened"] == "block"
    response = browser.post(change, {**shown, "version": "1", "exceptions": str(form.count)})
    assert said(response) == ["Nothing is different, so the policy stays as it is."]
    assert GuidancePolicy.objects.of(house.manager).count() == 1


def test_a_rule_set_back_to_its_default_is_set_no_more(house, browser, change):
    factories.policy(house, severities={"link.shortened": Level.OFF, "gone.rule": Level.OFF})
    browser.post(change, posted(version="1", **{"rule-link.shortened": ""}))
    # What guidance does not know, no form shows, and no form takes away.
    assert policy_queries.policy_of(house.manager).severities == {"gone.rule": Level.OFF}


def test_an_exception_emptied_is_taken_out(house, browser, change):
    factories.policy(house, exceptions=(Exemption("selling.outright", "sale", "so"),))
    browser.post(change, posted(version="1", exceptions="3"))
    assert policy_queries.policy_of(house.manager).exceptions == ()


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({"house_limit": ""}, "house_limit", "Give a number of characters, such as 140."),
        ({"house_limit": "many"}, "house_limit", "Give a whole number of characters"),
        ({"house_limit": "5"}, "house_limit", "Give at least 20 characters."),
        ({"house_limit": "10001"}, "house_limit", "X takes 10,000 characters."),
        ({"brand": "x" * 101}, "brand", "Say it in 100 characters; it has 101."),
        ({"avoid": "fox\n!!!"}, "avoid", "‘!!!’ has no words to look for."),
        ({"avoid": "x" * 101}, "avoid", "Keep each phrase to 100 characters"),
        (
            {"welcome": "\n".join(f"fox {n}" for n in range(201))},
            "welcome",
            "Keep to 200 phrases; these are 201.",
        ),
        ({"avoid": "Sale", "welcome": "sale"}, "welcome", "‘sale’ is to be avoided, too."),
        ({"rule-link.shortened": "shout"}, "rule-link.shortened", "Choose one of the list."),
        ({"exception-0-words": "sale"}, "exception-0-rule", "Choose which finding it is about"),
        ({"exception-1-reason": "so"}, "exception-1-words", "Give the words"),
        ({"exception-0-rule": "hype"}, "exception-0-reason", "Say why, for whoever reads"),
        ({"exception-0-rule": "secret.asked"}, "exception-0-rule", "Choose one of the list."),
        (EXCEPTION | {"exception-0-words": "!"}, "exception-0-words", "There are no words"),
        ({"avoid": "a\x00b"}, "avoid", "Null characters are not allowed."),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(
    house, browser, change, values, field, sentence
):
    typed = posted(brand="Fox") | values
    response = browser.post(change, typed)
    form = response.context["form"]
    assert response.status_code == 422
    assert sentence in " ".join(form.errors[field])
    assert sentence in response.content.decode().replace("&#x27;", "'")
    shown = {name: form[name].value() for name in typed if name in form.fields}
    assert shown == {name: typed[name] for name in shown}
    assert not GuidancePolicy.objects.of(house.manager).exists()


def test_a_family_with_something_wrong_in_it_is_open(browser, change):
    response = browser.post(change, posted(**{"rule-link.shortened": "shout"}))
    rows = response.context["form"].family_rows()
    assert [family.name for family in rows if family.open] == ["Links"]


def test_somebody_elses_change_meanwhile_is_not_overwritten_unasked(house, browser, change):
    factories.policy(house, house_limit=99)
    response = browser.post(change, posted(house_limit="160"))
    assert response.status_code == 409
    form = response.context["form"]
    assert form["house_limit"].value() == "160"
    assert "Somebody changed the policy since you opened this page" in str(form.errors)
    assert policy_queries.policy_of(house.manager).house_limit == 99
    # Saved once more, it is meant.
    again = browser.post(
        change, posted(house_limit="160", version=str(response.context["version"]))
    )
    assert again.status_code == 302
    assert policy_queries.policy_of(house.manager).house_limit == 160


@pytest.mark.parametrize("count", ["", "-1", "x", "٣", "9" * 30, "999"])
def test_the_number_of_exceptions_is_bounded_whatever_is_posted(browser, change, count):
    response = browser.post(change, posted(exceptions=count))
    assert response.status_code in (302, 422)
    if response.status_code == 422:
        assert response.context["form"].count <= EXCEPTIONS


def test_a_marketer_reads_it_and_sets_nothing(house, page, change):
    factories.policy(
        house,
        house_limit=160,
        avoid=("order yours",),
        severities={"link.shortened": Level.BLOCK},
        exceptions=(Exemption("selling.outright", "sale", "The name of our fair."),),
    )
    browser = factories.browser(house.marketer)
    content = browser.get(page).content.decode()
    for words in (
        "160 characters", "order yours", "Links: shortened", "stops the letter",
        "The name of our fair.", "Version 1", house.manager.name,
    ):  # fmt: skip
        assert words in content, words
    assert change not in content
    assert browser.post(change, posted(house_limit="200")).status_code == 403
    assert policy_queries.policy_of(house.manager).house_limit == 160


def test_the_history_says_who_what_and_pages(house, browser, page):
    for limit in range(150, 162):
        factories.policy(house, house_limit=limit)
    response = browser.get(page)
    assert [row.version for row in response.context["versions"]] == list(range(12, 2, -1))
    assert "House limit: 161 characters, was 160." in response.content.decode()
    older = browser.get(response.context["older_url"])
    assert [row.version for row in older.context["versions"]] == [2, 1]
    for cursor in ("x~1", "99999999999999999999~1", "-1~1", "\x00~1"):
        assert browser.get(page, {"older": cursor}).status_code == 200, cursor


def test_the_page_costs_the_same_however_much_is_set(house, browser, page):
    counts = []
    for more in (0, 1, 12):
        for number in range(more):
            factories.policy(
                house,
                house_limit=200 + more + number,
                avoid=tuple(f"fox {each}" for each in range(number)),
                exceptions=tuple(Exemption("hype", f"fox {each}", "so") for each in range(number)),
            )
        browser.get(page)
        with CaptureQueriesContext(connection) as run:
            assert browser.get(page).status_code == 200
        counts.append(len(run))
    assert counts == [counts[0]] * 3
    # Session, user, membership; policy, history, disagreements; the frame's nine.
    assert counts[0] == 15
