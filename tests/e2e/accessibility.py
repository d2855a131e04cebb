"""A page looked at with axe, wide and narrow, in light and in dark."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
# WCAG 2.2, 1.4.10: no scrolling in two directions from this width on (CSS px).
NARROWEST = {"width": 320, "height": 640}
# Without `preload`, which would put the page's style sheets into it once more, inline.
COMMON = {"resultTypes": ["violations"], "preload": False}
EVERYTHING = COMMON | {"rules": {"target-size": {"enabled": True}}}
# Light and dark differ in nothing but colours, wide and narrow in those and in what is how large.
OF_COLOUR = ["color-contrast", "link-in-text-block"]
COLOURS = COMMON | {"runOnly": OF_COLOUR}
SIZES = COMMON | {"runOnly": [*OF_COLOUR, "target-size", "scrollable-region-focusable"]}
LOOKS = (
    (WIDE, "light", EVERYTHING),
    (WIDE, "dark", COLOURS),
    (NARROW, "dark", COLOURS),
    (NARROW, "light", SIZES),
)
# The frame is the same around every page of a member; `whole` looks at it with all rules.
WHOLE_LOOKS = tuple((size, scheme, EVERYTHING) for size, scheme, _ in LOOKS)
FRAME = {"exclude": [[".rail"], [".above"], ["dialog"]]}
# Of a long list, the first rows stand for the rest after the first look.
ROWS = 8
RUN = """async ([where, options]) => {
  // A change of the colour scheme reaches inherited colours frame by frame, as transitions.
  for (let frames = 0, still = 0; still < 3; frames += 1, still += 1) {
    await new Promise(requestAnimationFrame);
    const moving = document.getAnimations().filter((one) => one.effect.target.checkVisibility());
    if (moving.length) still = 0;
    if (frames > 200) return moving.map((one) => `never still: ${one.effect.target?.outerHTML}`);
  }
  const found = await axe.run(where ?? document, options);
  return found.violations.flatMap((rule) => rule.nodes.map((node) =>
    `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 160)} ` +
    [...node.any, ...node.all, ...node.none].map((check) => check.message).join("; ")));
}"""
PRUNE = """(rows) => document
  .querySelectorAll(`tbody > tr:nth-child(n+${rows + 1}), ul.rows > li:nth-child(n+${rows + 1})`)
  .forEach((row) => row.remove())"""
# What sticks out of the page to the right, and what has to be scrolled sideways inside it.
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth;
  const found = [];
  if (document.documentElement.scrollWidth > width) {
    for (const element of document.querySelectorAll("body *")) {
      const box = element.getBoundingClientRect();
      if (box.width && box.right > width + 1) found.push(element.outerHTML.slice(0, 120));
    }
    if (!found.length) found.push("the page");
  }
  for (const element of document.querySelectorAll("body *")) {
    // A row of tabs may be pushed sideways with a finger; each tab is reached by the keyboard.
    if (element.matches("textarea, nav.tabs") || !element.checkVisibility()) continue;
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1)
      found.push(`scrolls inside: ${element.outerHTML.slice(0, 120)}`);
  }
  return found.slice(0, 5);
}"""


def look_at(page: Page, name: str = "", *, whole: bool = False) -> None:
    """Fail on anything that axe finds on the page as it stands, and on what does not fit.

    `whole`: with the frame around it. The page is left wide and light, its long lists cut short.
    """
    name = name or page.url.partition("/w/")[2] or page.url
    found: list[str] = []
    page.bring_to_front()  # the browser draws no frames of a page behind another
    page.evaluate(AXE_SCRIPT)
    for number, (size, scheme, options) in enumerate(WHOLE_LOOKS if whole else LOOKS):
        _look(page, size, scheme)
        if number == 1:
            page.evaluate(PRUNE, ROWS)
        words: list[str] = page.evaluate(RUN, [None if whole else FRAME, options])
        found += [f"{name}, {size['width']} px, {scheme}: {each}" for each in words]
        if size is NARROW and scheme == "light":
            found += _too_wide(page, name, size)
    _look(page, NARROWEST, "light")
    found += _too_wide(page, name, NARROWEST)
    _look(page, WIDE, "light")
    assert not found, "\n".join(found)


def _look(page: Page, size: Any, scheme: Any) -> None:
    if page.viewport_size != size:
        page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)


def _too_wide(page: Page, name: str, size: dict[str, int]) -> list[str]:
    words: list[str] = page.evaluate(TOO_WIDE)
    return [f"{name}, {size['width']} px: too wide: {each}" for each in words]
