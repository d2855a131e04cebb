"""No text takes more than its length's share of time, and the program starts quickly."""

import importlib
import pkgutil
import re
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import outreach.guidance
from outreach.guidance import read
from outreach.guidance.language import language

LENGTH = 10_000
TIMES_ITS_SHARE = 10
# Slack for a busy machine: a pathological expression is off by hundreds.
SLACK = 0.1

REPEATED = [
    "a", "a ", "!", "1", "0 ", "http://", "a.a.", "[", "{{", "🔥", "\u200b", "a-", "c l i c k ",
    "Hi Maria ", "x@", "@", "#", "1,", "+1 ", "GB82WEST", "utm_a=1&", "a1", "a!", "w1n ", "WIN ",
    "you won a ", "'", "é", "а", "\n", "?\n", "—", "-", " ", "...", " dot com", "[.]", "hxxp://a ",
    "txt a to 8", "0900 ", "t & c ", "<a ", "http://a.com/?b=1&", "*|A", "4 1 1 ", "İ", "ا", "日",
    "a.co +442079460958, ", "4111 1111 1111 1111, ", "18 ", "tnc ", "txt a b c ", "1 2 3 ", "[.",
    "👩‍👩‍👧", "f.r.e.e ", "thanks for the ", "—A", "m0n3y", "a|b", "xn--", "1.1.1.1 ", "A.B.C.",
]  # fmt: skip


def took(text):
    """The shortest of three readings, in seconds of this process."""
    times = []
    for _ in range(3):
        began = time.process_time()
        read(text)
        times.append(time.process_time() - began)
    return min(times)


ORDINARY = ("Hi Maria, you asked which ink we use, so we filmed the whole run. " * 200)[:LENGTH]


@pytest.mark.parametrize("piece", REPEATED)
def test_a_repeated_piece_takes_no_more_than_ten_times_its_share(piece):
    text = (piece * LENGTH)[:LENGTH]
    assert took(text) < TIMES_ITS_SHARE * took(ORDINARY) + SLACK


@given(st.lists(st.sampled_from(REPEATED), min_size=1, max_size=4), st.text(max_size=3))
@settings(deadline=None, max_examples=15)
def test_nor_does_any_mixture(pieces, text):
    piece = "".join(pieces) + text
    mixed = (piece * LENGTH)[: LENGTH // 4]
    assert took(mixed) < TIMES_ITS_SHARE * took(ORDINARY) / 4 + SLACK


@pytest.mark.parametrize(
    "piece", [ORDINARY, "a.co +442079460958, ", "4111 1111 1111 1111, ", "A\u200b1 ", "f r e e "]
)
def test_reading_time_grows_with_length_and_no_faster(piece):
    short, long = ((piece * 10 * LENGTH)[:length] for length in (LENGTH, 10 * LENGTH))
    took(short)
    assert took(long) < 10 * took(short) * 2 + SLACK


def expressions():
    """Every regular expression of guidance: those of its modules and those of its phrases."""
    for module in pkgutil.walk_packages(outreach.guidance.__path__, "outreach.guidance."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                yield f"{module.name}.{name}", value


FOUND = dict(expressions())


def test_the_audit_sees_the_expressions():
    assert len(FOUND) > 20


@pytest.mark.parametrize("name", FOUND)
def test_an_expression_searches_in_linear_time(name):
    """20,000 characters take a moment: a quadratic expression would take many seconds."""
    pattern = FOUND[name]
    if isinstance(pattern.pattern, bytes):
        return
    for piece in REPEATED:
        longer = (piece * 2 * LENGTH)[: 2 * LENGTH]
        began = time.process_time()
        for _ in pattern.finditer(longer):
            pass
        assert time.process_time() - began < 0.5, piece


def test_phrases_have_no_gap_without_bound():
    for phrase in language().book.phrases():
        source = phrase.pattern.pattern
        assert ")*" not in source
        assert ")+" not in source


def test_starting_loads_nothing_heavy():
    code = (
        "import sys, outreach.guidance.__main__ as main\n"
        'main.answer(b\'{"id": 1, "text": "Hi, see inkandloom.example/x"}\')\n'
        "print(sorted({'tldextract', 'requests', 'rensa', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().strip() == "[]"
