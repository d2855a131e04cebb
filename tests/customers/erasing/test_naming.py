"""Whether a text names somebody."""

from __future__ import annotations

import pytest

from outreach.customers.erasing.naming import Names

ZSOFIA = Names(["Zsófia Nagy", "zs_nagy", "7100000000000000007", ""])


@pytest.mark.parametrize(
    "text",
    [
        "Zsófia Nagy",
        "all of ZSÓFIA  NAGY, please",
        "zsofia nagy",
        "q=Zs%C3%B3fia+Nagy&mutual=yes",
        "@Zs_Nagy",
        "x/zs_nagy?",
        "id:7100000000000000007",
        "Zso\N{COMBINING ACUTE ACCENT}fia Nagy",
    ],
)
def test_a_name_is_found_in_any_case_with_or_without_accents_and_as_addresses_have_it(text):
    assert ZSOFIA.stand_in("nothing", text)
    assert ZSOFIA.stand_in_details({"a": [{"b": text}], "n": 3})
    assert ZSOFIA.stand_in_details({text: None})


@pytest.mark.parametrize(
    "text",
    ["", "Zsófia", "Nagy Zsófia", "zs_nagy2", "azs_nagy", "17100000000000000007", "Zsófia Nagyon"],
)
def test_somebody_else_is_not(text):
    assert not ZSOFIA.stand_in(text)
    assert not ZSOFIA.stand_in_details({"a": text})


def test_where_words_have_no_spaces_a_name_stands_anywhere():
    assert Names(["李小龙"]).stand_in("给李小龙的信")
    assert not Names(["李小龙"]).stand_in("小龙")


def test_nobody_is_named_nowhere_and_signs_are_signs():
    assert not Names([""]).stand_in("", "anything")
    assert Names(["a.b (c)"]).stand_in("say a.b (c) now")
    assert not Names(["a.b"]).stand_in("aXb")
