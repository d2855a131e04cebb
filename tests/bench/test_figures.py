"""How figures are listed, measured and printed; what they come to is `make bench`'s affair."""

from __future__ import annotations

import json
import os

import pytest

from bench import __main__ as bench
from bench.allowance import earliest
from bench.cores import cores, pinned
from bench.posting import post, request
from bench.registry import FIGURES, Figure, Measured
from tests.x.awkward import Awkward, answering


def test_a_figure_is_one_line_of_json(monkeypatch, capsys):
    made = Figure("made_up", 5, "lower", lambda: Measured(1 / 3, {"rounds": [1]}))
    monkeypatch.setitem(FIGURES, "made_up", made)
    assert bench.main(["made_up"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "figure": "made_up",
        "value": 0.333,
        "goal": 5,
        "better": "lower",
        "detail": {"rounds": [1]},
    }


def test_a_figure_that_there_is_not_is_named_with_those_that_there_are(capsys):
    assert bench.main(["nonsense"]) == 2
    said = capsys.readouterr().out
    assert said.startswith("No such figure: nonsense. There are ")
    assert {"guidance_per_s", "sandbox_posts_per_s"} <= FIGURES.keys()
    assert all(name in said for name in FIGURES)


def test_the_client_counts_what_was_answered_over_its_connections():
    with Awkward(answering("201 Created", b"{}")) as server:
        port = int(server.base_url.rpartition(":")[2])
        ready = request("127.0.0.1", "/2/x", "token", {"text": "hello"})
        posted = post(port, lambda n: ready, connections=2, seconds=0.2)
    assert len(server.visits) == 2
    assert posted.count == len(server.requests) > 2
    assert posted.per_second == posted.count / posted.seconds
    assert 0 < posted.within(0.5) <= posted.within(1.0)
    assert server.requests[0].endswith(b'\r\n\r\n{"text": "hello"}')


def test_anything_but_a_201_ends_the_measuring():
    with Awkward(answering("429 Too Many Requests", b"{}")) as server:
        port = int(server.base_url.rpartition(":")[2])
        with pytest.raises(RuntimeError, match="not a 201"):
            post(port, lambda n: b"GET / HTTP/1.1\r\n\r\n", connections=1, seconds=0.2)


@pytest.mark.skipif(cores() is None, reason="processes cannot be pinned here")
def test_what_is_pinned_is_let_go_again():
    before = os.sched_getaffinity(0)
    pair = cores()
    assert pair is not None
    with pinned(pair[0]):
        assert os.sched_getaffinity(0) == {pair[0]}
    assert os.sched_getaffinity(0) == before


def test_nobody_is_faster_than_the_windows_allow():
    """Two in ten seconds and three in twenty: found one by one, and by hand."""
    assert earliest([(2, 10), (3, 20)], 8) == [0, 0, 10, 20, 20, 30, 40, 40]
    assert earliest([], 3) == [0, 0, 0]
