"""The page of one X account: how it is connected, how its calls go, what it costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from outreach.audit.models import AuditDetail, AuditEvent
from outreach.delivery.models import AccountPace
from outreach.ground.clock import now
from outreach.x import actions
from outreach.x.account_page import account_page
from outreach.x.models import (
    AccountHealth,
    AccountState,
    DMReading,
    Expense,
    Gap,
    PausedBy,
    Stream,
    Subscription,
    XAccount,
    XApp,
    XToken,
)
from tests import factories

pytestmark = pytest.mark.django_db
PRICES = [{"from": "2000-01-01", "send_dm": "0.015", "user": "0.010"}]


@pytest.fixture(autouse=True)
def _prices(settings):
    settings.X_PRICES = PRICES


@pytest.fixture
def own_app(house) -> XApp:
    """The house's account goes through an app that the workspace brought."""
    app: XApp = XApp.objects.create(workspace=house.workspace, name="Ours", client_id="ours")
    XAccount.everywhere.filter(pk=house.account.pk).update(app=app)
    house.account.refresh_from_db()
    return app


def url_of(house, account=None, name="account") -> str:
    return reverse(f"x:{name}", args=[house.slug, (account or house.account).pk])


def visit(house, account=None, *, by=None):
    return factories.browser(by or house.marketer).get(url_of(house, account))


def words_on(response) -> str:
    return " ".join(response.content.decode().split())


def spend(account, sum_, kind="user") -> None:
    Expense.objects.create(
        app_id=account.app_id,
        account=account,
        kind=kind,
        day=now().date(),
        unit_price=Decimal(sum_),
        reserved=1,
        used=1,
    )


def fill(account) -> None:
    """Something in every part of the page."""
    for kind in ("user", "dm.received", "something.new"):
        spend(account, "0.50", kind)
    moment = now()
    window = {"scope": "endpoint", "limit": 15, "remaining": 3}
    reset = (moment + timedelta(minutes=5)).isoformat()
    AccountHealth.objects.update_or_create(
        account=account,
        defaults={
            "last_success_at": moment,
            "last_success_call": "GET /2/users",
            "last_error_at": moment - timedelta(hours=1),
            "last_error_call": "GET /2/dm_events",
            "last_error_kind": "answer_timed_out",
            "last_error_request_id": "abc-123",
            "limits": {
                "GET /2/users": {
                    "at": moment.isoformat(),
                    "windows": [window | {"reset": reset}],
                }
            },
        },
    )
    Stream.objects.update_or_create(app=account.app, defaults={"heard_at": moment})
    Gap.objects.create(app=account.app, began_at=moment, ended_at=moment)
    Subscription.objects.get_or_create(
        account=account, kind="dm.received", defaults={"x_subscription_id": "1"}
    )


# --- what it shows ---------------------------------------------------------------------------


def test_a_new_account_has_an_empty_page(house):
    response = visit(house)
    assert response.status_code == 200
    page = response.context["page"]
    assert (page.costs.kinds, page.costs.others, page.health.limits) == ([], [], ())
    words = words_on(response)
    for each in (
        "$0.00",
        "of $25",
        "At $20.00 syncs stop, at $23.75 letters wait",
        "Nothing was spent yet.",
        "X has reported none yet.",
        "Nothing was asked of X for this account yet.",
        "accounts can be connected through this app.",
    ):
        assert each in words, each


def test_a_full_page(house):
    fill(house.account)
    words = words_on(visit(house))
    for each in (
        "$1.50",
        "Looking people up",
        "Hearing incoming messages",
        "something.new",
        "3 of 15",
        "X did not answer in time.",
        "Reading its messages, X’s request abc-123",
        "what came since",
    ):
        assert each in words, each


def test_the_page_costs_the_same_however_much_there_is(house):
    browser = factories.browser(house.marketer)
    counts = []
    for more in (0, 1, 3):
        for _ in range(more):
            factories.account(house.workspace)
            fill(house.account)
            spend(factories.account(factories.workspace()), "0.1")
        browser.get(url_of(house))
        with CaptureQueriesContext(connection) as run:
            assert browser.get(url_of(house)).status_code == 200
        counts.append(len(run))
    assert counts == [counts[0]] * 3


def test_its_own_part_takes_ten_queries(house, django_assert_num_queries):
    fill(house.account)
    with django_assert_num_queries(10):
        account_page(house.marketer, house.account.pk)


