"""Guidance in the browser: soon after a pause, under the workspace's own policy, settled in review."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from outreach.guidance.policy import stop_line
from outreach.services.locks import wait_until
from outreach.services.paths import CHECKOUT
from tests.e2e.house import GOOD, SPAM, Visitor, sign_in

pytestmark = pytest.mark.e2e

# From the last key to the frame that shows the findings: the pause itself, the way to the server
# and back, and drawing. `make bench ONLY=composer_findings_ms` holds it against its goal.
MEASURED = "composer_findings_ms"
ROUNDS = 9
LETTERS = 1000
BODY = (
    "Hi Maria, you asked which ink we use, so we filmed the whole run for you. Order now, limited "
    "time only, click the link and win a prize: bit.ly/fox-print. Would you tell us what you think?"
)
# `typed` at each key, `shown` in the first frame after the findings were put into the page.
MARKS = """() => {
  const area = document.getElementById("id_text");
  area.addEventListener("input", () => performance.mark("typed"), true);
  new MutationObserver(() => requestAnimationFrame(() => performance.mark("shown")))
    .observe(document.getElementById("reading"), { childList: true });
}"""
SINCE_TYPED = """() => {
  const last = (name) => performance.getEntriesByName(name).at(-1)?.startTime ?? 0;
  return last("shown") > last("typed") ? last("shown") - last("typed") : null;
}"""


@pytest.fixture
def person(crowd):
    return next(crowd)


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A thousand letters for the command line, no two alike."""
    path = tmp_path / "letters.jsonl"
    lines = ({"id": number, "text": f"{BODY} {number}"} for number in range(LETTERS))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@contextmanager
def another_process_reads(letters: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Inside, a process reads the letters; it has answered some of them already."""
    answers = letters.with_suffix(".answers")
    with letters.open("rb") as given, answers.open("wb") as taken:
        process = subprocess.Popen(
            [sys.executable, "-m", "outreach.guidance"], cwd=CHECKOUT, stdin=given, stdout=taken
        )
        try:
            assert wait_until(lambda: answers.stat().st_size > 0, 10)
            yield process
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    assert answers.read_bytes().count(b"\n") == LETTERS


def milliseconds(page: Page) -> float:
    """From the last key to the findings in sight."""
    return float(page.wait_for_function(SINCE_TYPED).json_value())


def test_findings_show_after_a_pause_while_another_process_reads(
    jo, person, letters, record_property
):
    jo.begin(person)
    jo.write(GOOD)
    jo.page.evaluate(MARKS)
    jo.words.press("End")
    took, reading = [], 0
    for number in range(ROUNDS):
        with another_process_reads(letters) as process:
            with jo.page.expect_response(re.compile(r"/read/$")):
                jo.page.keyboard.type(f" BUY NOW {number}!!!")
            took.append(milliseconds(jo.page))
            reading += process.poll() is None
        finding = jo.page.locator("#reading .finding", has_text="BUY NOW").first
        expect(finding).to_be_visible()
    assert reading > ROUNDS / 2, "the other process had finished before the findings showed"
    record_property(MEASURED, " ".join(f"{each:.0f}" for each in took))


def test_the_line_on_how_to_stop_is_added_with_one_click_and_not_counted(jo, person):
    jo.begin(person)
    jo.write(GOOD)
    # The answer is in the page, and the count is of the letter as they get it.
    expect(jo.postmark).to_contain_text("Addressed")
    expect(jo.page.get_by_role("button", name=re.compile("^Add the line"))).to_be_visible()
    count = jo.page.locator("[data-count]")
    before = count.text_content()
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.get_by_role("button", name=re.compile("^Add the line")).click()
    expect(jo.words).to_have_value(f"{GOOD}\n\n{stop_line()}")
    expect(count).to_have_text(before or "")
    expect(jo.page.get_by_role("button", name=re.compile("^Add the line"))).to_have_count(0)
    # Without the server's word, too: the count is the page's own after each key.
    jo.words.press("Control+End")
    with jo.page.expect_response(re.compile(r"/read/$")):
        jo.page.keyboard.type(" ")
        expect(count).to_have_text(before or "")


@pytest.mark.parametrize("scripts", [True, False])
def test_a_manager_sets_the_policy_and_it_holds_at_once(visit, crowd, scripts):
    phrase = "the heron tee" if scripts else "the otter tee"
    ruth = visit("ruth", java_script_enabled=scripts)
    ruth.goto("settings/")
    ruth.link("Guidance policy").click()
    avoid = ruth.page.locator("#id_avoid")
    avoid.fill(f"{avoid.input_value()}\n{phrase}")
    ruth.button("Save the policy").click()
    expect(ruth.said).to_have_text(re.compile(r"Version \d+ of the policy holds from now on\."))
    history = ruth.page.locator("#history")
    expect(history).to_contain_text(f"Phrases to avoid, added: ‘{phrase}’.")
    jo = visit("jo")
    jo.begin(next(crowd))
    jo.write(f"Hi {{first_name|there}}, would you like {phrase}?")
    mark = jo.page.locator("[data-layer] mark.f-mend", has_text=phrase)
    expect(mark).to_have_text(phrase)
    finding = jo.page.locator("#reading .finding", has_text="this workspace avoids")
    expect(finding).to_contain_text("The workspace's own words")
    jo.goto("settings/guidance/")
    expect(jo.page.locator(".chip", has_text=phrase)).to_be_visible()
    expect(jo.page.get_by_role("button", name="Save the policy")).to_have_count(0)


def test_a_disagreement_is_settled_in_so_many_words(visit, watch, jo, person):
    ruth = visit()
    sign_in(ruth.page, "ruth@example.com")
    jo.begin(person)
    jo.write(SPAM)
    jo.page.get_by_label("Why should it go all the same?").fill("They like it loud.")
    jo.submit()
    ruth.open_review(person)
    expect(ruth.page.locator(".notice.spam")).to_contain_text("They like it loud.")
    with watch.expect_status(422):
        ruth.page.keyboard.press("a")
        expect(ruth.page.locator("[data-error-summary]")).to_be_focused()
    ruth.page.locator("[data-error-summary] a").click()
    expect(ruth.page.get_by_label("Agree with the writer")).to_be_focused()
    ruth.page.get_by_label("Guidance was right").check()
    ruth.page.get_by_label("A word to its author").fill("Once more, and to her.")
    ruth.button("Request changes c").click()
    expect(ruth.said).to_contain_text("Sent back with your word")
    again(jo, person)


def again(jo: Visitor, person) -> None:
    """What its author reads."""
    jo.goto("compose/?state=changes_requested")
    jo.page.locator("main li", has_text=f"@{person.handle}").locator("a.row-link").click()
    expect(jo.page.locator(".notice.mend").first).to_contain_text("Once more, and to her.")
