"""Every page there is, looked at with axe: light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.template.loader import render_to_string
from django.test import RequestFactory
from playwright.sync_api import Browser, expect

from outreach.demo import cast
from tests.e2e.accessibility import look_at
from tests.e2e.house import GOOD, SPAM, Visitor
from tests.e2e.installation import Installation
from tests.e2e.watching import Watch

pytestmark = pytest.mark.e2e

LISTS = {
    "jo": (
        "", "compose/", "compose/?state=rejected", "compose/new/", "compose/new/?q=nobody-at-all",
        "schedule/", "schedule/?state=waiting", "schedule/?state=unsure", "schedule/?state=sent",
        "schedule/?state=not-sent", "schedule/week/",
        "customers/", "customers/?stopped=yes", "customers/?q=nobody-at-all", "settings/x/",
        "customers/invitations/", "customers/invitations/new/", "customers/follow-back/",
        "customers/import/", "customers/stopped/", "settings/guidance/",
        "settings/contact/", "settings/sending/",
        "customers/segments/", "customers/segments/?query=mutual%3Dyes",
        "customers/sync/",
    ),
    "ruth": ("", "review/", "settings/guidance/", "schedule/"),
    "sam": (
        "settings/", "settings/profile/", "settings/x/", "settings/x/guide/",
        "settings/x/apps/new/", "settings/audit/", "settings/contact/", "settings/sending/"),
}  # fmt: skip
# One of the demo's letters for each thing that can have become of a letter; where it is listed.
LETTERS = {
    "draft": ("compose/?state=draft", "thandiwe_m"),
    "in review": ("compose/?state=in_review", "hannahberg"),
    "changes requested": ("compose/?state=changes_requested", "siobhan_byrne"),
    "rejected": ("compose/?state=rejected", "oskar_lind_"),
    "queued": ("schedule/", "meitan_draws"),
    "waiting": ("schedule/?state=waiting", "karlvoss_"),
    "sent": ("schedule/?state=sent", "mariasousa_pt"),
    "unsure": ("schedule/?state=unsure", "anaprado"),
    "blocked": ("schedule/?state=not-sent", "tomreyes"),
    "refused": ("schedule/?state=not-sent", "jonas_petr"),
    "cancelled": ("schedule/?state=not-sent", "pedrosalgado_"),
}
REVIEWS = {"mended": "hannahberg", "disagreement": "gracewanjiru_", "own": "sunita_thapa_"}
PEOPLE = {"mutual": "aishanoor_k", "stopped": "ingridsolheim", "unfollowed": "adeola_prints"}
EMPTY = (
    "", "compose/", "compose/new/", "review/", "schedule/", "schedule/week/", "customers/",
    "settings/x/", "settings/guidance/", "customers/invitations/", "customers/invitations/new/",
    "customers/follow-back/",
    "customers/import/", "customers/stopped/", "customers/sync/",
)  # fmt: skip
# Error pages that no address leads to.
ERRORS = ("400", "403_csrf", "405", "429", "500", "errors/x_not_answering")


@pytest.fixture(scope="module")
def shared(browser: Browser, outreach: Installation, tmp_path_factory) -> Iterator[Watch]:
    watch = Watch(browser, outreach.url, tmp_path_factory.mktemp("pages"))
    yield watch
    watch.close()


@pytest.fixture
def watch(shared: Watch, tmp_path) -> Watch:
    """One watch for all tests here, so that they share their browser pages."""
    shared.pictures = tmp_path
    return shared


@pytest.fixture(scope="module")
def desks() -> dict[str, Visitor]:
    return {}


@pytest.fixture
def at(visit: Callable[..., Visitor], desks: dict[str, Visitor]) -> Callable[[str], Visitor]:
    """`at("jo")`: the one page of Jo's; `at("")`: of somebody who is not signed in."""

    def at(key: str) -> Visitor:
        if key not in desks:
            desks[key] = visit(key)
        return desks[key]

    return at


