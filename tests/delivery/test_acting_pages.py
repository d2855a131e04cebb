"""What people do from the schedule: who may, what it says, and that a second press does no harm."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils.html import escape

from outreach.audit.models import AuditEvent
from outreach.delivery.models import Delivery, Pause
from outreach.ground.clock import now
from outreach.x.models import XAccount
from tests import factories
from tests.delivery.scheduled import campaign, letter, page, paused, queries_of, said, seen, unsure
from tests.delivery.test_actions import put

ROLES = ["marketer", "manager", "administrator"]


@pytest.fixture
def delivery(house) -> Delivery:
    return factories.delivery(house)


def post(house, name, number=None, data=None, *, role="manager", follow=True, htmx=False):
    client = factories.browser(getattr(house, role), htmx=htmx)
    ids = [] if number is None else [number]
    return client.post(page(house, name, *ids), data or {}, follow=follow)


def fresh(delivery: Delivery) -> Delivery:
    delivery.refresh_from_db()
    return delivery


# --- back to where one was ---------------------------------------------------------------------


def test_an_act_leads_back_to_the_list_it_was_done_in(house, delivery):
    here = f"{page(house, 'schedule')}?state=waiting&who=maria"
    response = post(house, "cancel", delivery.pk, {"next": here}, follow=False)
    assert (response.status_code, response["Location"]) == (302, here)


def test_without_a_list_it_leads_to_the_letter(house, delivery):
    response = post(house, "cancel", delivery.pk, follow=False)
    assert response["Location"] == page(house, "letter", delivery.revision.draft_id)


@pytest.mark.parametrize(
    "there", ["https://example.com/", "//example.com/", "/sign-out/", "\\\\example.com", "x"]
)
def test_it_leads_nowhere_else(house, delivery, there):
    response = post(house, "cancel", delivery.pk, {"next": there}, follow=False)
    assert response["Location"] == page(house, "letter", delivery.revision.draft_id)


def test_it_leads_into_no_other_workspace(house, delivery):
    there = page(factories.house(), "schedule")
    response = post(house, "cancel", delivery.pk, {"next": there}, follow=False)
    assert response["Location"] == page(house, "letter", delivery.revision.draft_id)


def test_by_htmx_the_answer_is_the_list_as_it_is_then(house, delivery):
    here = page(house, "schedule")
    response = post(house, "cancel", delivery.pk, {"next": here}, htmx=True)
    assert response.context["rows"] == []
    assert said(response) == [
        f"The letter to {delivery.customer.name} is cancelled; it does not leave."
    ]


# --- a new time --------------------------------------------------------------------------------


def moment(days: int = 2, clock: str = "10:30") -> str:
    return f"{(now() + timedelta(days=days)).date()}T{clock}"


def of(typed: str, zone: str) -> datetime:
    return datetime.fromisoformat(typed).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("state", ["queued", "blocked"])
def test_every_member_gives_a_letter_a_new_time(house, delivery, role, state):
    put(delivery, state)
    typed = moment()
    response = post(house, "reschedule", delivery.pk, {"due_at": typed, "clock": "mine"}, role=role)
    assert fresh(delivery).due_at == delivery.look_at == of(typed, "UTC")
    assert (delivery.state, delivery.reason) == ("queued", "")
    assert delivery.leave_by == delivery.due_at + timedelta(days=3)
    (words,) = said(response)
    assert words.startswith(f"The letter to {delivery.customer.name} leaves ")


@pytest.mark.parametrize(
    ("clock", "zone"), [("mine", "America/New_York"), ("theirs", "Asia/Singapore")]
)
def test_the_time_is_by_the_readers_clock_or_by_the_customers(house, clock, zone):
    user = house.marketer.user
    user.time_zone = "America/New_York"
    user.save()
    delivery = letter(house, house.customer(time_zone="Asia/Singapore"))
    typed = moment()
    data = {"due_at": typed, "clock": clock}
    post(house, "reschedule", delivery.pk, data, role="marketer")
    assert fresh(delivery).due_at == of(typed, zone)


def test_whose_zone_is_not_known_has_the_workspaces_and_the_form_says_so(house, delivery):
    response = factories.browser(house.marketer).get(page(house, "reschedule", delivery.pk))
    assert escape("as theirs is not known") in response.content.decode()


@pytest.mark.parametrize(
    ("typed", "clock", "wrong"),
    [
        ("", "mine", "Say when it is to leave."),
        ("soon", "mine", "Give a day and a time, such as"),
        ("2026-99-99T10:00", "mine", "Give a day and a time, such as"),
        ("2020-01-01T10:00", "mine", "That time is over."),
        ("2099-01-01T10:00", "mine", "That is more than a year away."),
        (None, "", "Say by whose clock the time is meant."),
        (None, "ours", "Choose one of these clocks."),
    ],
)
def test_a_time_that_cannot_be_is_answered_beside_the_field_and_kept(
    house, delivery, typed, clock, wrong
):
    typed = moment() if typed is None else typed
    before = fresh(delivery).due_at
    here = f"{page(house, 'schedule')}?who=maria"
    data = {"due_at": typed, "clock": clock, "next": here}
    response = post(house, "reschedule", delivery.pk, data)
    html = response.content.decode()
    assert response.status_code == 422
    assert wrong in html
    assert f'value="{typed}"' in html or not typed
    assert escape(here) in html
    assert fresh(delivery).due_at == before


@pytest.mark.parametrize("state", ["sending", "sent", "failed", "cancelled", "uncertain"])
def test_what_does_not_wait_gets_no_new_time_and_the_page_says_why(house, delivery, state):
    put(delivery, state)
    client = factories.browser(house.marketer)
    asked = client.get(page(house, "reschedule", delivery.pk)).content.decode()
    assert "This letter is not waiting any more" in asked
    response = post(house, "reschedule", delivery.pk, {"due_at": moment(), "clock": "mine"})
    assert fresh(delivery).state == state
    assert "not waiting any more" in said(response)[0]


def test_the_form_proposes_the_time_it_has_and_none_that_is_over(house):
    soon = letter(house)
    client = factories.browser(house.marketer)
    assert 'value="20' not in client.get(page(house, "reschedule", soon.pk)).content.decode()
    later = now() + timedelta(days=1)
    Delivery.everywhere.filter(pk=soon.pk).update(due_at=later)
    html = client.get(page(house, "reschedule", soon.pk)).content.decode()
    assert f'value="{later:%Y-%m-%dT%H:%M}"' in html


# --- a second press ----------------------------------------------------------------------------


def test_cancelling_twice_says_so_and_does_nothing_twice(house, delivery):
    post(house, "cancel", delivery.pk)
    events = AuditEvent.objects.count()
    response = post(house, "cancel", delivery.pk)
    assert said(response) == ["This letter is not waiting any more, so there is nothing to cancel."]
    assert AuditEvent.objects.count() == events


@pytest.mark.parametrize(
    ("name", "model"),
    [("pause_all", Pause), ("pause_account", None), ("pause_campaign", Pause)],
)
def test_pausing_and_resuming_twice_is_like_once(house, delivery, name, model):
    fox = campaign(house)
    number = {"pause_account": house.account.pk, "pause_campaign": fox.pk}.get(name)

    def are_paused() -> int:
        accounts = XAccount.everywhere.filter(state="paused").count()
        return accounts + Pause.objects.count()

    for _ in range(2):
        assert post(house, name, number).status_code == 200
        assert are_paused() == 1
    resume = name.replace("pause", "resume")
    for _ in range(2):
        assert post(house, resume, number).status_code == 200
        assert are_paused() == 0


# --- pausing -----------------------------------------------------------------------------------


PAUSING = [
    "pause_all", "resume_all", "pause_account", "resume_account", "pause_campaign",
    "resume_campaign",
]  # fmt: skip


@pytest.mark.parametrize("name", PAUSING)
def test_only_managers_pause_and_resume(house, delivery, name):
    fox = campaign(house)
    paused(house, fox)
    paused(house)
    number = {"account": house.account.pk, "campaign": fox.pk}.get(name.partition("_")[2])
    assert post(house, name, number, role="marketer").status_code == 403
    assert Pause.objects.count() == 2
    for role in ("manager", "administrator"):
        assert post(house, name, number, role=role).status_code == 200


def test_a_pause_says_who_and_can_be_lifted_where_it_is_seen(house, delivery):
    response = post(house, "pause_all")
    assert said(response) == ["All letters are paused. Nothing leaves until somebody resumes them."]
    (hold,) = response.context["holds"]
    assert hold.title == "All letters are paused"
    assert hold.reason == f"All letters of {house.workspace.name} were paused by Ruth Reader."
    assert hold.since is not None
    assert page(house, "resume_all") in response.content.decode()
    response = post(house, "resume_all")
    assert (said(response), response.context["holds"]) == (["Letters leave again."], [])


@pytest.mark.parametrize("name", [*PAUSING, "cancel_campaign"])
def test_nobody_else_pauses_or_cancels(house, delivery, name):
    fox = campaign(house)
    paused(house, fox)
    letter(house, of_campaign=fox)
    stranger = factories.house()
    number = {"account": house.account.pk, "campaign": fox.pk}.get(name.partition("_")[2])
    if number is not None:
        assert post(stranger, name, number).status_code == 404
    client = factories.browser(stranger.administrator)
    ids = [] if number is None else [number]
    assert client.post(page(house, name, *ids)).status_code == 404
    assert Pause.objects.filter(workspace=house.workspace).count() == 1
    assert not Delivery.everywhere.filter(state="cancelled").exists()


# --- a whole campaign --------------------------------------------------------------------------


@pytest.fixture
def fox(house):
    """A campaign of which something has become of every kind; beside it other letters."""
    made = campaign(house)
    for state in ("queued", "queued", "blocked", "sending", "sent", "uncertain", "failed"):
        put(letter(house, of_campaign=made), state)
    letter(house)
    return made


def test_cancelling_a_campaign_asks_first_with_how_many_letters_that_are(house, fox):
    client = factories.browser(house.marketer)
    html = client.get(page(house, "cancel_campaign", fox.pk)).content.decode()
    assert "<strong>3 letters</strong> will not be sent" in html
    assert Delivery.everywhere.filter(state="cancelled").count() == 0


@pytest.mark.parametrize("role", ROLES)
def test_every_member_cancels_what_has_not_left_of_a_campaign_and_nothing_else(house, fox, role):
    response = post(house, "cancel_campaign", fox.pk, role=role)
    assert said(response) == ["3 letters are cancelled: all of Fox tee that had not left."]
    states = sorted(Delivery.everywhere.values_list("campaign", "state"), key=str)
    assert states == sorted(
        [(fox.pk, state) for state in ("cancelled", "cancelled", "cancelled", "sending", "sent",
                                       "uncertain", "failed")] + [(None, "queued")], key=str,
    )  # fmt: skip
    reasons = Delivery.everywhere.filter(state="cancelled").values_list("reason", flat=True)
    who = getattr(house, role).name
    assert set(reasons) == {f"Fox tee was cancelled by {who}."}
    events = AuditEvent.objects.filter(verb="delivery.cancelled").select_related("detail", "actor")
    assert sorted(event.detail.details["was"] for event in events) == [
        "blocked",
        "queued",
        "queued",
    ]
    assert {event.actor.name for event in events if event.actor} == {who}


def test_cancelling_it_again_cancels_nothing_and_says_so(house, fox):
    post(house, "cancel_campaign", fox.pk)
    response = post(house, "cancel_campaign", fox.pk)
    assert said(response) == ["Nothing of Fox tee was left to cancel."]
    html = factories.browser(house.marketer).get(page(house, "cancel_campaign", fox.pk))
    assert "Nothing of this campaign is left to cancel." in html.content.decode()


def test_a_campaign_is_cancelled_in_the_same_queries_however_large(
    house, django_assert_num_queries
):
    from outreach.delivery.actions import cancel_campaign

    counts = []
    for size in (1, 3):
        made = campaign(house, f"Fox {size}")
        for _ in range(size):
            letter(house, of_campaign=made)
        with django_assert_num_queries(9 if not counts else counts[0], exact=False) as captured:
            assert cancel_campaign(house.marketer, made.pk) == size
        counts.append(len(captured))
    assert counts[0] == counts[1]


# --- one that is unsure ------------------------------------------------------------------------


def test_only_managers_decide(house, delivery):
    unsure(delivery)
    for name in ("arrived", "send_again"):
        assert post(house, name, delivery.pk, role="marketer").status_code == 403
    assert fresh(delivery).state == "uncertain"


def test_a_manager_says_that_it_arrived(house, delivery):
    unsure(delivery)
    response = post(house, "arrived", delivery.pk, {"message": ""})
    assert said(response) == [f"The letter to {delivery.customer.name} counts as sent."]
    assert fresh(delivery).state == "sent"


def test_a_manager_has_it_sent_again(house, delivery):
    unsure(delivery)
    response = post(house, "send_again", delivery.pk)
    assert said(response) == [f"The letter to {delivery.customer.name} is sent again."]
    assert fresh(delivery).state == "queued"


def test_a_message_that_x_shows_is_claimed_with_it(house, delivery):
    attempt = unsure(delivery)
    seen(delivery, 77, b"x" * 32)
    post(house, "arrived", delivery.pk, {"message": "77"})
    attempt.refresh_from_db()
    assert (fresh(delivery).state, delivery.dm_event_id, attempt.dm_event_id) == ("sent", 77, 77)


@pytest.mark.parametrize("number", ["x", "-1", "٣", "9" * 30])
def test_a_message_that_is_none_is_404(house, delivery, number):
    unsure(delivery)
    assert post(house, "arrived", delivery.pk, {"message": number}).status_code == 404
    assert fresh(delivery).state == "uncertain"


@pytest.mark.parametrize("name", ["arrived", "send_again"])
def test_what_is_settled_meanwhile_is_not_decided_any_more(house, delivery, name):
    unsure(delivery)
    put(delivery, "sent")
    response = post(house, name, delivery.pk)
    assert response.status_code == 200
    assert fresh(delivery).state == "sent"
    assert len(said(response)) == 1


@pytest.mark.parametrize("name", ["arrived", "send_again", "reschedule"])
def test_nobody_else_touches_a_letter(house, delivery, name):
    unsure(delivery)
    stranger = factories.house()
    assert post(stranger, name, delivery.pk).status_code == 404
    client = factories.browser(stranger.administrator)
    assert client.post(page(house, name, delivery.pk)).status_code == 404
    assert fresh(delivery).state == "uncertain"


# --- what the pages cost -----------------------------------------------------------------------


def test_asking_costs_the_same_whatever_else_there_is(house, delivery, fox):
    client = factories.browser(house.marketer)
    urls = [page(house, "reschedule", delivery.pk), page(house, "cancel_campaign", fox.pk)]
    first = [queries_of(client, url) for url in urls]
    for _ in range(2):
        letter(house, of_campaign=fox)
    assert [queries_of(client, url) for url in urls] == first
