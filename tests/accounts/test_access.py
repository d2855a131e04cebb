"""Who may do what: one mechanism, and nothing goes around it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest
from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist
from django.urls import URLPattern, URLResolver, get_resolver, reverse

import accounts
import outreach
from accounts.access import NEEDS, RANK, Act, Member, NotAllowed, action, member_of
from accounts.models import Membership, Role
from outreach.audit.models import AuditEvent
from outreach.customers import actions as customers
from outreach.customers.erasing import actions as erasing
from outreach.customers.finding import actions as finding
from outreach.customers.finding.criteria import Criteria
from outreach.customers.history import actions as history
from outreach.customers.imports import actions as imports
from outreach.customers.invitations import actions as invitations
from outreach.customers.models import Permission, Segment, Sweep
from outreach.customers.sync import actions as syncs
from outreach.delivery import actions as deliveries
from outreach.delivery import decisions, pausing
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign
from outreach.ground.clock import now
from outreach.ground.scope import WorkspaceRow
from outreach.x import actions as x
from outreach.x import connections
from outreach.x.models import XApp
from tests import factories

pytestmark = pytest.mark.django_db

# Addresses that anybody may open, and why.
OPEN_TO_ALL = {
    "home": "sends on to where one belongs",
    "healthz": "says only that the process answers",
    "x_callback": "X's way back; signed in, and the state says which workspace's view finishes",
    "x_webhook": "X calls, and proves itself by a signature",
    "accounts:sign_in": "the way in",
    "accounts:sign_out": "the way out",
    "accounts:invitation": "the way in; the token decides",
    "accounts:theme": "a cookie, no data",
    "accounts:workspaces": "the reader's own workspaces only",
}


def patterns(resolver=None, prefix="", names=""):
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            below = f"{names}{entry.namespace}:" if entry.namespace else names
            yield from patterns(entry, prefix + str(entry.pattern), below)
        elif isinstance(entry, URLPattern):
            yield prefix + str(entry.pattern), f"{names}{entry.name}", entry.callback


BELOW = [found for found in patterns() if found[0].startswith("w/<slug:slug>/")]
NAMES = [name for _, name, _ in BELOW]


def url_of(name: str, slug: str, number: int = 1) -> str:
    ids = ["draft_id", "revision_id", "customer_id", "account_id", "delivery_id", "app_id"]
    ids += [
        "campaign_id",
        "invitation_id",
        "run_id",
        "permission_id",
        "import_id",
        "segment_id",
        "sweep_id",
    ]
    route = next(route for route, each, _ in BELOW if each == name)
    values = {each: number for each in ids if f"<int:{each}>" in route}
    return reverse(name, kwargs={"slug": slug} | values)


def call(browser, name: str, url: str):
    """GET, or POST where the address takes nothing else."""
    response = browser.get(url)
    return browser.post(url) if response.status_code == 405 else response


# --- the walks -------------------------------------------------------------------------------


def test_every_address_of_a_workspace_goes_through_member_view():
    assert len(BELOW) >= 20
    assert [
        route for route, _, view in BELOW if not isinstance(getattr(view, "act", None), Act)
    ] == []


def test_every_other_address_is_open_on_purpose():
    assert {name for _, name, _ in patterns()} - set(NAMES) == set(OPEN_TO_ALL)


def rooms():
    yield from ("accounts." + found.name for found in pkgutil.iter_modules(accounts.__path__))
    yield from (found.name for found in pkgutil.walk_packages(outreach.__path__, "outreach."))


def public_functions(module):
    return {
        name: function
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


# Modules of actions that are called otherwise.
BY_NAME = (".x.connections", ".delivery.decisions", ".delivery.pausing")
ACTIONS = [name for name in rooms() if name.endswith(("actions", *BY_NAME))]


def test_the_walk_finds_the_rooms():
    assert {"accounts.actions", "outreach.audit.actions", "outreach.customers.actions"} < set(
        ACTIONS
    )
    assert {"outreach.drafts.actions", "outreach.delivery.actions", "outreach.x.actions"} < set(
        ACTIONS
    )
    assert "outreach.drafts.policy_actions" in ACTIONS


@pytest.mark.parametrize("name", ACTIONS)
def test_every_public_function_of_actions_is_an_action_a_step_or_the_engines(name):
    found = public_functions(importlib.import_module(name))
    assert found
    unmarked = [
        name
        for name, function in found.items()
        if not isinstance(getattr(function, "kind", None), Act)
        and getattr(function, "kind", None) not in ("step", "engine")
    ]
    assert unmarked == []


@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_no_members_action_takes_no_member(name):
    """An engine's action checks nobody's role: a member passed to it would be trusted blindly."""
    for found, function in public_functions(importlib.import_module(name)).items():
        if function.kind in ("step", "engine"):
            assert "member" not in inspect.signature(function).parameters, found


# --- the policy ------------------------------------------------------------------------------


def test_roles_nest():
    assert sorted(RANK, key=RANK.__getitem__) == [Role.MARKETER, Role.MANAGER, Role.ADMINISTRATOR]
    assert set(NEEDS) == set(Act)


@pytest.mark.parametrize(
    ("role", "acts"),
    [
        (Role.MARKETER, {Act.LOOK, Act.WRITE}),
        (Role.MANAGER, {Act.LOOK, Act.WRITE, Act.REVIEW}),
        (Role.ADMINISTRATOR, set(Act)),
    ],
)
def test_each_role_may_exactly_this(house, role, acts):
    member = factories.member(house.workspace, role)
    assert {act for act in Act if member.may(act)} == acts


def test_a_refusal_says_who_may_and_who_one_is(house):
    with pytest.raises(NotAllowed) as refused:
        house.marketer.require(Act.REVIEW)
    assert str(refused.value) == "Only a manager may decide on letters. You are here as a marketer."
    with pytest.raises(NotAllowed) as refused:
        house.manager.require(Act.ADMINISTER)
    assert str(refused.value) == (
        "Only an administrator may administer the workspace. You are here as a manager."
    )


# --- pages -----------------------------------------------------------------------------------


def test_signed_out_one_is_sent_to_sign_in_and_back(house):
    browser = factories.browser(None)
    for name in NAMES:
        url = url_of(name, house.slug)
        response = browser.get(url)
        assert (response.status_code, response["Location"]) == (302, f"/sign-in/?next={url}")


def test_signed_out_a_part_sends_the_whole_page(house):
    here = reverse("insights:today", args=[house.slug])
    browser = factories.browser(None, htmx=True)
    for name in NAMES:
        response = browser.post(
            url_of(name, house.slug), headers={"HX-Current-URL": f"http://testserver{here}"}
        )
        assert (response.status_code, response.content) == (204, b"")
        assert response["HX-Redirect"] == f"/sign-in/?next={here}"


def test_signed_out_a_foreign_page_is_not_gone_back_to(house):
    browser = factories.browser(None, htmx=True)
    response = browser.post(
        url_of("drafts:new", house.slug), headers={"HX-Current-URL": "https://evil.example/w/x/"}
    )
    assert response["HX-Redirect"] == "/sign-in/?next=/"


def test_signed_out_nobody_learns_which_workspaces_exist(house):
    answers = [
        factories.browser(None).get(f"/w/{slug}/review/").status_code
        for slug in (house.slug, "no-such-workspace")
    ]
    assert answers == [302, 302]


def test_who_is_no_member_gets_404_as_if_there_were_no_workspace(house):
    stranger = factories.browser(factories.house().administrator)
    for name in NAMES:
        there = call(stranger, name, url_of(name, house.slug))
        nowhere = call(stranger, name, url_of(name, "no-such-workspace"))
        assert (there.status_code, nowhere.status_code) == (404, 404), name
        assert house.workspace.name not in there.content.decode()


REFUSED = [(name, view.act) for _, name, view in BELOW if view.act in (Act.REVIEW, Act.ADMINISTER)]


def test_a_role_that_does_not_reach_is_told_so(house):
    assert len(REFUSED) >= 6
    for name, act in REFUSED:
        member = house.marketer if act is Act.REVIEW else house.manager
        response = call(factories.browser(member), name, url_of(name, house.slug))
        sentence = f"{NEEDS[act].label.lower()} may {act.value}. You are here as a {member.role}."
        assert response.status_code == 403, name
        assert sentence in response.content.decode(), name


def test_a_letter_of_the_house_is_never_kept_by_the_browser(house):
    house.customer()
    browser = factories.browser(house.administrator)
    for name in NAMES:
        response = browser.get(url_of(name, house.slug, 10**9))
        if response.status_code == 200:
            assert "no-store" in response["Cache-Control"], name


# --- actions ---------------------------------------------------------------------------------


def every_member_action():
    for module in ACTIONS:
        for name, function in public_functions(importlib.import_module(module)).items():
            if isinstance(function.kind, Act):
                yield f"{module}.{name}", function


MEMBER_ACTIONS = dict(every_member_action())


def arguments_of(function):
    """Something for each argument; an action that got as far as using one has failed."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    positional = [1 for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = {p.name: "1" for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    return positional, named


