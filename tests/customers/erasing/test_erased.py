"""Whoever was erased cannot be found again: in no table, in no file, in no disguise."""

from __future__ import annotations

import base64
import json
import logging
from itertools import chain

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from outreach.audit import actions as audit
from outreach.audit.models import AuditDetail, AuditEvent
from outreach.audit.queries import verify
from outreach.customers import actions as customers
from outreach.customers.erasing import actions, hashes
from outreach.customers.erasing.columns import PERSONAL
from outreach.customers.erasing.queries import (
    erased_among,
    erased_handles_among,
    known_about,
)
from outreach.customers.models import Customer, ErasedPerson, Suppression
from outreach.customers.queries import person
from outreach.delivery import claim
from outreach.delivery.models import Delivery
from outreach.drafts import actions as drafts
from outreach.drafts.errors import AlreadyDecided, CannotBeWrittenTo, NotEditable
from outreach.drafts.models import Draft, Revision
from outreach.x.models import ActivityEvent
from tests import factories
from tests.customers.erasing.dump import dump, files, where
from tests.customers.erasing.everything import Known, everything, told
from tests.x.telling import dm, follow

pytestmark = pytest.mark.django_db
PERSONAL_COLUMNS = {(table, column) for table, found in PERSONAL.items() for column in found}
# Their content is no word: a salt is random, and a choice is one of a few.
WORDLESS = {
    ("audit_auditdetail", "salt"),
    ("customers_evidencefile", "kind"),
    ("customers_permission", "basis"),
    ("delivery_seendm", "words_sha256"),
}


@pytest.fixture
def known(house) -> Known:
    return everything(house)


def everywhere():
    """The database, and the files that the product keeps."""
    return chain(dump(), files(settings.VAR_DIR / "media"))


def nowhere(needles) -> bool:
    return {word: places for word, places in where(needles, everywhere()).items() if places} == {}


# --- the whole -------------------------------------------------------------------------------


def test_a_person_with_everything_is_erased_and_cannot_be_found(known, caplog):
    caplog.set_level(logging.DEBUG)
    customer = known.customer
    texts = [text for text in Revision.everywhere.values_list("text", flat=True) if text]
    needles = [*known.needles, *texts]
    before = where(needles, everywhere())
    # What is looked for is there: every word somewhere, and some of them in every column.
    assert [word for word, places in before.items() if not places] == []
    planted = set().union(*before.values())
    assert PERSONAL_COLUMNS - WORDLESS - planted == set()
    assert planted - PERSONAL_COLUMNS == set(), "these hold something personal and are not listed"
    gone = actions.erase(known.house.manager, customer.pk)
    assert where(needles, everywhere()) == {word: set() for word in needles}
    assert gone["letters"] == 14
    assert not [word for word in needles if word.casefold() in caplog.text.casefold()]
    # One keyed hash is left, and the empty row that the letters point at.
    (left,) = ErasedPerson.everywhere.all()
    assert len(bytes(left.person_hash)) == 32
    row = Customer.everywhere.get(pk=customer.pk)
    assert (row.x_user_id, row.handle, row.name) == (None, f"erased-{row.pk}", "Erased person")
    assert Customer.objects.of(known.house.manager).filter(pk=row.pk).count() == 0


def test_the_audit_log_stays_whole_and_says_that_somebody_was_erased(known, capsys):
    while audit.seal():
        pass
    about = AuditEvent.objects.filter(target_kind="customer", target_id=known.customer.pk)
    events = AuditEvent.objects.count()
    actions.erase(known.house.manager, known.customer.pk)
    assert AuditEvent.objects.count() > events
    while audit.seal():
        pass
    call_command("verify_audit")
    assert "The chain is whole" in capsys.readouterr().out
    found = verify()
    assert (found.faults, found.unsealed) == ([], 0)
    assert found.erased_details > 20
    event = about.get(verb="customer.erased")
    assert event.actor == known.house.manager.user
    assert event.detail.details["gone"]["letters"] == 14
    assert AuditDetail.objects.filter(event__in=about.exclude(pk=event.pk)).count() == 0


