"""A hook is filled by exactly one function, or nothing starts."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from outreach.ground.hooks import Chorus, Hook, HookError


@pytest.fixture
def hook(monkeypatch) -> Hook[[int], str]:
    monkeypatch.setattr(Hook, "declared", list(Hook.declared))
    return Hook("tests.something_happened")


def test_it_runs_what_filled_it(hook):
    hook.fill(lambda number: f"heard {number}")
    assert hook(3) == "heard 3"


def test_calling_an_unfilled_hook_names_it(hook):
    with pytest.raises(HookError, match=r"tests\.something_happened"):
        hook(3)


def test_an_unfilled_hook_is_a_check_error(hook):
    (error,) = [found for found in run_checks() if found.id == "ground.E001"]
    assert error.is_serious()
    assert error.msg == "Nobody filled the hook tests.something_happened."
    hook.fill(str)
    assert [found for found in run_checks() if found.id == "ground.E001"] == []


def test_filling_twice_is_refused_and_the_first_stays(hook):
    hook.fill(lambda number: "first")
    with pytest.raises(HookError, match="filled already"):
        hook.fill(lambda number: "second")
    assert hook(1) == "first"


def test_filling_again_with_the_same_function_is_no_second_filling(hook):
    assert hook.fill(str) is str
    assert hook.fill(str) is str


def test_a_chorus_is_filled_by_several_and_calls_them_in_order(monkeypatch):
    monkeypatch.setattr(Hook, "declared", list(Hook.declared))
    chorus: Chorus[[int], str] = Chorus("tests.everybody")
    with pytest.raises(HookError, match=r"tests\.everybody"):
        chorus.all(3)
    assert [found.msg for found in run_checks() if found.id == "ground.E001"] == [
        "Nobody filled the hook tests.everybody."
    ]
    for _ in range(2):
        chorus.fill(str)
    chorus.fill(hex)
    assert chorus.all(17) == ["17", "0x11"]
    assert chorus.is_filled


def test_every_hook_of_the_house_is_filled():
    names = sorted(found.name for found in Hook.declared if found.is_filled)
    assert len(names) == len(set(names)) == len(Hook.declared)
    assert {"accounts.workspace_created", "customers.suppressed"} < set(names)
    assert {"drafts.approved", "drafts.approval_withdrawn", "drafts.last_letter"} < set(names)
