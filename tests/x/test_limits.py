from __future__ import annotations

from datetime import UTC, datetime

import pytest
from requests.structures import CaseInsensitiveDict

from outreach.x.limits import Limit, Limits, limits_from


def test_each_limit_that_the_headers_name_is_read():
    headers = CaseInsensitiveDict(
        {
            "X-Rate-Limit-Limit": "15",
            "X-Rate-Limit-Remaining": "0",
            "X-Rate-Limit-Reset": "1790000000",
            "x-app-limit-24hour-limit": "1440",
            "x-app-limit-24hour-remaining": "1439",
            "x-app-limit-24hour-reset": "1790050000",
        }
    )
    assert limits_from(headers) == Limits(
        (
            Limit("endpoint", 15, 0, datetime.fromtimestamp(1790000000, UTC)),
            Limit("app", 1440, 1439, datetime.fromtimestamp(1790050000, UTC)),
        )
    )


@pytest.mark.parametrize("odd", ["", "soon", "-1", "1.5", "9" * 18, "9" * 40, "²"])
def test_an_unreadable_reset_names_no_limit(odd):
    headers = {"x-rate-limit-limit": "1", "x-rate-limit-remaining": "0", "x-rate-limit-reset": odd}
    assert limits_from(headers) == Limits()


def test_a_missing_header_names_no_limit():
    assert limits_from({"x-rate-limit-limit": "15", "x-rate-limit-reset": "1"}) == Limits()