def test_an_action_refuses_who_is_no_member_any_more(house):
    member = house.administrator
    Membership.objects.filter(user=member.user, workspace=house.workspace).delete()
    before = AuditEvent.objects.count()
    for function in MEMBER_ACTIONS.values():
        positional, named = arguments_of(function)
        with pytest.raises(NotAllowed, match="no longer a member"):
            function(member, *positional, **named)
    assert AuditEvent.objects.count() == before


def test_an_action_refuses_a_role_that_is_only_claimed(house):
    """The member that is handed in says administrator; the database says otherwise."""
    stranger = Member(factories.house().administrator.user, house.workspace, Role.ADMINISTRATOR)
    marketer = Member(house.marketer.user, house.workspace, Role.ADMINISTRATOR)
    for function in MEMBER_ACTIONS.values():
        positional, named = arguments_of(function)
        with pytest.raises(NotAllowed, match="no longer a member"):
            function(stranger, *positional, **named)
        if RANK[NEEDS[function.kind]] > 1:
            with pytest.raises(NotAllowed, match=f"may {function.kind.value}"):
                function(marketer, *positional, **named)


def test_a_role_taken_away_between_page_and_act_no_longer_serves(house):
    """The member was read when the page was loaded; the action reads it anew."""
    revision = factories.submitted(house)
    manager = house.manager
    assert manager.may(Act.REVIEW)
    Membership.objects.filter(user=manager.user).update(role=Role.MARKETER)
    with pytest.raises(NotAllowed, match="Only a manager may decide on letters"):
        drafts.decide(
            manager,
            revision.pk,
            decision=drafts.Decision.APPROVE,
            text_sha256=revision.text_sha256,
        )
    revision.draft.refresh_from_db()
    assert (revision.draft.state, revision.reviews.count()) == ("in_review", 0)


