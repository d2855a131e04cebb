"""Browser pages that are watched: nothing may go wrong on one of them without a test knowing.

Wrong is: an error in the console, an exception in a script, a violation of the page's Content
Security Policy, a request to anything but this machine's loopback, an answer of 400 and above.
A test that means one of these says so with `expect_status` or `expect_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response
from playwright.sync_api import Error as PlaywrightError

LOOPBACK = {"127.0.0.1"}
LOCAL_SCHEMES = {"data", "blob", "about"}
# The browser says in the console what the answer's status says already.
SAID_TWICE = re.compile(r"Failed to load resource: the server responded with a status of \d+")
# Chrome's own words name the directive; these name the place.
TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error(
  "CSP", event.effectiveDirective, event.blockedURI, `${event.sourceFile}:${event.lineNumber}`,
  event.sample, event.target?.outerHTML?.slice(0, 300)));
"""


class Watch:
    """The pages of one test, or of several, and what went wrong on them."""

    def __init__(self, browser: Browser, url: str, pictures: Path) -> None:
        self.browser = browser
        self.url = url
        self.pictures = pictures
        self.contexts: list[BrowserContext] = []
        self.problems: list[str] = []
        self._statuses: set[int] = set()
        self._words: list[str] = []

    def context(self, **options: Any) -> BrowserContext:
        """A browser of somebody's own: cookies, storage; watched."""
        context = self.browser.new_context(
            **{
                "base_url": self.url,
                "viewport": {"width": 1280, "height": 900},
                "reduced_motion": "reduce",
                "locale": "en-GB",
                "timezone_id": "Europe/Lisbon",
            }
            | options
        )
        context.add_init_script(TELL_VIOLATIONS)
        context.on("page", self._page)
        context.on("console", self._console)
        context.on("request", self._request)
        context.on("response", self._response)
        self.contexts.append(context)
        return context

    def close(self) -> None:
        while self.contexts:
            self.contexts.pop().close()

    # --- what a test means to happen ---------------------------------------------------------

    @contextmanager
    def expect_status(self, *statuses: int) -> Iterator[None]:
        """Inside, answers of these statuses are meant."""
        self._statuses |= set(statuses)
        yield
        self._settle()
        self._statuses -= set(statuses)

    @contextmanager
    def expect_words(self, *words: str) -> Iterator[None]:
        """Inside, errors in the console that hold one of these are meant."""
        self._words += words
        yield
        self._settle()
        self._words = [each for each in self._words if each not in words]

    # --- the end -----------------------------------------------------------------------------

    def found(self) -> list[str]:
        """What went wrong since it was asked last."""
        self._settle()
        problems, self.problems = self.problems, []
        return problems

    def screenshots(self) -> list[tuple[str, Path]]:
        """Address and picture of every open page, for whoever looks into a failure."""
        taken: list[tuple[str, Path]] = []
        for page in self.pages():
            path = self.pictures / f"page-{len(taken) + 1}.png"
            try:
                # Hiding the caret would write style attributes into the page.
                page.screenshot(path=path, full_page=True, caret="initial", timeout=5000)
            except PlaywrightError:
                continue
            taken.append((page.url, path))
        return taken

    def pages(self) -> list[Page]:
        return [page for context in self.contexts for page in context.pages]

    def _settle(self) -> None:
        """Let everything arrive that the browser has sent: events come while something is asked."""
        for page in self.pages():
            try:
                page.title()
            except PlaywrightError:
                continue

    # --- events ------------------------------------------------------------------------------

    def _page(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "assert") or SAID_TWICE.match(message.text):
            return
        if any(words in message.text for words in self._words):
            return
        where = message.page.url if message.page else ""
        self.problems.append(f"{where}: console: {message.text}")

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in LOCAL_SCHEMES or parts.hostname in LOOPBACK:
            return
        self.problems.append(f"a request to {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self._statuses:
            self.problems.append(f"{response.request.method} {response.url}: {response.status}")