@pytest.fixture(scope="module")
def new_workspace(outreach) -> tuple[str, str]:
    """A workspace in which nothing happened yet, and its first invitation: (slug, link)."""
    said = outreach.manage("create_workspace", "Empty Shelf", "--admin", "kim@example.com")
    (slug,) = re.findall(r"/w/([^/]+)/", said)
    (link,) = re.findall(r"^http\S+$", said, re.MULTILINE)
    return slug, link


@pytest.fixture
def kim(at: Callable[[str], Visitor], desks: dict[str, Visitor], new_workspace) -> Visitor:
    """The first member of the new workspace, at a page of her own."""
    if "kim" in desks:
        return desks["kim"]
    slug, link = new_workspace
    kim = at("")
    kim.page.goto(link)
    look_at(kim.page, "an invitation")
    kim.page.get_by_label("Your name").fill("Kim Tran")
    for label in ("Password", "The same password again"):
        kim.page.get_by_role("textbox", name=label, exact=True).fill("a long practice word")
    kim.button("Join").click()
    kim.page.wait_for_url(f"/w/{slug}/")
    desks["kim"] = desks.pop("")
    return kim


@pytest.mark.parametrize(("key", "path"), [(key, path) for key in LISTS for path in LISTS[key]])
def test_nothing_is_wrong_with_a_list(at, key, path):
    visitor = at(key)
    visitor.goto(path)
    look_at(visitor.page, whole=path == "")


@pytest.mark.parametrize("kind", LETTERS)
def test_nothing_is_wrong_with_the_page_of_a_letter(at, kind):
    path, handle = LETTERS[kind]
    sam = at("sam")
    sam.goto(path)
    sam.page.locator("main :is(li, tr)", has_text=f"@{handle}").locator("a.row-link").click()
    sam.page.wait_for_url(re.compile(r"/letters/\d+/$"))
    look_at(sam.page, f"the letter that is {kind}")


@pytest.mark.parametrize("kind", REVIEWS)
def test_nothing_is_wrong_with_a_review(at, kind):
    ruth = at("ruth")
    ruth.goto("review/")
    row = ruth.page.locator("main li", has_text=f"@{REVIEWS[kind]}")
    row.locator("a.row-link").click()
    ruth.page.wait_for_url(re.compile(r"/review/\d+/$"))
    look_at(ruth.page, f"the review with {kind}")


@pytest.mark.parametrize("kind", PEOPLE)
def test_nothing_is_wrong_with_the_page_of_a_person(at, kind):
    jo = at("jo")
    jo.goto(f"customers/?q={PEOPLE[kind]}")
    jo.page.locator("#people a.row-link").click()
    jo.page.wait_for_url(re.compile(r"/customers/\d+/$"))
    expect(jo.page.get_by_text("Everything said and done")).to_have_count(0)  # the history has come
    look_at(jo.page, f"a person, {kind}")
    jo.goto(jo.page.url.partition(cast.SLUG + "/")[2] + "letters/")
    look_at(jo.page, f"letters to a person, {kind}")


@pytest.mark.parametrize("kind", PEOPLE)
def test_nothing_is_wrong_with_what_a_manager_can_do_about_a_person(at, kind):
    ruth = at("ruth")
    ruth.goto(f"customers/?q={PEOPLE[kind]}")
    ruth.page.locator("#people a.row-link").click()
    ruth.page.wait_for_url(re.compile(r"/customers/\d+/$"))
    for summary in ruth.page.locator("main summary").all():
        summary.click()
    look_at(ruth.page, f"all forms of a person, {kind}")
    ruth.page.get_by_role("link", name="Erase…").click()
    ruth.page.wait_for_url(re.compile(r"/erase/$"))
    look_at(ruth.page, f"erasing a person, {kind}")