def test_a_role_taken_away_while_a_page_is_answered(house, monkeypatch):
    """Between the view's look and the action's own."""
    real = drafts.decide

    def taken_away_first(*args, **kwargs):
        Membership.objects.filter(user=house.manager.user).update(role=Role.MARKETER)
        return real(*args, **kwargs)

    monkeypatch.setattr(drafts, "decide", taken_away_first)
    revision = factories.submitted(house)
    response = factories.browser(house.manager).post(
        reverse("drafts:review", args=[house.slug, revision.pk]),
        {"decision": "approve", "sha256": revision.text_sha256},
    )
    assert response.status_code == 403
    assert revision.reviews.count() == 0


def test_an_action_runs_with_the_role_of_now(house):
    seen = []

    @action(Act.LOOK)
    def look(member: Member) -> None:
        seen.append(member.role)

    look(Member(house.marketer.user, house.workspace, Role.ADMINISTRATOR))
    assert seen == [Role.MARKETER]


def test_membership_is_by_user_and_workspace(house):
    other = factories.house()
    assert member_of(house.marketer.user, other.slug) is None
    assert member_of(house.marketer.user, "no-such") is None
    found = member_of(house.marketer.user, house.slug)
    assert found == house.marketer


# --- another workspace's rows, through every action and every address --------------------------