def test_what_was_on_its_way_is_cancelled_and_what_is_unsure_given_up(known):
    was = dict(Delivery.everywhere.values_list("pk", "state"))
    assert set(was.values()) == {"queued", "blocked", "cancelled", "failed", "sent", "uncertain"}
    actions.erase(known.house.manager, known.customer.pk)
    after = {"queued": "cancelled", "blocked": "cancelled", "uncertain": "failed"}
    deliveries = {each.pk: each for each in Delivery.everywhere.all()}
    assert {pk: each.state for pk, each in deliveries.items()} == {
        pk: after.get(state, state) for pk, state in was.items()
    }
    reasons = {deliveries[pk].reason for pk, state in was.items() if state == "uncertain"}
    assert reasons == {
        "The person it was for was erased before it was known whether the letter arrived."
    }
    assert {draft.state for draft in Draft.everywhere.all()} == {"erased"}


def test_every_page_still_opens_and_says_erased(known):
    house = known.house
    actions.erase(house.manager, known.customer.pk)
    browser = factories.browser(house.administrator)
    slug = house.slug
    letters = [
        reverse("delivery:letter", args=[slug, draft])
        for draft in Draft.everywhere.values_list("pk", flat=True)
    ] + [
        reverse("drafts:review", args=[slug, each])
        for each in Revision.everywhere.values_list("pk", flat=True)
    ]
    others = [
        reverse("customers:show", args=[slug, known.customer.pk]),
        reverse("delivery:to_person", args=[slug, known.customer.pk]),
        reverse("delivery:schedule", args=[slug]) + "?state=sent",
        reverse("delivery:schedule", args=[slug]) + "?state=not-sent",
        reverse("drafts:list", args=[slug]) + "?state=erased",
    ]
    assert len(letters) > 20
    for url in letters + others:
        page = browser.get(url)
        assert page.status_code == 200, url
        assert "erased" in page.content.decode().casefold(), url
    quiet = [
        reverse("customers:list", args=[slug]),
        reverse("customers:stopped", args=[slug]),
        reverse("drafts:queue", args=[slug]),
        reverse("insights:today", args=[slug]),
        reverse("insights:audit_log", args=[slug]),
        reverse("x:account", args=[slug, house.account.pk]),
        reverse("drafts:policy", args=[slug]),
    ]
    for url in quiet:
        assert browser.get(url).status_code == 200, url
    assert browser.get(quiet[0]).context["rows"] == []
    author = factories.browser(house.marketer)
    for draft in Draft.everywhere.all():
        response = author.get(reverse("drafts:compose", args=[slug, draft.pk]))
        assert response["Location"] == reverse("delivery:letter", args=[slug, draft.pk])


def test_a_letter_that_nobody_decided_on_has_come_to_an_end(house):
    waiting, begun = factories.submitted(house), factories.draft(house)
    for letter in (waiting, begun):
        actions.erase(house.manager, letter.customer_id)
    browser = factories.browser(house.manager)
    for draft_id in (waiting.draft_id, begun.pk):
        page = browser.get(reverse("delivery:letter", args=[house.slug, draft_id]))
        last = page.context["steps"][-1]
        assert (last.label, last.detail) == ("Erased", "with the person it was for")
        assert (page.context["poll"], page.context["may"]) == (False, set())
    assert browser.get(reverse("drafts:queue", args=[house.slug])).context["rows"] == []


# --- nobody else -----------------------------------------------------------------------------


def test_nobody_else_loses_anything(known):
    house = known.house
    somebody = everything(house)
    elsewhere = factories.house()
    # The same person, known to another workspace; another account heard of them too.
    twin = elsewhere.customer(x_user_id=known.customer.x_user_id, handle=known.customer.handle)
    factories.delivery(elsewhere, twin)
    brand = elsewhere.account.x_user_id
    told(elsewhere, "follow.follow", follow(int(known.words["x_user_id"]), brand), brand)
    scopes = [(house.manager, somebody.customer), (elsewhere.manager, twin)]
    before = [known_about(scope, customer.pk) for scope, customer in scopes]
    actions.erase(house.manager, known.customer.pk)
    assert [known_about(scope, customer.pk) for scope, customer in scopes] == before
    assert erased_among(elsewhere.workspace.pk, [int(known.words["x_user_id"])]) == set()
    assert nowhere([known.words["evidence"], known.words["sent"], known.words["dm_in"]])