def test_it_says_when_replies_cannot_be_heard_why_and_what_is_done(house):
    silent = "We cannot hear replies just now"
    fill(house.account)
    Gap.objects.all().delete()
    AccountPace.objects.update(heard_dms_at=None)
    assert silent not in words_on(visit(house))
    Stream.objects.update(heard_at=now() - timedelta(minutes=16), failure="X cannot be reached.")
    words = words_on(visit(house))
    assert words.count(silent) == 1
    assert f"letters from @{house.account.handle} wait" in words
    assert "What came since" in words
    assert words.count("X cannot be reached.") == 1
    assert "Its messages are read instead, within a few minutes, while it has letters." in words
    DMReading.objects.create(account=house.account, failure="X does not answer <b>now</b>.")
    words = words_on(visit(house))
    assert "cannot be read instead: X does not answer &lt;b&gt;now&lt;/b&gt;." in words
    XAccount.everywhere.update(state=AccountState.DISCONNECTED, disconnected_at=now())
    assert silent not in words_on(visit(house))


def test_a_limit_that_opened_since_is_shown_as_open(house, clock):
    fill(house.account)
    assert not visit(house).context["page"].health.limits[0].stale
    clock(600)
    assert visit(house).context["page"].health.limits[0].stale
    assert "15 again" in words_on(visit(house))


def test_an_avatar_is_served_by_us(house):
    assert "<img" not in words_on(visit(house))
    house.account.avatar, house.account.avatar_type = b"\x89PNG", "image/png"
    house.account.save()
    assert f'<img class="avatar" src="{url_of(house, name="avatar")}"' in words_on(visit(house))


# --- whose money -----------------------------------------------------------------------------


def test_other_workspaces_that_share_the_app_are_one_sum_without_names(house):
    sibling = factories.account(house.workspace)
    stranger = factories.house()
    spend(house.account, "1")
    spend(sibling, "2")
    spend(stranger.account, "4", "follow.follow")
    Expense.objects.create(
        app_id=house.account.app_id, kind="user", day=now().date(), unit_price=8, reserved=1
    )
    response = visit(house)
    costs = response.context["page"].costs
    assert [(line.words, line.sum) for line in costs.kinds] == [("Looking people up", "$1.00")]
    assert [(line.words, line.sum) for line in costs.others] == [
        ("Your other accounts", "$2.00"),
        ("Other workspaces that share this X app", "$4.00"),
        ("The X app itself", "$8.00"),
    ]
    assert (costs.spent, costs.account, costs.percent) == ("$15.00", "$1.00", 60)
    words = words_on(response)
    assert stranger.account.handle not in words
    assert "Hearing of new follows" not in words


@pytest.mark.parametrize(
    ("sum_", "percent", "warned", "words"),
    [
        ("19.99", 79, False, "At $20.00 syncs stop"),
        ("20", 80, True, "Syncs have stopped until"),
        ("24", 96, True, "Syncs have stopped and letters wait until"),
        ("250", 100, True, "have stopped until"),
    ],
)
def test_the_gauge_and_the_words_say_how_near_the_cap_is(house, sum_, percent, warned, words):
    spend(house.account, sum_)
    costs = visit(house).context["page"].costs
    assert (costs.percent, costs.warned, words in costs.words) == (percent, warned, True)


def test_a_cap_of_nothing_is_a_full_gauge(house, own_app):
    XApp.objects.filter(pk=own_app.pk).update(monthly_cap=0)
    response = visit(house)
    assert response.context["page"].costs.percent == 100
    assert 'low="0"' in words_on(response)  # so that the gauge has the warning's colour


# --- in error --------------------------------------------------------------------------------


def test_a_paused_account_says_why_and_who_mends_it(house):
    actions.pause_account(house.manager, house.account.pk)
    words = words_on(visit(house, by=house.manager))
    assert "Paused by Ruth Reader. Its letters wait." in words
    assert url_of(house, name="resume") in words


def test_what_connecting_again_mends_is_not_resumed_by_hand(house):
    actions.pause_account_itself(house.account.pk, by=PausedBy.TOKEN, reason="X said no.")
    response = visit(house, by=house.manager)
    assert "X said no. Its letters wait until it is connected again." in words_on(response)
    assert url_of(house, name="resume") not in words_on(response)