@pytest.fixture
def two(house):
    """A workspace with something of everything, and a stranger who runs another one."""
    letter = factories.delivery(house)
    criteria = Criteria(mutual="yes")
    finding.save_segment(house.marketer, name="Mutuals", criteria=criteria)
    finding.count_exactly(house.marketer, criteria=criteria)
    other = factories.house()
    factories.delivery(other)
    for each in (house, other):
        Campaign.objects.create(workspace=each.workspace, name="Fox tee", author=each.marketer.user)
    connections.bring_app(
        house.administrator, name="Ours", client_id="ours", client_secret="our secret"
    )
    return house, letter, other


def everything():
    """All rows that a stranger could touch, with all they say."""

    def said(row):
        return repr([bytes(value) if isinstance(value, memoryview) else value for value in row])

    return {
        model.__name__: sorted(map(said, model.everywhere.values_list()))
        for model in apps.get_models()
        if issubclass(model, WorkspaceRow)
    }


def begun(house):
    """An invitation, and the reading of a history."""
    invitation = invitations.make(
        house.marketer,
        account_id=house.account.pk,
        name="Ours",
        place="here",
        word="fox",
        writer_id=house.marketer.user_id,
    )
    return invitation, history.start(house.administrator, house.account.pk, most=5)


def test_no_action_touches_another_workspaces_rows(two):
    house, letter, other = two
    waiting = factories.submitted(house)
    boss = other.administrator
    app = XApp.objects.get(workspace=house.workspace)
    way = {"state": "state", "verifier": "verifier"}
    consent = connections.begin_consent(house.administrator, app_id=None, account_id=None, **way)
    fox = Campaign.objects.of(house.marketer).get()
    draft, words, theirs = factories.draft(house), drafts.Words("Hi"), other.customer()
    invitation, reading = begun(house)
    permission = Permission.everywhere.get(customer_id=letter.customer_id)
    given = customers.Given(now(), "a fair", "card 12")
    file = imports.upload(house.marketer, "people.csv", [b"handle\nana\n"])
    before, events = everything(), AuditEvent.objects.count()
    attempts = [
        lambda: drafts.start(boss, customer_id=letter.customer_id, x_account_id=other.account.pk),
        lambda: drafts.start(boss, customer_id=theirs.pk, x_account_id=house.account.pk),
        lambda: drafts.save(boss, draft.pk, version=draft.version, words=words),
        lambda: drafts.submit(boss, draft.pk, version=draft.version, words=words),
        lambda: drafts.take_back(boss, waiting.draft_id),
        lambda: drafts.decide(
            boss,
            waiting.pk,
            decision=drafts.Decision.APPROVE,
            text_sha256=waiting.text_sha256,
        ),
        lambda: drafts.undo_approval(boss, letter.revision_id),
        lambda: deliveries.cancel(boss, letter.pk),
        lambda: deliveries.try_again(boss, letter.pk),
        lambda: deliveries.reschedule(boss, letter.pk, now()),
        lambda: deliveries.cancel_campaign(boss, fox.pk),
        lambda: decisions.it_arrived(boss, letter.pk, None),
        lambda: decisions.send_again(boss, letter.pk),
        lambda: pausing.pause_campaign(boss, fox.pk),
        lambda: pausing.resume_campaign(boss, fox.pk),
        lambda: customers.suppress(boss, letter.customer_id, reason="stop"),
        lambda: invitations.make(
            boss,
            account_id=house.account.pk,
            name="Mine",
            place="here",
            word="heron",
            writer_id=boss.user_id,
        ),
        lambda: invitations.close(boss, invitation.pk),
        lambda: history.start(boss, house.account.pk, most=5),
        lambda: history.cancel(boss, reading.pk),
        lambda: customers.record_permission(boss, letter.customer_id, given=given),
        lambda: customers.withdraw_permission(boss, permission.pk),
        lambda: customers.lift_suppression(boss, letter.customer_id, reason="so", given=given),
        lambda: erasing.erase(boss, letter.customer_id),
        lambda: erasing.hand_out(boss, letter.customer_id),
        lambda: finding.tag_chosen(boss, [letter.customer_id], tag="fair"),
        lambda: finding.tag_chosen(boss, [theirs.pk, letter.customer_id], tag="fair"),
        lambda: finding.merge(boss, letter.customer_id, theirs.pk),
        lambda: finding.merge(boss, theirs.pk, letter.customer_id),
        lambda: finding.remove_segment(boss, Segment.objects.of(house.marketer).get().pk),
        lambda: finding.stop_sweep(boss, Sweep.objects.of(house.marketer).get().pk),
        lambda: syncs.start(boss, house.account.pk, kind="lists", price="$99"),
        lambda: syncs.cancel(boss, house.account.pk),
        lambda: syncs.choose(boss, house.account.pk, daily="lists", adopt=True, owns_app=True),
        lambda: x.pause_account(boss, house.account.pk),
        lambda: x.resume_account(boss, house.account.pk),
        lambda: connections.begin_consent(boss, app_id=app.pk, account_id=None, **way),
        lambda: connections.begin_consent(boss, app_id=None, account_id=house.account.pk, **way),
        lambda: connections.use_consent(boss, consent.pk),
        lambda: connections.connect_account(
            boss, app_id=app.pk, x_user_id=1, handle="a", name="A", pair=x.Pair("token")
        ),
        lambda: connections.erase_tokens(boss, house.account.pk),
        lambda: connections.change_app(boss, app.pk, name="Mine", secrets={}),
        lambda: x.set_cap(boss, house.account.pk, monthly_cap=1, warn_percent=80),
        lambda: imports.choose_columns(boss, file.pk, ["handle"], day_first=True),
        lambda: imports.confirm(boss, file.pk),
        lambda: imports.cancel(boss, file.pk),
    ]
    for number, attempt in enumerate(attempts):
        with pytest.raises(ObjectDoesNotExist) as refused:
            attempt()
        assert type(refused.value).__name__ == "DoesNotExist", number
    assert deliveries.reschedule_campaign(boss, fox.pk, {letter.pk: now()}) == 0
    assert (everything(), AuditEvent.objects.count()) == (before, events)
    # A new action of a member's must be tried here too.
    takes_no_id = {
        "accounts.actions.change_profile",
        "accounts.actions.invite",
        "outreach.customers.actions.set_require_permission",
        "outreach.customers.imports.actions.export",
        "outreach.customers.imports.actions.upload",
        "outreach.customers.finding.actions.count_exactly",
        "outreach.customers.finding.actions.save_segment",
        "outreach.customers.finding.actions.tag_found",
        "outreach.x.connections.bring_app",
        "outreach.drafts.policy_actions.change_policy",
        "outreach.delivery.pausing.pause_workspace",
        "outreach.delivery.pausing.resume_workspace",
        # Of another workspace's letters it changes none, and says so: tried below.
        "outreach.delivery.actions.reschedule_campaign",
        "outreach.delivery.policy_actions.change_sending_policy",
    }
    assert set(MEMBER_ACTIONS) - takes_no_id == {
        "outreach.customers.actions.lift_suppression",
        "outreach.customers.actions.record_permission",
        "outreach.customers.actions.suppress",
        "outreach.customers.history.actions.cancel",
        "outreach.customers.history.actions.start",
        "outreach.customers.invitations.actions.close",
        "outreach.customers.invitations.actions.make",
        "outreach.customers.actions.withdraw_permission",
        "outreach.customers.erasing.actions.erase",
        "outreach.customers.erasing.actions.hand_out",
        "outreach.customers.imports.actions.cancel",
        "outreach.customers.imports.actions.choose_columns",
        "outreach.customers.imports.actions.confirm",
        "outreach.customers.finding.actions.merge",
        "outreach.customers.finding.actions.remove_segment",
        "outreach.customers.finding.actions.stop_sweep",
        "outreach.customers.finding.actions.tag_chosen",
        "outreach.customers.sync.actions.cancel",
        "outreach.customers.sync.actions.choose",
        "outreach.customers.sync.actions.start",
        "outreach.delivery.actions.cancel",
        "outreach.delivery.actions.try_again",
        "outreach.delivery.actions.reschedule",
        "outreach.delivery.actions.cancel_campaign",
        "outreach.delivery.decisions.it_arrived",
        "outreach.delivery.decisions.send_again",
        "outreach.delivery.pausing.pause_campaign",
        "outreach.delivery.pausing.resume_campaign",
        "outreach.drafts.actions.decide",
        "outreach.drafts.actions.save",
        "outreach.drafts.actions.start",
        "outreach.drafts.actions.submit",
        "outreach.drafts.actions.take_back",
        "outreach.drafts.actions.undo_approval",
        "outreach.x.actions.pause_account",
        "outreach.x.actions.resume_account",
        "outreach.x.actions.set_cap",
        "outreach.x.connections.begin_consent",
        "outreach.x.connections.change_app",
        "outreach.x.connections.connect_account",
        "outreach.x.connections.erase_tokens",
        "outreach.x.connections.use_consent",
    }


