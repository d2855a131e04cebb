"""The pages of invitations, of a history's price, and of whom to follow back."""

from __future__ import annotations

import io
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.history import actions as history
from outreach.customers.invitations import actions
from outreach.customers.invitations.qr import code
from outreach.customers.models import HistoryRun, Invitation, OptIn
from outreach.ground.clock import now
from outreach.ground.runs import RunState
from outreach.x.models import AccountState, XAccount
from tests import factories
from tests.customers.invitations.conftest import invited

pytestmark = pytest.mark.django_db

FORM = {
    "name": "Autumn fair",
    "place": "poster at the fair",
    "word": "Raposa",
    "starting_words": "Hi {first_name|there},\r\nhere is the recipe.",
}


@pytest.fixture
def browser(house):
    return factories.browser(house.marketer)


def url(house, name: str, *ids: int) -> str:
    return reverse(f"customers:{name}", args=[house.slug, *ids])


def filled(house, **changes) -> dict[str, object]:
    ids = {"account": house.account.pk, "writer": house.marketer.user_id}
    return FORM | ids | changes


def queries_of(browser, address: str) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(address).status_code == 200
    return len(seen)


# --- making one -------------------------------------------------------------------------------


def test_an_invitation_is_made_and_its_page_has_its_link(browser, house, settings):
    settings.X_SITE_URL = "https://x.com"
    answer = browser.post(url(house, "invitation_new"), filled(house), follow=True)
    made = Invitation.everywhere.get()
    assert answer.redirect_chain == [(url(house, "invitation", made.pk), 302)]
    assert (made.word, made.word_folded, made.made_by) == ("Raposa", "raposa", house.marketer.user)
    assert made.starting_words == "Hi {first_name|there},\nhere is the recipe."
    address = answer.context["address"]
    assert address == (
        f"https://x.com/messages/compose?recipient_id={house.account.x_user_id}&text=Raposa"
    )
    page = answer.content.decode()
    assert address.replace("&", "&amp;") in page
    assert f"QR code that begins a DM to @{house.account.handle} with the word ‘Raposa’" in page
    assert AuditEvent.objects.filter(verb="invitation.made").count() == 1


