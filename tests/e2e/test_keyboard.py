"""Everything is reached by the keyboard, in a sensible order, and one sees where one is."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.house import Visitor

pytestmark = pytest.mark.e2e

MOST_STOPS = 80
# Where the keyboard is: its name, and what would keep somebody from seeing it.
STOP = """async () => {
  // The ring may come as a transition.
  for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const ringed = (one) => {
    const style = one && getComputedStyle(one);
    return style && ((style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
      || /0px 0px 0px [2-9]px/.test(style.boxShadow));
  };
  // The frame around a field may show the ring for it.
  const ring = ringed(element) || ringed(element.closest("section, dialog"));
  const box = element.getBoundingClientRect();
  const [x, y] = [box.x + Math.min(box.width / 2, 20), box.y + Math.min(box.height / 2, 12)];
  const top = document.elementFromPoint(x, y);
  const seen = top && (element.contains(top) || top.contains(element)
    || [...(element.labels ?? [])].some((label) => label.contains(top)));
  const label = element.labels?.[0]?.textContent ?? element.getAttribute("aria-label")
    ?? element.textContent;
  return {
    name: label.replace(/\\s+/g, " ").trim(),
    faults: [!ring && "no ring", !seen && `covered by ${top?.outerHTML.slice(0, 80)}`]
      .filter(Boolean),
  };
}"""


def stops(visitor: Visitor) -> list[str]:
    """The names of all that Tab reaches, from the top; each must be seen when it is reached."""
    page = visitor.page
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    found: list[str] = []
    faults: list[str] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(STOP)
        if stop is None:
            break
        # A date is several stops inside one field, which the browser draws.
        if [stop["name"]] == found[-1:]:
            continue
        found.append(stop["name"])
        faults += [f"{stop['name']}: {fault}" for fault in stop["faults"]]
    assert faults == []
    return found


def in_order(found: list[str], *wanted: str) -> list[str]:
    return [name for name in found if name in wanted]


@pytest.mark.parametrize("width", [1280, 390])
def test_tab_leads_through_today_in_order(visit, width):
    jo = visit("jo", viewport={"width": width, "height": 844})
    jo.goto("")
    found = stops(jo)
    assert found[0] == "Skip to the page"
    wanted = ["Today", "Compose", "Write a letter"]
    assert in_order(found, *wanted)[:3] == wanted


@pytest.mark.parametrize("width", [1280, 390])
def test_tab_leads_through_the_composer_in_order(visit, crowd, width):
    jo = visit("jo", viewport={"width": width, "height": 844})
    jo.begin(next(crowd))
    found = stops(jo)
    wanted = ["Save", "Why this person?", "The words", "Leave at"]
    # On a phone the letter is sent off below its words.
    wanted.insert(1 if width > 700 else len(wanted), "Submit for review")
    assert list(dict.fromkeys(in_order(found, *wanted))) == wanted


@pytest.mark.parametrize("width", [1280, 390])
def test_tab_leads_through_a_review_in_order(visit, width):
    ruth = visit("ruth", viewport={"width": width, "height": 844})
    ruth.goto("review/")
    ruth.page.locator("main a.row-link").first.click()
    wanted = ["A word to its author", "Approve a", "Request changes c", "Reject x"]
    expect(ruth.approve_button).to_be_visible()
    assert in_order(stops(ruth), *wanted) == wanted


def test_the_first_tab_offers_to_skip_to_the_page(jo):
    jo.goto("customers/")
    jo.page.keyboard.press("Tab")
    skip = jo.link("Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport(ratio=1)
    jo.page.keyboard.press("Enter")
    jo.page.keyboard.press("Tab")
    assert jo.page.evaluate("document.activeElement.closest('main') !== null") is True


def test_a_question_mark_lists_the_shortcuts_and_escape_leads_back(jo):
    jo.goto("")
    write = jo.link("Write a letter")
    write.focus()
    jo.page.keyboard.press("?")
    dialog = jo.page.get_by_role("dialog", name="Shortcuts")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    jo.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(write).to_be_focused()


def test_single_letters_do_nothing_while_one_writes_or_when_switched_off(ruth):
    ruth.goto("review/")
    ruth.page.locator("main a.row-link").first.click()
    approve = ruth.approve_button
    expect(approve).to_be_visible()
    here = ruth.page.url
    comment = ruth.page.get_by_label("A word to its author")
    comment.press_sequentially("a c x?")
    expect(comment).to_have_value("a c x?")
    expect(ruth.page.get_by_role("dialog")).to_have_count(0)
    comment.fill("")
    approve.focus()
    for keys in ("Control+a", "Alt+a", "Meta+a"):
        ruth.page.keyboard.press(keys)
    ruth.page.keyboard.press("?")
    ruth.page.get_by_label("Single letters act").uncheck()
    ruth.page.keyboard.press("Escape")
    for key in ("a", "x", "c", "?"):
        ruth.page.keyboard.press(key)
    expect(ruth.page.get_by_role("dialog")).to_have_count(0)
    ruth.page.reload()
    ruth.page.keyboard.press("a")
    expect(approve).to_be_visible()
    assert ruth.page.url == here
    ruth.page.get_by_role("navigation", name="Main").get_by_role("button", name="Shortcuts").click()
    ruth.page.get_by_label("Single letters act").check()
    ruth.page.keyboard.press("Escape")
    ruth.page.keyboard.press("c")
    expect(comment).to_be_focused()
