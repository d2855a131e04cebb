"""Fill a scratch database with customers and time the pages of two workspaces side by side.

A process of its own, since Django reads its settings once. Prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
FEW, BESIDE = 1000, 100
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))

# So that each page shows about as many rows of both: what is common is so in the same proportion,
# what is rare (the tag 'rare': 60 people; an order: one) in the same number.
FILL = """
INSERT INTO customers_customer
    (workspace_id, x_user_id, handle, name, first_name, time_zone, tags, attributes,
    last_written_at, last_answered_at)
SELECT %(ws)s, 1000000000 + n,
    substr(translate(md5((n * 7)::text), '0123456789', 'qrstuvwxyz'), 1, 6)
        || CASE WHEN n %% 3 = 0 THEN '_' ELSE '' END || n,
    (ARRAY['Maria', 'Ana', 'José', 'Łukasz', 'Tom', 'Elif', 'Hannah', 'Ben', 'Zoë', 'Priya'])
        [1 + (hashint4(n) & 2147483647) %% 10]
        || ' ' || CASE WHEN hashint4(n * 2 + 1) %% 2 = 0 THEN 'K' ELSE 'M' END
        || substr(translate(md5(n::text), '0123456789', 'ghijklmnop'), 1, 3 + n %% 6),
    '', '',
    CASE WHEN n %% 10 = 0 THEN ARRAY['fair'] WHEN n %% 10 = 1 THEN ARRAY['prints', 'shop']
        WHEN n %% (%(rows)s / 60) = 2 THEN ARRAY['rare'] ELSE ARRAY[]::text[] END,
    jsonb_build_object('size', (ARRAY['S', 'M', 'L'])[1 + n %% 3], 'order', n),
    CASE WHEN n %% 2 = 1 THEN now() - n %% 90 * interval '1 day' END,
    CASE WHEN n %% 5 = 3 THEN now() - n %% 90 * interval '1 day' END
FROM generate_series(1, %(rows)s) n;
INSERT INTO customers_relationship
    (workspace_id, x_account_id, customer_id, following, followed_by, accepts_dms, reachable,
    checked_at)
SELECT workspace_id, %(account)s, id, x_user_id %% 7 < 2, x_user_id %% 5 < 3, true, true, now()
FROM customers_customer WHERE workspace_id = %(ws)s AND x_user_id %% 10 < 6;
INSERT INTO customers_permission
    (workspace_id, customer_id, basis, given_at, place, evidence)
SELECT workspace_id, id, 'opted_in', now(), 'a fair', 'card'
FROM customers_customer WHERE workspace_id = %(ws)s AND x_user_id %% 3 > 0;
INSERT INTO customers_suppression (workspace_id, x_user_id, handle, reason)
SELECT workspace_id, x_user_id, '', 'said stop'
FROM customers_customer WHERE workspace_id = %(ws)s AND x_user_id %% 8 = 0;
"""

# Each page by name: which figure it belongs to, which view, and what is asked.
PAGES: dict[str, tuple[str, str, str]] = {
    "everybody": ("list", "customers:list", ""),
    "mutual": ("list", "customers:list", "mutual=yes"),
    "not mutual": ("list", "customers:list", "mutual=no"),
    "permission": ("list", "customers:list", "permission=yes"),
    "stopped": ("list", "customers:list", "stopped=yes"),
    "written": ("list", "customers:list", "written=30"),
    "not written": ("list", "customers:list", "written=not-30"),
    "answered": ("list", "customers:list", "answered=30"),
    "never answered": ("list", "customers:list", "answered=never"),
    "tag": ("list", "customers:list", "tag=fair"),
    "rare tag": ("list", "customers:list", "tag=rare"),
    "no such tag": ("list", "customers:list", "tag=none"),
    "attribute": ("list", "customers:list", "attribute=size:M"),
    "rare attribute": ("list", "customers:list", "attribute=order:777"),
    "may be written to": ("list", "customers:list", "mutual=yes&permission=yes&stopped=no"),
    "many filters": (
        "list",
        "customers:list",
        "mutual=yes&permission=yes&stopped=no&written=not-30&attribute=size:M",
    ),
    "nobody has both": ("list", "customers:list", "tag=fair&tag=prints"),
    "segment count": ("list", "customers:segment_count", "mutual=yes&permission=yes"),
    "segment count by tag": ("list", "customers:segment_count", "tag=fair"),
    "one letter": ("search", "customers:list", "q=a"),
    "another letter": ("search", "customers:list", "q=m"),
    "common word": ("search", "customers:list", "q=maria"),
    "two words": ("search", "customers:list", "q=maria+k"),
    "few people": ("search", "customers:list", "q=rar"),
    "no hits": ("search", "customers:list", "q=qqqqqqqq"),
    "a tag's word": ("search", "customers:list", "q=pri"),
    "letter and mutual": ("search", "customers:list", "q=m&mutual=yes"),
    "letter and permission": ("search", "customers:list", "q=m&permission=yes"),
    "letter and stopped": ("search", "customers:list", "q=m&stopped=yes"),
    "letter and tag": ("search", "customers:list", "q=m&tag=fair"),
    "letter and rare tag": ("search", "customers:list", "q=m&tag=rare"),
    "letter and written": ("search", "customers:list", "q=m&written=30"),
    "letter and attribute": ("search", "customers:list", "q=m&attribute=size:M"),
}


def main() -> None:
    """Fill, measure, print."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "outreach.settings")
    django.setup()
    _as_in_tests()
    from django.core.management import call_command
    from django.test.utils import setup_test_environment

    call_command("migrate", verbosity=0)
    setup_test_environment()
    many, few = _fill()
    print(json.dumps({"rows": ROWS, "pages": _measure(many, few)}))


