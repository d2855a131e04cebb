"""Everything that is known about a person, in a file for them."""

from __future__ import annotations

import base64
import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers.erasing.columns import PERSONAL
from outreach.customers.erasing.queries import known_about
from tests import factories
from tests.customers.erasing.dump import dump, where
from tests.customers.erasing.everything import everything, told
from tests.x.telling import follow

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(house):
    return everything(house)


def download(house, customer, member=None):
    browser = factories.browser(member or house.manager)
    return browser.post(reverse("customers:download", args=[house.slug, customer.pk]))


def test_it_is_a_file_with_everything_in_it(known):
    response = download(known.house, known.customer)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    name = f"customer-{known.customer.pk}.json"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    about = json.loads(response.content)
    said = json.dumps(about, ensure_ascii=False)
    # What was told to nobody is nobody's, and belongs into no one's file.
    words = {of: word for of, word in known.words.items() if of not in ("nobodys", "file")}
    assert [word for word in words.values() if word.casefold() not in said.casefold()] == []
    (file,) = [each["file"] for each in about["permissions"] if each["file"]]
    assert known.words["file"] in base64.b64decode(file["content_base64"]).decode()
    assert about["person"]["x_user_id"] == known.words["x_user_id"]
    assert len(about["letters"]) == 14


def test_nothing_personal_of_any_table_is_missing(known):
    """Every word that stands in a personal column of theirs is in the file."""
    about = known_about(known.house.manager, known.customer.pk)
    said = json.dumps(about, ensure_ascii=False).casefold()
    about_file = base64.b64decode(
        next(each["file"] for each in about["permissions"] if each["file"])["content_base64"]
    ).decode()
    places = where(known.needles, dump())
    handed_out = {
        place
        for word, found in places.items()
        if word.casefold() in said + about_file
        for place in found
    }
    personal = {(table, column) for table, found in PERSONAL.items() for column in found}
    found = set().union(*places.values())
    assert found <= personal
    # A session only repeats what the letters say.
    assert found - handed_out == set()


def test_nothing_of_anybody_else_is_in_it(known):
    somebody = everything(known.house)
    elsewhere = everything(factories.house())
    said = json.dumps(known_about(known.house.manager, known.customer.pk), ensure_ascii=False)
    theirs = [*somebody.needles, *elsewhere.needles]
    assert [word for word in theirs if word in said and word not in known.needles] == []


def test_it_is_written_down_who_downloaded_it(known):
    download(known.house, known.customer)
    event = AuditEvent.objects.get(verb="customer.handed_out")
    assert (event.actor, event.target_id) == (known.house.manager.user, known.customer.pk)


def test_it_takes_a_manager_and_a_post(known):
    house = known.house
    assert download(house, known.customer, house.marketer).status_code == 403
    url = reverse("customers:download", args=[house.slug, known.customer.pk])
    assert factories.browser(house.manager).get(url).status_code == 405
    assert AuditEvent.objects.filter(verb="customer.handed_out").count() == 0


def test_it_costs_the_same_queries_however_much_there_is(house):
    few, many = factories.delivery(house).customer, everything(house).customer
    brand = house.account.x_user_id
    assert few.x_user_id
    told(house, "follow.follow", follow(few.x_user_id, brand), brand)
    counts = []
    for customer in (few, many):
        with CaptureQueriesContext(connection) as run:
            known_about(house.manager, customer.pk)
        counts.append(len(run))
    assert counts[0] == counts[1]