@pytest.mark.parametrize("key", ["jo", "sam"])
def test_nothing_is_wrong_with_the_page_of_an_account(at, key):
    visitor = at(key)
    visitor.goto("settings/x/")
    visitor.page.locator("main a.row-link").click()
    visitor.page.wait_for_url(re.compile(r"/settings/x/\d+/$"))
    look_at(visitor.page, f"the X account, seen by {key}")


def test_nothing_is_wrong_with_the_composer_in_any_state(at, watch, crowd):
    jo = at("jo")
    jo.begin(next(crowd))
    look_at(jo.page, "the composer, empty")
    jo.write(SPAM)
    expect(jo.postmark).to_contain_text("Householder")
    look_at(jo.page, "the composer, spam")
    with watch.expect_status(422):
        jo.button("Submit for review").click()
        expect(jo.page.locator("[data-error-summary]")).to_be_focused()
    look_at(jo.page, "the composer, refused")
    jo.write(GOOD)
    expect(jo.postmark).to_contain_text("Addressed")
    jo.brief()
    look_at(jo.page, "the composer, good")
    other = Visitor(jo.page.context.new_page(), watch)
    other.page.goto(jo.page.url)
    other.write(GOOD + " Or two?")
    with watch.expect_status(409):
        jo.write(GOOD + " Or three?")
    expect(jo.page.locator("#conflict [role=alert]")).to_be_visible()
    look_at(jo.page, "the composer, saved elsewhere")
    jo.page.route(re.compile(r"/read/$"), lambda route: route.abort())
    with watch.expect_words("net::ERR_FAILED", "htmx:"):
        other.page.route(re.compile(r"/read/$"), lambda route: route.abort())
        other.words.fill(GOOD)
        expect(other.page.locator("#unsaved")).to_be_visible()
        look_at(other.page, "the composer, not saved")
        other.page.close(run_before_unload=False)
    jo.page.unroute(re.compile(r"/read/$"))
    jo.link("Take the other version").click()


def test_nothing_is_wrong_with_what_opens_and_floats(at, crowd):
    jo, ruth = at("jo"), at("ruth")
    person = next(crowd)
    jo.submitted(person)
    jo.page.get_by_text("Edit", exact=True).click()
    look_at(jo.page, "a letter, about to be edited")
    jo.page.keyboard.press("?")
    expect(jo.page.get_by_role("dialog", name="Shortcuts")).to_be_visible()
    look_at(jo.page, "the shortcuts", whole=True)
    jo.page.keyboard.press("Escape")
    jo.page.set_viewport_size({"width": 390, "height": 844})
    jo.page.locator("[data-more] summary").click()
    look_at(jo.page, "the sheet More", whole=True)
    revision = ruth.approve(person)
    look_at(ruth.page, "the offer to undo", whole=True)
    ruth.goto(f"review/{revision}/")
    look_at(ruth.page, "a review that is over")
    jo.goto("schedule/")
    jo.page.locator("main .ask summary").first.click()
    look_at(jo.page, "about to cancel")


def test_nothing_is_wrong_at_the_door(at, watch):
    door = at("")
    door.page.goto("/sign-in/")
    look_at(door.page, "signing in", whole=True)
    with watch.expect_status(422):
        door.page.get_by_label("E-mail").fill("jo@example.com")
        door.page.get_by_label("Password").fill("wrong")
        door.button("Sign in").click()
        expect(door.page.locator("[data-error-summary]")).to_be_focused()
    look_at(door.page, "signing in, refused")
    door.goto("", status=200)
    expect(door.page).to_have_url(re.compile(r"/sign-in/\?next=/w/demo/$"))
    with watch.expect_status(404, 410):
        door.page.goto("/invitations/none/")
        look_at(door.page, "an invitation that is used up")
        door.page.goto("/nowhere/")
        look_at(door.page, "404 at the door", whole=True)


def test_nothing_is_wrong_with_a_new_workspace(kim, new_workspace):
    slug, _ = new_workspace
    for path in EMPTY:
        kim.page.goto(f"/w/{slug}/{path}")
        expect(kim.page).to_have_url(re.compile(rf"^[^?]*/w/{slug}/{path}$"))
        look_at(kim.page)
    kim.page.goto("/workspaces/")
    look_at(kim.page, "workspaces")