@pytest.mark.parametrize("by", [PausedBy.TOKEN, PausedBy.KEY, PausedBy.REVOKED])
def test_nobody_resumes_what_connecting_again_mends(house, by):
    """Neither from the list nor by a page that is still open: nothing would leave."""
    actions.pause_account_itself(house.account.pk, by=by, reason="X said no.")
    browser = factories.browser(house.manager)
    listed = words_on(browser.get(reverse("x:accounts", args=[house.slug])))
    assert "X said no." in listed
    assert url_of(house, name="resume") not in listed
    answer = browser.post(url_of(house, name="resume"), follow=True)
    assert "must be connected again" in words_on(answer)
    assert XAccount.everywhere.get(pk=house.account.pk).state == "paused"


def test_a_disconnected_account_keeps_its_page(house):
    spend(house.account, "1")
    XAccount.everywhere.filter(pk=house.account.pk).update(
        state="disconnected", disconnected_at=now()
    )
    XToken.objects.all().delete()
    words = words_on(visit(house, by=house.administrator))
    for each in ("Not connected", "its limits are kept", "No token is kept.", "$1.00"):
        assert each in words, each


def test_an_account_whose_token_is_gone_says_so(house):
    XToken.objects.all().delete()
    assert "The account counts as connected and has no token" in words_on(visit(house))


def test_what_was_not_ticked_at_x_is_named(house):
    XToken.objects.update(scopes=["dm.read", "dm.write", "tweet.read", "users.read"])
    words = words_on(visit(house))
    assert "may not see who follows whom, attach pictures, stay connected." in words
    assert "send messages, read its messages, read posts, look people up" in words


@pytest.mark.parametrize(
    ("expires_in", "refresh", "words"),
    [
        (None, b"", "X did not say when it ends."),
        (3600, b"x", "Renewed by itself before that."),
        (3600, b"", "It cannot be renewed: connect the account again before that."),
        (-60, b"x", "Fetched anew with the next call."),
        (-60, b"", "Connect the account again."),
    ],
)
def test_how_long_the_token_holds_and_what_then(house, expires_in, refresh, words):
    at = now() + timedelta(seconds=expires_in) if expires_in is not None else None
    XToken.objects.update(expires_at=at, refresh_token=refresh)
    response = visit(house)
    token = response.context["page"].token
    assert (token.words, token.refreshable) == (words, bool(refresh))
    assert token.expired == (expires_in == -60)
    assert words in words_on(response)


# --- buttons ---------------------------------------------------------------------------------


def test_pausing_leads_back_to_the_page_the_button_is_on(house):
    browser = factories.browser(house.manager)
    for back, where in (({"from": "account"}, url_of(house)), ({}, f"/w/{house.slug}/settings/x/")):
        for name in ("pause", "resume"):
            response = browser.post(url_of(house, name=name), back)
            assert (response.status_code, response["Location"]) == (302, where)


def test_a_marketer_sees_no_button_that_is_not_theirs(house, own_app):
    words = words_on(visit(house))
    for name in ("pause", "resume", "cap"):
        assert url_of(house, name=name) not in words
    assert "An administrator can change the cap." in words


def test_the_list_leads_to_the_page_and_says_scopes_in_words(house):
    response = factories.browser(house.marketer).get(f"/w/{house.slug}/settings/x/")
    words = words_on(response)
    assert f'href="{url_of(house)}"' in words
    assert ", may send messages" in words
    assert "dm.write" not in words


# --- the cap ---------------------------------------------------------------------------------


def set_cap(house, **fields):
    browser = factories.browser(house.administrator)
    return browser.post(url_of(house, name="cap"), fields)


def test_an_administrator_sets_the_cap_of_an_app_of_the_workspace(house, own_app):
    assert url_of(house, name="cap") in words_on(visit(house, by=house.administrator))
    response = set_cap(house, monthly_cap="12.50", warn_percent="60")
    assert (response.status_code, response["Location"]) == (302, url_of(house))
    own_app.refresh_from_db()
    assert (own_app.monthly_cap, own_app.warn_percent) == (Decimal("12.50"), 60)
    event = AuditEvent.objects.get(verb="x_app.cap_set")
    assert (event.workspace_id, event.actor_id, event.target_id) == (
        house.workspace.pk,
        house.administrator.user_id,
        own_app.pk,
    )
    assert AuditDetail.objects.get(event=event).details == {
        "cap": "12.50",
        "was": "25.00",
        "warn_percent": 60,
    }