def test_a_message_of_somebody_else_that_mentions_them_stays(known):
    house, brand = known.house, known.house.account.x_user_id
    payload = dm(8, 555, brand, "ask her", at=1.7e9)
    data = payload["direct_message_events"][0]["message_create"]["message_data"]
    data["entities"]["user_mentions"] = [{"id_str": known.words["x_user_id"]}]
    told(house, "dm.received", payload, brand)
    actions.erase(house.manager, known.customer.pk)
    assert ActivityEvent.objects.filter(payload=payload).count() == 1


# --- never again -----------------------------------------------------------------------------


def test_the_same_person_is_refused_whoever_brings_them_back(known):
    house, x_user_id = known.house, int(known.words["x_user_id"])
    actions.erase(house.manager, known.customer.pk)
    assert erased_among(house.workspace.pk, [x_user_id, 99]) == {x_user_id}
    # Whatever made a row of them anew: no letter to it is begun.
    again = house.customer(x_user_id=x_user_id, handle="Back_again")
    with pytest.raises(CannotBeWrittenTo, match="erased here and must not be written to again"):
        factories.draft(house, again)


def test_a_stop_of_somebody_erased_writes_nothing_of_them_down(known):
    house, x_user_id = known.house, int(known.words["x_user_id"])
    actions.erase(house.manager, known.customer.pk)
    with transaction.atomic():
        customers.suppress_step(house.workspace.pk, x_user_id, "stop", actor_id=None)
        made = customers.suppress_many_step(
            house.workspace.pk, x_user_ids=[x_user_id, 77], reason="a list", actor_id=None
        )
    assert made == 1
    assert list(Suppression.everywhere.values_list("x_user_id", flat=True)) == [77]
    assert nowhere([known.words["x_user_id"]])


def test_what_x_tells_of_somebody_erased_is_not_kept(known):
    house, brand = known.house, known.house.account.x_user_id
    actions.erase(house.manager, known.customer.pk)
    them = int(known.words["x_user_id"])
    told(house, "follow.follow", follow(them, brand), brand)
    told(house, "dm.received", dm(9, them, brand, "hello zqagainzq", at=1.7e9), brand)
    told(house, "follow.follow", follow(555, brand), brand)
    assert nowhere([known.words["x_user_id"], "zqagainzq"])
    kept = ActivityEvent.objects.order_by("-pk").values_list("payload", flat=True)[:3]
    assert list(kept) == [follow(555, brand), {}, {}]


def test_somebody_x_was_not_asked_about_is_erased_by_handle(house):
    stranger = factories.not_looked_up(house, "Fox_Loverzq", tags=["zqtagzq"])
    customers.suppress(house.marketer, stranger.pk, reason="at the zqfairzq")
    actions.erase(house.manager, stranger.pk)
    assert nowhere(["Fox_Loverzq", "zqtagzq", "zqfairzq"])
    assert erased_handles_among(house.workspace.pk, ["fox_loverZQ", "heron"]) == {"fox_loverZQ"}
    with transaction.atomic():
        made = customers.suppress_many_step(
            house.workspace.pk, handles=["Fox_Loverzq", "heron"], reason="a list", actor_id=None
        )
    assert made == 1