def _as_in_tests() -> None:
    """Plain static files, as no manifest was collected, and passwords that cost nothing."""
    from django.conf import settings

    plain = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": plain}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def _fill() -> tuple[Any, Any]:
    """The workspace of many, and one of the hundred of few beside it."""
    from django.db import connection

    from tests import factories

    many, few = factories.house(), factories.house()
    pairs = [(house.workspace, house.account) for house in (many, few)]
    for _ in range(BESIDE - 1):
        workspace = factories.workspace()
        pairs.append((workspace, factories.account(workspace)))
    with connection.cursor() as cursor:
        for number, (workspace, account) in enumerate(pairs):
            rows = FEW if number else ROWS
            cursor.execute(FILL, {"ws": workspace.pk, "account": account.pk, "rows": rows})
        cursor.execute("VACUUM ANALYZE")
    return many, few


def _measure(many: Any, few: Any) -> dict[str, Any]:
    found = {}
    for name, (kind, view, query) in PAGES.items():
        urls = [_url(house, view, query) for house in (few, many)]
        with _browsers(few, many) as browsers:
            times: list[list[float]] = [[], []]
            # By turns, so that what else the machine does concerns both alike.
            for _ in range(ROUNDS + 2):
                for place, (browser, url) in enumerate(zip(browsers, urls, strict=True)):
                    times[place].append(_seconds(browser, url))
            queries = [_queries(b, url) for b, url in zip(browsers, urls, strict=True)]
        few_ms, many_ms = (round(statistics.median(each[2:]) * 1000, 1) for each in times)
        shown = [_rows(b, url) for b, url in zip(browsers, urls, strict=True)]
        found[name] = {
            "kind": kind,
            "few_ms": few_ms,
            "many_ms": many_ms,
            "queries": queries,
            "rows": shown,
        }
    return found


def _url(house: Any, view: str, query: str) -> str:
    from django.urls import reverse

    from outreach.customers.finding import actions, criteria

    if view == "customers:segment_count":
        segment = actions.save_segment(
            house.marketer, name=f"Of {query}"[:60], criteria=criteria.of_query(query)
        )
        return reverse(view, args=[house.slug, segment.pk])
    return reverse(view, args=[house.slug]) + f"?{query}"


@contextmanager
def _browsers(few: Any, many: Any) -> Iterator[list[Any]]:
    from tests import factories

    yield [factories.browser(few.marketer), factories.browser(many.marketer)]


def _seconds(browser: Any, url: str) -> float:
    began = time.perf_counter()
    response = browser.get(url)
    took = time.perf_counter() - began
    assert response.status_code == 200, url
    return took


def _rows(browser: Any, url: str) -> int:
    """How many people a page shows: pages are only to be compared where it is about the same."""
    return len((browser.get(url).context or {}).get("rows", ()))


def _queries(browser: Any, url: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as run:
        browser.get(url)
    return len(run)


if __name__ == "__main__":
    main()
