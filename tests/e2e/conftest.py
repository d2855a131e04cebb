"""One installation and one browser for all tests here; every page watched.

The fixtures last for this package, not for the session: while Playwright's synchronous API is
open, Django refuses queries in this thread, and other tests need them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from outreach.demo import cast
from outreach.services.locks import wait_until
from tests.browser import launch_options
from tests.e2e.house import Person, Visitor, sign_in, writable_people
from tests.e2e.installation import Installation, all_listeners
from tests.e2e.watching import Watch

# Conditions are waited for so long (milliseconds); two cores may have more to do than this.
PATIENCE = 15_000
COLLEAGUES = {colleague.key: colleague for colleague in cast.COLLEAGUES}


@pytest.fixture(scope="package")
def outreach() -> Iterator[Installation]:
    """All of it, started once; leaves nothing behind when Ctrl-C ends it."""
    installation = Installation()
    try:
        installation.start()
        yield installation
        running = installation.processes()
        assert installation.stop() == 0, installation.said
        assert wait_until(lambda: not installation.processes(), 10), installation.processes()
        assert len(running) > 5
        ports = {installation.port, installation.sandbox_port}
        assert [each for each in all_listeners() if each.port in ports] == []
    finally:
        installation.clear()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless chromium; without one every test here fails, none is skipped."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())  # type: ignore[arg-type]
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def session_of(browser: Browser, outreach: Installation) -> Callable[[str], StorageState]:
    """The cookies of a colleague, each signed in once, when first needed."""

    @functools.cache
    def session_of(key: str) -> StorageState:
        context = browser.new_context(base_url=outreach.url)
        sign_in(context.new_page(), COLLEAGUES[key].email)
        state = context.storage_state()
        context.close()
        return state

    return session_of


@pytest.fixture
def watch(browser: Browser, outreach: Installation, tmp_path: Path) -> Iterator[Watch]:
    """The pages of this test; what goes wrong on them fails it."""
    watch = Watch(browser, outreach.url, tmp_path)
    yield watch
    watch.close()


@pytest.fixture
def visit(watch: Watch, session_of: Callable[[str], StorageState]) -> Callable[..., Visitor]:
    """`visit("jo")`: a page on which Jo is signed in. Options are those of a browser context."""

    def visit(key: str = "", **options: Any) -> Visitor:
        if key:
            options["storage_state"] = session_of(key)
        return Visitor(_patient(watch.context(**options).new_page()), watch)

    return visit


@pytest.fixture
def jo(visit) -> Visitor:
    return visit("jo")


@pytest.fixture
def ruth(visit) -> Visitor:
    return visit("ruth")


@pytest.fixture(scope="package")
def crowd(
    browser: Browser, outreach: Installation, session_of: Callable[[str], StorageState]
) -> Iterator[Person]:
    """People who may be written to and got no letter yet: `next(crowd)`, each only once."""
    context = browser.new_context(base_url=outreach.url, storage_state=session_of("jo"))
    people = writable_people(context.new_page())
    context.close()
    return iter(people)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What went wrong on a page fails the test itself; a failure leaves pictures."""
    watch = getattr(item, "funcargs", {}).get("watch")
    if watch is None:
        return (yield)
    try:
        result = yield
        problems = watch.found()
        assert problems == []
    except BaseException as error:
        for url, path in watch.screenshots():
            error.add_note(f"See {url}: {path}")
        for problem in watch.found():
            error.add_note(f"Also: {problem}")
        raise
    return result


def _patient(page: Page) -> Page:
    page.set_default_timeout(PATIENCE)
    return page