def test_nothing_is_wrong_with_the_policy_open_refused_and_full(kim, watch, new_workspace):
    slug, _ = new_workspace
    page = f"/w/{slug}/settings/guidance/"
    kim.page.goto(page)
    for summary in kim.page.locator(".family summary").all():
        summary.click()
    look_at(kim.page, "the policy, every family open")
    kim.page.locator("#id_house_limit").fill("5")
    kim.page.locator("#id_avoid").fill("fox")
    kim.page.locator("#id_welcome").fill("fox")
    kim.page.locator("[name=exception-0-words]").fill("sale")
    with watch.expect_status(422):
        kim.button("Save the policy").click()
        expect(kim.page.locator("[data-error-summary]")).to_be_focused()
    look_at(kim.page, "the policy, refused")
    kim.page.locator("#id_house_limit").fill("160")
    kim.page.locator("#id_welcome").fill("heron")
    kim.page.get_by_label("Finding", exact=True).first.select_option("hype")
    kim.page.get_by_label("Reason", exact=True).first.fill("The name of our fair.")
    kim.button("Save the policy").click()
    expect(kim.said).to_have_text("Version 1 of the policy holds from now on.")
    look_at(kim.page, "the policy, with a history")


def test_nothing_is_wrong_with_a_refusal(at):
    jo = at("jo")
    jo.goto("review/", status=403)
    look_at(jo.page, "403")
    jo.goto("letters/999999/", status=404)
    look_at(jo.page, "404")


@pytest.mark.parametrize("template", ERRORS)
def test_nothing_is_wrong_with_an_error_page(at, template):
    page = at("").page
    request = RequestFactory().get("/")
    # The server renders its last page without a request, too.
    html = render_to_string(f"{template}.html", {}, None if template == "500" else request)
    address = f"/broken/{template}"
    page.route(f"**{address}", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    look_at(page, template)


def test_nothing_is_wrong_with_the_phone(at, watch, outreach):
    page = at("").page
    root = f"{outreach.sandbox_url}/phone/"
    for path in ("", "?q=nobody-at-all", "mariasousa_pt/", f"mariasousa_pt/with/{cast.HANDLE}/"):
        page.goto(root + path)
        look_at(page, f"phone/{path}")
    with watch.expect_status(404, 422):
        page.get_by_role("button", name="Send").click()
        expect(page.locator("[aria-invalid=true]")).to_be_focused()
        look_at(page, "the phone, refused")
        page.goto(root + "nobody-at-all/")
        look_at(page, "the phone of nobody")


def test_the_switch_shows_the_same_colours_as_the_system(at):
    jo = at("jo")
    jo.goto("")
    tokens = """() => ["--paper", "--sheet", "--ink", "--accent", "--good", "--mend", "--spam"]
      .map((name) => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(${name})`;
        const seen = getComputedStyle(probe).color;
        probe.remove();
        return seen;
      })"""
    by_system = {}
    for scheme in ("light", "dark"):
        jo.page.emulate_media(color_scheme=scheme)
        by_system[scheme] = jo.page.evaluate(tokens)
    assert by_system["light"] != by_system["dark"]
    rail = jo.page.get_by_role("navigation", name="Main")
    for chosen, system in (("Dark", "light"), ("Light", "dark")):
        jo.page.emulate_media(color_scheme=system)
        rail.get_by_role("button", name=chosen).click()
        assert jo.page.evaluate(tokens) == by_system[chosen.lower()]
        jo.page.reload()
        assert jo.page.evaluate(tokens) == by_system[chosen.lower()]
    jo.page.emulate_media(color_scheme="dark")
    rail.get_by_role("button", name="As the system").click()
    assert jo.page.evaluate(tokens) == by_system["dark"]
    jo.page.emulate_media(color_scheme="light")