def test_two_people_may_be_erased_and_a_row_of_the_erased_takes_nobody_in(house):
    for _ in range(2):
        actions.erase(house.manager, house.customer().pk)
    assert ErasedPerson.everywhere.count() == 2
    rows = Customer.everywhere.exclude(erased_at=None)
    for change in ({"x_user_id": 5}, {"handle": "fox"}, {"erased_at": None}, {"name": "Maria"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.filter(pk=house.customers[0].pk).update(**change)
    with pytest.raises(Customer.DoesNotExist):
        actions.erase(house.manager, house.customers[0].pk)


def test_the_letters_of_somebody_erased_cannot_be_taken_up_again(known):
    house = known.house
    waiting = Revision.everywhere.filter(draft__state="in_review").first()
    actions.erase(house.manager, known.customer.pk)
    for draft in Draft.everywhere.all():
        with pytest.raises(NotEditable, match="erased with the person"):
            drafts.take_back(house.marketer, draft.pk)
        with pytest.raises(NotEditable, match="erased with the person"):
            drafts.save(
                house.marketer, draft.pk, version=draft.version, words=drafts.Words("Hi again")
            )
    with pytest.raises(AlreadyDecided, match="erased with the person"):
        drafts.decide(
            house.manager,
            waiting.pk,
            decision=drafts.Decision.APPROVE,
            text_sha256=waiting.text_sha256,
        )
    for act in (
        lambda: drafts.start(
            house.marketer, customer_id=known.customer.pk, x_account_id=house.account.pk
        ),
        lambda: customers.suppress(house.marketer, known.customer.pk, reason="stop"),
        lambda: actions.hand_out(house.manager, known.customer.pk),
    ):
        with pytest.raises(Customer.DoesNotExist):
            act()
    assert person(house.marketer, known.customer.pk, house.workspace).why_not == [
        "This person was erased, and is never written to again."
    ]


def test_somebody_who_is_back_from_a_backup_is_erased_again(known, capsys):
    house = known.house
    stranger = factories.not_looked_up(house, "Fox_Loverzq")
    for customer in (known.customer, stranger):
        actions.erase(house.manager, customer.pk)
    other, elsewhere = house.customer(), factories.house()
    house.customer(x_user_id=int(known.words["x_user_id"]), handle="Zqback_zq")
    factories.not_looked_up(house, "FOX_loverzq")
    stays = elsewhere.customer(x_user_id=int(known.words["x_user_id"]))
    call_command("erase_again")
    assert capsys.readouterr().out == "2 erased again.\n"
    left = set(Customer.everywhere.filter(erased_at=None))
    assert left == {other, stays}
    assert nowhere(["Zqback_zq", "Fox_Loverzq"])
    call_command("erase_again")
    assert capsys.readouterr().out == "0 erased again.\n"


def test_whose_letter_is_being_sent_is_left_for_the_next_run(house, capsys):
    letter = factories.delivery(house)
    x_user_id = letter.recipient_x_user_id
    with transaction.atomic():
        secret = hashes.key_made()
    ErasedPerson.everywhere.create(
        workspace=house.workspace, person_hash=hashes.of_id(secret, x_user_id)
    )
    claim.claim(house.account.pk)
    with pytest.raises(CommandError, match="1 have a letter that is being sent just now"):
        call_command("erase_again")
    assert capsys.readouterr().out == "0 erased again.\n"
    assert Customer.everywhere.get().x_user_id == x_user_id


# --- the search itself -----------------------------------------------------------------------


@pytest.mark.parametrize("word", ["Zsófia_zq", "1234567890123"])
@pytest.mark.parametrize("lead", ["", "a", "ab", "abc"])
def test_the_search_finds_a_word_in_every_guise(house, word, lead):
    guises = [
        f"{lead}{word}!",
        f"{lead}{word.upper()}!",
        f"{lead}{word}!".encode().hex(),
        json.dumps(f"{lead}{word}"),
        base64.b64encode(f"{lead}{word}!".encode()).decode(),
        base64.urlsafe_b64encode(f"{lead}{word.lower()}?>".encode()).decode(),
    ]
    for guise in guises:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE customers_customer SET attributes = %s WHERE id = %s",
                [json.dumps({"a": guise}), house.customer().pk],
            )
        assert where([word], dump()) == {word: {("customers_customer", "attributes")}}, guise
        Customer.everywhere.update(attributes={})
    assert where([word], dump()) == {word: set()}


def test_the_search_finds_a_word_in_bytes_and_in_files(house, tmp_path):
    type(house.account).everywhere.update(avatar=b"\x00\xff zqbyteszq \x00")
    assert where(["zqbyteszq"], dump()) == {"zqbyteszq": {("x_xaccount", "avatar")}}
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "zqname.txt").write_bytes(b"\xff zqfilezq")
    found = where(["zqname", "zqfilezq"], files(tmp_path))
    assert [len(places) for places in found.values()] == [1, 1]