WITH_IDS = [name for route, name, _ in BELOW if "<int:" in route]


def test_another_workspaces_row_is_not_there_through_any_address(two):
    house, letter, other = two
    invitation, reading = begun(house)
    ids = {
        "campaign_id": Campaign.objects.of(house.marketer).get().pk,
        "draft_id": letter.revision.draft_id,
        "revision_id": letter.revision_id,
        "customer_id": letter.customer_id,
        "account_id": house.account.pk,
        "delivery_id": letter.pk,
        "app_id": XApp.objects.get(workspace=house.workspace).pk,
        "invitation_id": invitation.pk,
        "run_id": reading.pk,
        "permission_id": Permission.everywhere.get(customer_id=letter.customer_id).pk,
        "segment_id": Segment.objects.of(house.marketer).get().pk,
        "sweep_id": Sweep.objects.of(house.marketer).get().pk,
    }
    posted = {
        "text": "Hi",
        "version": "1",
        "act": "submit",
        "decision": "approve",
        "sha256": letter.text_sha256,
        "customer": letter.customer_id,
    }
    browsers = (
        factories.browser(other.administrator),
        factories.browser(other.administrator, htmx=True),
    )
    before = everything()
    assert len(WITH_IDS) >= 12
    for route, name, _ in BELOW:
        given = {key: value for key, value in ids.items() if f"<int:{key}>" in route}
        if not given:
            continue
        url = reverse(name, kwargs={"slug": other.slug} | given)
        for browser in browsers:
            answers = {browser.get(url).status_code, browser.post(url, posted).status_code}
            assert 404 in answers, name
            assert answers <= {404, 405}, name
    assert everything() == before


def test_another_workspaces_customer_cannot_be_chosen(two):
    _, letter, other = two
    before = everything()
    response = factories.browser(other.marketer).post(
        reverse("drafts:new", args=[other.slug]), {"customer": letter.customer_id}
    )
    assert response.status_code == 404
    assert everything() == before


@pytest.mark.parametrize("number", [0, 2**31, 2**63 - 1, 2**63, 10**40])
def test_an_id_that_no_row_has_is_404_however_large(house, number):
    browser = factories.browser(house.administrator)
    for name in WITH_IDS:
        url = url_of(name, house.slug, number)
        posted = {"decision": "approve"}
        answers = {browser.get(url).status_code, browser.post(url, posted).status_code}
        assert 404 in answers, name
        assert answers <= {404, 405}, name


def test_an_address_that_is_none_is_404(house):
    browser = factories.browser(house.administrator)
    for path in ("compose/-1/", "compose/x/", "compose/٣/", "compose/1%00/", "%00/"):
        assert browser.get(f"/w/{house.slug}/{path}").status_code == 404, path
