"""Administrators are told once a month that an X app's spending reached its warning level."""

from __future__ import annotations

from decimal import Decimal

import pytest

from outreach.x.expenses import open_tab
from outreach.x.models import XApp
from outreach.x.telling import warn_of_caps
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def spend(house, users: int) -> None:
    with open_tab(house.account.app_id, house.account.pk, "user", users) as tab:
        tab.spend(users)


def test_below_the_warning_level_nobody_is_told(house, mailoutbox):
    XApp.objects.update(monthly_cap=Decimal(10), warn_percent=50)
    spend(house, 499)
    warn_of_caps()
    assert mailoutbox == []


def test_each_administrator_is_told_once_a_month(house, mailoutbox):
    XApp.objects.update(monthly_cap=Decimal(10), warn_percent=50)
    other = factories.house()
    spend(house, 500)
    warn_of_caps()
    warn_of_caps()
    told = sorted(address for mail in mailoutbox for address in mail.to)
    emails = sorted(of.administrator.user.email for of in (house, other))
    assert told == emails
    assert mailoutbox[0].subject == "This month's cost at X nears its cap"
    assert "This month: $5.00 of $10. Syncs have stopped" in mailoutbox[0].body
    XApp.objects.update(warned_for="2020-01-01")
    warn_of_caps()
    assert len(mailoutbox) == 4