def test_in_practice_the_link_leads_to_the_sandbox(browser, house, settings):
    made = invited(house, word="ação")
    address = urlsplit(browser.get(url(house, "invitation", made.pk)).context["address"])
    assert f"{address.scheme}://{address.netloc}" == settings.X_API_URL
    assert address.path == "/messages/compose"
    assert parse_qs(address.query)["text"] == ["ação"]


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"word": "hello"}, "word", "without meaning to opt in"),
        ({"word": "two words"}, "word", "no spaces"),
        ({"word": "stop"}, "word", "asks us to stop"),
        ({"word": "f\x00x"}, "word", "Null characters are not allowed."),
        ({"word": ""}, "word", "Choose a word"),
        ({"name": ""}, "name", "Give it a name"),
        ({"place": "p" * 101}, "place", "100 characters; it has 101"),
        ({"account": 999_999}, "account", "one of this workspace’s"),
        ({"writer": 999_999}, "writer", "member of this workspace"),
        ({"writer": "x"}, "writer", "member of this workspace"),
        ({"starting_words": "x" * 2001}, "starting_words", "2,000 characters"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_what_was_typed_stays(
    browser, house, change, field, says
):
    answer = browser.post(url(house, "invitation_new"), filled(house, **change))
    assert answer.status_code == 422
    (error,) = answer.context["form"].errors[field]
    assert says in error
    assert 'value="Autumn fair"' in answer.content.decode() or field == "name"
    assert Invitation.everywhere.count() == 0


def test_a_word_is_one_open_invitation_of_an_account(browser, house):
    first = invited(house, word="fóx")
    answer = browser.post(url(house, "invitation_new"), filled(house, word="FOX"))
    assert answer.status_code == 422
    assert "The open invitation ‘Fair’ has this word." in answer.content.decode()
    browser.post(url(house, "invitation_close", first.pk))
    assert browser.post(url(house, "invitation_new"), filled(house, word="FOX")).status_code == 302


def test_closing_twice_is_closing_once(browser, house):
    made = invited(house)
    for _ in range(2):
        answer = browser.post(url(house, "invitation_close", made.pk), follow=True)
        assert "opts nobody in any more" in answer.content.decode()
    assert AuditEvent.objects.filter(verb="invitation.closed").count() == 1


def test_without_an_account_the_page_says_what_comes_first(house):
    factories.without_account(house)
    answer = factories.browser(house.marketer).get(url(house, "invitation_new"))
    assert "Connect it first" in answer.content.decode()


# --- looking at them --------------------------------------------------------------------------


def accept(house, invitation: Invitation, count: int) -> None:
    for _ in range(count):
        OptIn.objects.create(
            workspace=house.workspace, invitation=invitation, customer=house.customer(), at=now()
        )


def test_pages_run_a_fixed_number_of_queries(browser, house):
    one = invited(house, word="one1")
    accept(house, one, 1)
    house.customer(following=False)
    names = [("invitations",), ("invitation", one.pk), ("invitation_sheet", one.pk),
             ("invitation_svg", one.pk), ("follow_back",), ("reading", house.account.pk),
             ("reading_offer", house.account.pk)]  # fmt: skip
    browser.get(url(house, "invitations"))  # whatever only the first request asks for
    few = [queries_of(browser, url(house, *name)) for name in names]
    for number in range(3):
        accept(house, invited(house, word=f"more{number}"), 2)
        house.customer(following=False)
    accept(house, one, 25)
    assert [queries_of(browser, url(house, *name)) for name in names] == few
    assert max(few) <= 16


def test_the_list_counts_who_accepted_and_pages(browser, house):
    made = [invited(house, word=f"word{number}x") for number in range(32)]
    accept(house, made[-1], 2)
    page = browser.get(url(house, "invitations"))
    rows = page.context["invitations"]
    assert [row.pk for row in rows] == [each.pk for each in reversed(made)][:30]
    assert rows[0].accepted == 2
    older = browser.get(page.context["older_url"])
    assert [row.pk for row in older.context["invitations"]] == [made[1].pk, made[0].pk]


def test_another_workspaces_invitation_is_none(house):
    made = invited(house)
    stranger = factories.house()
    browser = factories.browser(stranger.marketer)
    for name in ("invitation", "invitation_sheet", "invitation_svg", "invitation_png"):
        assert browser.get(url(stranger, name, made.pk)).status_code == 404
    assert browser.post(url(stranger, "invitation_close", made.pk)).status_code == 404
    assert browser.get(url(stranger, "invitations")).context["invitations"] == []
    answer = browser.post(url(stranger, "invitation_new"), filled(house))
    assert set(answer.context["form"].errors) == {"account", "writer"}
    with pytest.raises(XAccount.DoesNotExist):
        actions.make(
            stranger.marketer, account_id=house.account.pk, name="x", place="y", word="fox",
            writer_id=stranger.marketer.user_id,
        )  # fmt: skip
    with pytest.raises(actions.NoSuchWriter):
        actions.make(
            stranger.marketer, account_id=stranger.account.pk, name="x", place="y", word="fox",
            writer_id=house.marketer.user_id,
        )  # fmt: skip


@pytest.mark.parametrize(("kind", "type_"), [("svg", "image/svg+xml"), ("png", "image/png")])
def test_the_code_is_a_picture_without_script_or_style(browser, house, kind, type_):
    made = invited(house)
    answer = browser.get(url(house, f"invitation_{kind}", made.pk))
    assert answer["content-type"] == type_
    assert answer.content == code(
        browser.get(url(house, "invitation", made.pk)).context["address"], kind
    )
    if kind == "svg":
        assert b"style" not in answer.content
        assert b"script" not in answer.content
    else:
        assert answer.content.startswith(b"\x89PNG")


def test_the_code_leads_where_the_link_leads():
    """Read back by its own modules: what segno was given is what a phone gets."""
    import segno

    address = "https://x.com/messages/compose?recipient_id=2244994945&text=fox"
    made = segno.make(address, error="m", micro=False)
    out = io.BytesIO()
    made.save(out, kind="png", scale=20, border=4, dark="#000", light="#fff")
    assert code(address, "png") == out.getvalue()
    assert made.error in {"M", "Q", "H"}


# --- following back ---------------------------------------------------------------------------


def test_who_follows_without_being_followed_is_listed_with_xs_own_page(browser, house, settings):
    settings.X_SITE_URL = "https://x.com"
    waits = house.customer(following=False, handle="zoe_prints")
    house.customer()  # mutual
    house.customer(followed_by=False)
    gone = house.customer(following=False)
    gone.relationships.update(reachable=False)
    stopped = house.customer(following=False)
    customers.suppress(house.marketer, stopped.pk, reason="said so")
    factories.house().customer(following=False)
    page = browser.get(url(house, "follow_back"))
    (row,) = page.context["rows"]
    assert row.url.endswith(f"/customers/{waits.pk}/")
    assert row.address == "https://x.com/intent/follow?screen_name=zoe_prints"
    assert 'target="_blank"' in page.content.decode()


def test_the_list_of_whom_to_follow_back_pages(browser, house):
    made = [house.customer(following=False).handle for _ in range(53)]
    page = browser.get(url(house, "follow_back"))
    assert [row.handle for row in page.context["rows"]] == made[:2:-1]
    rest = browser.get(page.context["older_url"])
    assert [row.handle for row in rest.context["rows"]] == made[2::-1]
    back = browser.get(rest.context["newer_url"])
    assert [row.handle for row in back.context["rows"]] == made[:2:-1]


# --- a history's price and its progress -------------------------------------------------------


@pytest.fixture
def sam(house):
    return factories.browser(house.administrator)


def test_the_price_stands_there_before_anything_is_read(sam, house):
    page = sam.get(url(house, "reading", house.account.pk), {"most": "750"}).content.decode()
    assert "$1.00 for each hundred messages" in page
    assert "Read at most 750 messages, at most $15.00" in page
    assert "At most 8 calls, a minute or less." in page
    assert "$20.00 until" in page
    assert HistoryRun.everywhere.count() == 0


def test_what_the_cap_does_not_pay_for_is_said(sam, house):
    page = sam.get(url(house, "reading", house.account.pk), {"most": "10000"}).content.decode()
    assert "at most <strong>$200.00</strong>" in page
    assert "it stops there, and what was read counts" in page
    assert "so up to 90 minutes" in page


@pytest.mark.parametrize(
    ("most", "says"),
    [
        ("", "Say how many"),
        ("x", "whole number"),
        ("0", "1 or more"),
        ("1000000", "100,000 or less"),
    ],
)
def test_a_bound_that_cannot_be_is_refused_and_stays(sam, house, most, says):
    for answer in (
        sam.get(url(house, "reading", house.account.pk), {"most": most}),
        sam.post(url(house, "reading_start", house.account.pk), {"most": most}),
    ):
        assert answer.status_code == 422
        assert says in answer.context["form"].errors["most"][0]
        assert answer.context["form"]["most"].value() == most
    assert HistoryRun.everywhere.count() == 0


def test_only_an_administrator_spends_that(browser, house):
    page = browser.get(url(house, "reading", house.account.pk))
    assert "An administrator can start it." in page.content.decode()
    assert (
        browser.post(url(house, "reading_start", house.account.pk), {"most": 5}).status_code == 403
    )


@pytest.mark.django_db(transaction=True)
def test_the_progress_is_shown_and_ends_its_polling(sam, house):
    sam.post(url(house, "reading_start", house.account.pk), {"most": "300"})
    run = HistoryRun.everywhere.get()
    assert (run.most, run.started_by) == (300, house.administrator.user)
    HistoryRun.everywhere.update(done=200, waits_for="X did not answer.")
    answer = sam.get(url(house, "reading_progress", run.pk))
    assert answer.status_code == 200
    assert "200 messages read, of 300 at most." in answer.content.decode()
    assert "every 2s" in answer.content.decode()
    whole = sam.get(url(house, "reading", house.account.pk)).content.decode()
    assert "Stop reading" in whole
    assert "What it costs" not in whole
    sam.post(url(house, "reading_cancel", run.pk))
    ended = sam.get(url(house, "reading_progress", run.pk))
    assert ended.status_code == 286
    assert "every 2s" not in ended.content.decode()
    assert "after 200 messages (about $2.00)" in ended.content.decode()


def test_what_was_found_last_time_is_said(sam, house):
    run = history.start(house.administrator, house.account.pk, most=500)
    HistoryRun.everywhere.filter(pk=run.pk).update(
        state=RunState.DONE, done=312, wrote=84, permitted=61, added=40, looked_up=40, stopped=1,
        ended_at=now(),
    )  # fmt: skip
    page = sam.get(url(house, "reading", house.account.pk)).content.decode()
    said = " ".join(page.split())
    assert (
        "84 people wrote, 61 new permissions, 40 new customers, 1 said stop. About $3.52." in said
    )
    assert "Last time there were 312." in said
    offered = sam.get(url(house, "reading_offer", house.account.pk)).content.decode()
    assert "61 new permissions in 312 messages" in " ".join(offered.split())


def test_an_account_that_is_not_connected_offers_no_reading(sam, house):
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    page = sam.get(url(house, "reading", house.account.pk)).content.decode()
    assert "X shows messages to a connected account only." in page
    answer = sam.post(url(house, "reading_start", house.account.pk), {"most": "5"})
    assert answer.status_code == 422
    assert "is not connected. Connect it, then read." in answer.content.decode()


def test_another_workspaces_history_is_none(house):
    run = history.start(house.administrator, house.account.pk, most=500)
    stranger = factories.house()
    browser = factories.browser(stranger.administrator)
    assert browser.get(url(stranger, "reading", house.account.pk)).status_code == 404
    assert (
        browser.post(url(stranger, "reading_start", house.account.pk), {"most": 5}).status_code
        == 404
    )
    assert browser.get(url(stranger, "reading_progress", run.pk)).status_code == 404
    assert browser.post(url(stranger, "reading_cancel", run.pk)).status_code == 404
    assert HistoryRun.everywhere.get().cancel_asked is False


def test_the_accounts_page_offers_it(sam, house):
    page = sam.get(reverse("x:account", args=[house.slug, house.account.pk])).content.decode()
    assert url(house, "reading_offer", house.account.pk) in page
    offered = sam.get(url(house, "reading_offer", house.account.pk)).content.decode()
    assert "$1.00 a hundred" in offered


def test_an_invitation_that_was_made_long_ago_says_when(browser, house):
    made = invited(house)
    Invitation.everywhere.filter(pk=made.pk).update(created_at=now() - timedelta(days=400))
    assert browser.get(url(house, "invitation", made.pk)).status_code == 200
