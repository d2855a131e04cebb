"""What people do in Outreach, in the words of its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Locator, Page, Response, expect

from outreach.demo import cast
from outreach.demo.crowd import everybody
from outreach.demo.letters import LETTERS
from outreach.services.paths import CHECKOUT
from tests.e2e.watching import Watch

HOME = f"/w/{cast.SLUG}/"
# The draft that the README's tour lets people write.
SPAM = re.findall(r"Write `([^`]+)` and stop", (CHECKOUT / "README.md").read_text())[0]
GOOD = (
    "Hi {first_name|there}, you asked how the fox is printed, so we filmed it for you, free.\n"
    "Which animal should we print next? 🦊"
)
KNOWN = {person.handle: person for person in everybody()}
# Two pages of people are enough for every test here.
ENOUGH_PEOPLE = 30


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may be written to. `opted_in`: gave permission without having written first."""

    id: str
    name: str
    handle: str
    opted_in: bool

    @property
    def x_user_id(self) -> int:
        return KNOWN[self.handle].x_user_id

    @property
    def first_name(self) -> str:
        return KNOWN[self.handle].first_name


class Visitor:
    """A person in front of a browser page."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page = page
        self.watch = watch

    # --- looking -----------------------------------------------------------------------------

    def goto(self, path: str, status: int = 200) -> None:
        """Open a page below the workspace's address."""
        if status >= 400:
            with self.watch.expect_status(status):
                answer = self.page.goto(HOME + path)
        else:
            answer = self.page.goto(HOME + path)
        assert answer is not None
        assert (answer.status, path) == (status, path)

    def post(self, path: str, **fields: str) -> int:
        """Send a form that no page offers, with this page's own token; return the status."""
        token = self.page.locator("[name=csrfmiddlewaretoken]").first.input_value()
        answer = self.page.request.post(
            HOME + path,
            form={**fields, "csrfmiddlewaretoken": token},
            headers={"Referer": self.page.url},
            max_redirects=0,
        )
        return answer.status

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    @property
    def said(self) -> Locator:
        """What the page says that was done."""
        return self.page.locator("#messages .notice")

    # --- writing -----------------------------------------------------------------------------

    def begin(self, person: Person) -> int:
        """Choose a person; return the number of the letter."""
        self.goto(f"compose/new/?q={person.handle}")
        self.page.locator(f"button[name=customer][value='{person.id}']").click()
        self.page.wait_for_url(re.compile(r"/compose/\d+/$"))
        return number_in(self.page.url)

    @property
    def words(self) -> Locator:
        return self.page.locator("#id_text")

    @property
    def postmark(self) -> Locator:
        return self.page.locator("#verdict .postmark")

    def write(self, words: str) -> Response:
        """Put these words in place of what stands there; return the answer that kept them."""
        with self.page.expect_response(re.compile(r"/read/$")) as answered:
            self.words.fill(words)
        return answered.value

    def brief(self) -> None:
        """Answer the three questions for the manager."""
        self.page.get_by_label("Why this person?").fill("Asked at the fair")
        self.page.get_by_label("Why now?").fill("The film is ready")
        self.page.get_by_label("What do they get?").fill("The film")

    def submit(self) -> None:
        self.button("Submit for review").click()
        self.page.wait_for_url(re.compile(r"/letters/\d+/$"))

    def submitted(self, person: Person, words: str = GOOD) -> int:
        """A letter to `person` in review; return its number."""
        number = self.begin(person)
        self.words.fill(words)
        self.submit()
        return number

    # --- reviewing ---------------------------------------------------------------------------

    def open_review(self, person: Person) -> int:
        """Open the letter to `person` in the queue; return the number of its revision."""
        self.goto("review/")
        row = self.page.locator(f"main li:has(small:text-is('@{person.handle}'))")
        row.last.locator("a.row-link").click()
        self.page.wait_for_url(re.compile(r"/review/\d+/$"))
        return number_in(self.page.url)

    def approve(self, person: Person) -> int:
        number = self.open_review(person)
        self.approve_button.click()
        expect(self.undo_offer).to_contain_text(f"Approved: the letter to {person.name}.")
        return number

    @property
    def approve_button(self) -> Locator:
        """Not the one that undoes what was 'Approved'; its key is left out where keys are off."""
        return self.page.get_by_role("button", name=re.compile("^Approve( a)?$"))

    @property
    def undo_offer(self) -> Locator:
        """The newest offer to undo an approval."""
        return self.page.locator("form.undo").first

    # --- a letter's way ----------------------------------------------------------------------

    @property
    def state(self) -> Locator:
        return self.page.locator("#steps [data-announce=state]")

    @property
    def steps(self) -> Locator:
        return self.page.locator("#steps .step strong")


def sign_in(page: Page, email: str, password: str = cast.PASSWORD) -> None:
    """Through the form, from the front door."""
    page.goto("/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(HOME)


def number_in(url: str) -> int:
    """The last number of an address."""
    return int(re.findall(r"/(\d+)/", url)[-1])


def writable_people(page: Page) -> list[Person]:
    """Those whom 'Write a letter' offers and to whom the demo wrote nothing."""
    written_to = {letter.to for letter in LETTERS}
    found: list[Person] = []
    page.goto(HOME + "compose/new/")
    while len(found) < ENOUGH_PEOPLE:
        rows: list[dict[str, Any]] = page.locator("#people li:has(button)").evaluate_all(
            """rows => rows.map(row => ({
              id: row.querySelector("button").value,
              name: row.querySelector("strong").textContent,
              handle: row.querySelector("small").textContent.slice(1),
              opted_in: row.textContent.includes("opted in"),
            }))"""
        )
        found += [Person(**row) for row in rows if row["handle"] not in written_to]
        page.get_by_role("link", name="Next", exact=True).click()
        page.wait_for_url(re.compile(r"older="))
        page.wait_for_load_state()
    return found
