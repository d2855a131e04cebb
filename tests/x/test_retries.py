"""Reads are tried again within bounds; what writes is called once, whatever happens."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
import tenacity

from outreach.x.client import CallReport, Retries, Timeouts, XClient
from outreach.x.errors import (
    LimitedUntil,
    NeverWill,
    NotCalled,
    PaymentNeeded,
    TokenRefused,
    TryLater,
    Unknown,
    XError,
)
from tests.x.awkward import TAKEN, Awkward, Visit, answering

SHORT = Timeouts(connect=0.6, answer=0.6)
AT_ONCE = Retries(first_wait=0)
ANN = json.dumps({"data": [{"id": "2", "username": "ann", "name": "Ann"}]}).encode()
PAGE = json.dumps({"data": [], "meta": {"result_count": 0}}).encode()
ID = "x-transaction-id: r{}"


def client(server: Awkward, **options: Any) -> XClient:
    usual: dict[str, Any] = {"timeouts": SHORT, "retries": AT_ONCE}
    return XClient("token", base_url=server.base_url, **(usual | options))


class Scripted:
    """Answers requests in the order of a script, over any number of connections."""

    def __init__(self, *answers: tuple[str, bytes] | None) -> None:
        self.left = list(answers)
        self.arrived = 0

    def __call__(self, visit: Visit) -> None:
        while visit.read_request():
            self.arrived += 1
            answer = self.left.pop(0) if len(self.left) > 1 else self.left[0]
            if answer is None:
                return  # the connection is dropped
            visit.answer(*answer, ID.format(self.arrived))


UNAVAILABLE = ("503 Service Unavailable", b"")


@pytest.mark.parametrize(
    "trouble",
    [None, UNAVAILABLE, ("500 Oops", b"{}"), ("200 OK", b"<html>"), ("403 Forbidden", b"<html>")],
)
def test_a_read_is_tried_again_until_x_answers(trouble):
    script = Scripted(trouble, trouble, ("200 OK", ANN))
    with Awkward(script) as server:
        assert [user.id for user in client(server).users([2]).found] == [2]
    assert script.arrived == 3


@pytest.mark.parametrize("trouble", [None, UNAVAILABLE, ("200 OK", b"<html>")])
@pytest.mark.parametrize(
    "read",
    [
        lambda api: api.users([2]),
        lambda api: api.users_by(["ann"]),
        lambda api: api.me(),
        lambda api: api.followers(2),
        lambda api: api.following(2),
        lambda api: api.dm_events(),
        lambda api: api.dm_events_with(2),
    ],
)
def test_every_read_is_tried_three_times_and_no_more(read, trouble):
    script = Scripted(trouble)
    with Awkward(script) as server, pytest.raises(TryLater) as error:
        read(client(server))
    assert script.arrived == 3
    assert (error.value.__cause__, error.value.__context__) == (None, None)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (("429 Too Many Requests", b"{}"), LimitedUntil),
        (("401 Unauthorized", b"{}"), TokenRefused),
        (("402 Payment Required", b"{}"), PaymentNeeded),
        (("403 Forbidden", b'{"errors":[{"code":220}]}'), NeverWill),
        (("404 Not Found", b'{"title":"Not Found"}'), XError),
    ],
)
def test_what_time_alone_does_not_mend_is_not_tried_again(answer, error):
    script = Scripted(answer)
    with Awkward(script) as server, pytest.raises(error):
        client(server).followers(2)
    assert script.arrived == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, Unknown),
        (UNAVAILABLE, Unknown),
        (("500 Oops", b"{}"), Unknown),
        (("408 Request Timeout", b""), Unknown),
        (("200 OK", b"{}"), Unknown),
        (("403 Forbidden", b"<html>"), TryLater),
        (("403 Forbidden", b'{"errors":[{"code":349}]}'), NeverWill),
        (("429 Too Many Requests", b"{}"), LimitedUntil),
        (("401 Unauthorized", b"{}"), TokenRefused),
    ],
)
def test_a_message_leaves_once_whatever_is_answered(answer, error):
    script = Scripted(answer)
    with Awkward(script) as server, pytest.raises(error):
        client(server, retries=Retries(tries=9, first_wait=0)).send_dm(2, "hello")
    assert script.arrived == 1


def test_a_message_without_an_answer_leaves_once():
    def silent(visit: Visit) -> None:
        visit.read_request()
        visit.wait_for_the_end()

    with Awkward(silent) as server:
        with pytest.raises(Unknown):
            client(server).send_dm(2, "hello")
        server.join()
    assert len(server.requests) == 1


def test_a_read_without_a_connection_is_tried_again_and_not_called():
    with Awkward(answering("200 OK")) as server:
        reports: list[CallReport] = []
        api = client(server, on_call=reports.append)
    with pytest.raises(NotCalled):
        api.me()
    assert [report.error and report.error.kind for report in reports] == ["no_connection"] * 3


def test_no_try_begins_once_the_total_is_over():
    script = Scripted(UNAVAILABLE)
    retries = Retries(tries=9, first_wait=100, longest_wait=100, total=0.0)
    with Awkward(script) as server, pytest.raises(TryLater):
        client(server, retries=retries).me()
    assert script.arrived == 1


def test_the_waits_grow_are_random_and_stay_within_their_bounds(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr(tenacity.nap.time, "sleep", waits.append)

    def trouble() -> None:
        raise TryLater("test")

    for _ in range(50):
        with pytest.raises(TryLater):
            Retries(tries=4, first_wait=1.0, longest_wait=3.0).run(trouble)
    bounds = {0: 1.0, 1: 2.0, 2: 3.0}
    for place, most in bounds.items():
        of_place = waits[place::3]
        assert 0 <= min(of_place) < max(of_place) <= most
        assert max(of_place) > most / 2


# --- who is told ---------------------------------------------------------------------------------


def test_every_exchange_is_told_of_once_with_what_came_of_it():
    script = Scripted(None, UNAVAILABLE, ("200 OK", PAGE))
    reports: list[CallReport] = []
    with Awkward(script) as server:
        client(server, on_call=reports.append).followers(2)
    assert [(report.status, report.request_id) for report in reports] == [
        (None, None),
        (503, "r2"),
        (200, "r3"),
    ]
    assert [report.error and report.error.kind for report in reports] == [
        "connection_lost",
        "server_error",
        None,
    ]
    assert {report.call for report in reports} == {"GET /2/users/:id/followers"}


def test_a_sent_message_is_told_of_with_its_limits():
    limits = ["15", "14", "1790000000"]
    names = ["x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset"]
    headers = [f"{name}: {value}" for name, value in zip(names, limits, strict=True)]
    reports: list[CallReport] = []
    with Awkward(answering("201 Created", TAKEN, *headers)) as server:
        sent = client(server, on_call=reports.append).send_dm(2, "hello")
    (report,) = reports
    assert (report.error, report.status, report.limits) == (None, 201, sent.limits)
    assert report.limits.windows[0].remaining == 14


@pytest.mark.parametrize(
    "answer", [("201 Created", TAKEN), ("403 No", b'{"errors":[{"code":349}]}')]
)
def test_who_is_told_and_fails_changes_nothing(answer, caplog):
    def failing(report: CallReport) -> None:
        raise RuntimeError("words that nobody may read")

    script = Scripted(answer)
    caplog.set_level(logging.DEBUG)
    with Awkward(script) as server:
        api = client(server, on_call=failing)
        if answer[0].startswith("201"):
            assert api.send_dm(2, "hello").dm_event_id == int("9" * 18)
        else:
            with pytest.raises(NeverWill):
                api.send_dm(2, "hello")
    assert script.arrived == 1
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert line.endswith("who was to be told failed with RuntimeError, request r1")
    assert "nobody may read" not in caplog.text


def test_every_line_of_the_log_names_x_s_request_or_that_there_was_none(caplog):
    caplog.set_level(logging.INFO)
    script = Scripted(None, UNAVAILABLE, ("200 OK", b"<html>"))
    with Awkward(script) as server, pytest.raises(TryLater):
        client(server).me()
    lines = [record.getMessage() for record in caplog.records if record.name == "outreach.x"]
    assert [line.rpartition(", ")[0] for line in lines] == [
        "GET /2/users/me: connection_lost, request -",
        "GET /2/users/me: 503 server_error, request r2",
        "GET /2/users/me: 200 unreadable_answer, request r3",
    ]


def test_the_generation_of_the_token_is_kept_for_whoever_has_it_refreshed():
    assert XClient("token", base_url="http://127.0.0.1:1", generation=7).generation == 7
