"""The composer's arithmetic, in the browser that will do it."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from outreach.drafts.personalisation import merge
from outreach.guidance import read
from outreach.guidance.policy import stop_line
from tests.browser import launch_options

STATIC = Path(__file__).resolve().parents[2] / "static"
WORDS = [
    "",
    "plain",
    "Hi {first_name|there}, 🦊 and {name}",
    "{first_name} {nobody} {nobody|} {nobody|fallback}",
    "{First_name} {{first_name}} { first_name } {a|b{c}|d}",
    "two\nlines {handle|x\ny}",
    "👩‍👩‍👧 {name|n}",
    "{constructor} {constructor|x}",
]
VALUES = {"first_name": "Maria", "name": "Maria Silva", "handle": ""}

pytestmark = pytest.mark.e2e


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Nothing: the test's own output is what counts."""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A bare page from which the modules can be imported."""
    handler = functools.partial(Quiet, directory=str(STATIC))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        options: Any = launch_options()
        browser = playwright.chromium.launch(**options)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/img/mark.svg")
        yield page
        browser.close()
        server.shutdown()
        thread.join()


def ask(page: Page, module: str, call: str, *arguments: Any) -> Any:
    """What `call` of a module answers."""
    script = f"async (args) => (await import('/js/{module}.js')).{call}(...args)"
    return page.evaluate(script, list(arguments))


@pytest.mark.parametrize("words", WORDS)
def test_it_fills_merge_fields_as_the_server_does(page: Page, words: str) -> None:
    assert ask(page, "merge", "fill", words, VALUES) == merge(words, VALUES).text


@pytest.mark.parametrize("words", WORDS)
def test_it_counts_characters_as_the_server_does(page: Page, words: str) -> None:
    assert ask(page, "offsets", "countPoints", words) == len(words)


@pytest.mark.parametrize(
    "text",
    [
        "Hi Maria",
        "Hi Maria ",
        f"Hi Maria\n\n{stop_line()}",
        f"Hi Maria \n\n{stop_line()}\n ",
        f"Hi{stop_line()}",
        stop_line(),
        f"{stop_line()} Bye",
        "",
    ],
)
def test_it_leaves_out_the_line_that_does_not_count_as_the_server_does(
    page: Page, text: str
) -> None:
    counted = ask(page, "offsets", "withoutLine", text, stop_line())
    assert ask(page, "offsets", "countPoints", counted) == read(text).length


@pytest.mark.parametrize("words", WORDS)
def test_it_finds_the_place_of_every_offset_of_the_server(page: Page, words: str) -> None:
    units = [ask(page, "offsets", "toUnits", words, at) for at in range(len(words) + 1)]
    assert units == [len(words[:at].encode("utf-16-le")) // 2 for at in range(len(words) + 1)]


def carried(page: Page, before: str, after: str, start: int, end: int) -> list[str]:
    """The words under a mark after an edit."""
    edit = ask(page, "offsets", "editBetween", before, after)
    ranges = ask(page, "offsets", "carry", [{"start": start, "end": end}], edit)
    return [after[kept["start"] : kept["end"]] for kept in ranges]


@pytest.mark.parametrize(
    ("after", "marked"),
    [
        ("Hi, you asked BUY NOW today", ["BUY NOW"]),
        ("Oh hi, you asked BUY NOW today", ["BUY NOW"]),
        ("Hi, you asked BUY NOW todays", ["BUY NOW"]),
        ("Hi BUY NOW today", ["BUY NOW"]),
        ("Hi, you asked BUY it NOW today", []),
        ("Hi, you asked today", []),
        ("", []),
    ],
)
def test_a_mark_moves_with_its_words_and_goes_when_they_are_edited(
    page: Page, after: str, marked: list[str]
) -> None:
    assert carried(page, "Hi, you asked BUY NOW today", after, 14, 21) == marked