@pytest.mark.parametrize(
    ("cap", "warn", "said"),
    [
        ("", "80", "Give a sum, such as 25."),
        ("much", "80", "Give a sum, such as 25 or 12.50."),
        ("-1", "80", "Give 0 or more."),
        ("1e12", "80", "Give less than ten million."),
        ("NaN", "80", "Give a sum, such as 25 or 12.50."),
        ("1.005", "80", "Give no more than two places after the point."),
        ("25", "", "Give a share, such as 80."),
        ("25", "0", "Give 1 or more."),
        ("25", "101", "Give 100 or less."),
        ("25", "half", "Give a whole number, such as 80."),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused_beside_its_field(house, own_app, cap, warn, said):
    response = set_cap(house, monthly_cap=cap, warn_percent=warn)
    assert response.status_code == 422
    words = words_on(response)
    assert words.count(said) >= 2  # in the summary and at the field
    assert f'value="{cap}"' in words or not cap
    assert 'type="number"' not in words  # a browser would send nothing of a word
    assert '<details class="more-form" open>' in words
    own_app.refresh_from_db()
    assert own_app.monthly_cap == 25


def test_a_shared_app_s_cap_is_shown_and_not_to_be_set_here(house):
    words = words_on(visit(house, by=house.administrator))
    assert "whoever runs Outreach sets its cap." in words
    assert url_of(house, name="cap") not in words
    for cap in ("50", "nonsense"):
        assert set_cap(house, monthly_cap=cap, warn_percent="80").status_code == 404
    assert XApp.objects.get(pk=house.account.app_id).monthly_cap == 25


def test_another_workspaces_app_is_out_of_reach(house, own_app):
    """Nor through an account that went through it once."""
    other = factories.house()
    XAccount.everywhere.filter(pk=other.account.pk).update(app=own_app)
    with pytest.raises(XApp.DoesNotExist):
        actions.set_cap(
            other.administrator, other.account.pk, monthly_cap=Decimal(1), warn_percent=80
        )
    with pytest.raises(XAccount.DoesNotExist):
        actions.set_cap(
            other.administrator, house.account.pk, monthly_cap=Decimal(1), warn_percent=80
        )


# --- the operator's command ------------------------------------------------------------------


def operate(*arguments) -> str:
    out = StringIO()
    call_command("set_cap", *arguments, stdout=out)
    return out.getvalue()


def test_the_operator_sets_the_installations_cap(house):
    said = operate("$1,000", "--warn", "50")
    app = XApp.objects.get(pk=house.account.app_id)
    assert (app.monthly_cap, app.warn_percent) == (1000, 50)
    assert said.startswith("This month: $0.00 of $1,000. At $500.00 syncs stop")
    operate("30")
    app.refresh_from_db()
    assert (app.monthly_cap, app.warn_percent) == (30, 50)
    assert AuditEvent.objects.filter(verb="x_app.cap_set", workspace_id=None).count() == 2


def test_it_can_be_set_before_any_account_is_connected(db):
    assert not XApp.objects.exists()
    operate("40")
    assert XApp.objects.get().monthly_cap == 40


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["much"], "Give a sum, such as 25 or 12.50."),
        (["-5"], "Give 0 or more."),
        (["25", "--warn", "0"], "Give 1 or more."),
        (["25", "--app", "nobody's"], "no X app of its own called nobody's"),
    ],
)
def test_the_operator_is_told_what_is_wrong(db, arguments, said):
    with pytest.raises(CommandError, match=said.replace("(", r"\(")):
        operate("--", *arguments) if arguments[0].startswith("-") else operate(*arguments)


def test_a_brought_app_is_not_the_operators(house, own_app):
    with pytest.raises(CommandError):
        operate("25", "--app", own_app.name)


def test_a_cap_is_set_after_whoever_spends_near_it_now(transactional_db):
    """The same lock: a cap lowered meanwhile holds for the next, not half for this one."""
    from outreach.x import caps
    from tests.delivery.meanwhile import somebody_waits_for_a_lock, threads, wait_until

    app_id = factories.house().account.app_id
    with threads(1) as start:
        with transaction.atomic():
            caps.locked(app_id)
            setting = start(
                lambda: actions.set_installation_cap(
                    actions.INSTALLATION_APP, monthly_cap=Decimal(1), warn_percent=80
                )
            )
            wait_until(somebody_waits_for_a_lock)
            assert not setting.done()
        setting.result()
    assert XApp.objects.get(pk=app_id).monthly_cap == 1
