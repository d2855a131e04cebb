"""What people write into cells: handles, ids, zones, days."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.customers.imports.columns import guess, key_of
from outreach.customers.imports.dates import moment_of, seems_day_first
from outreach.customers.imports.handles import handle_of, x_user_id_of
from outreach.customers.imports.refusing import RowRefused
from outreach.customers.imports.zones import zone_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "Ana_1", "@Ana_1", "  Ana_1 ", "\tAna_1\n", "＠Ana_1", "@ Ana_1".replace(" ", ""),
        "https://x.com/Ana_1", "http://twitter.com/Ana_1/", "x.com/Ana_1", "//x.com/Ana_1",
        "www.twitter.com/@Ana_1", "https://mobile.twitter.com/#!/Ana_1?lang=en",
        "https://x.com/Ana_1/status/17?s=20", "<https://x.com/Ana_1>", "HTTPS://X.COM/Ana_1",
        "https://x.com/intent/user?screen_name=Ana_1", "https://x.com/intent/follow?screen_name=Ana_1",
        "Maria Prado (@Ana_1)", "Maria Prado @Ana_1", "'@Ana_1", "@Ana_1,", "%40Ana_1",
        "\u200b@Ana_1\ufeff", "\xa0@Ana_1\xa0", '=HYPERLINK("https://x.com/Ana_1","@Ana_1")',
        "[Ana](https://x.com/Ana_1)",
    ],
)  # fmt: skip
def test_a_handle_in_every_shape(cell):
    assert handle_of(cell) == "Ana_1"


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("ana@example.com", "is an e-mail address"),
        ("@ana @bo", "names more than one handle"),
        ("x.com/ana and x.com/bo", "names more than one handle"),
        ("https://x.com/home", "is not the address of somebody’s page at X"),
        ("https://x.com/i/user/123", "is not the address of somebody’s page at X"),
        ("https://example.com/ana", "is not the address of somebody’s page at X"),
        ("https://notx.com/ana", "is not the address of somebody’s page at X"),
        ("@abcdefghijklmnopq", "longer than the 15 characters"),
        ("naïve", "is not a handle"),
        ("Maria Prado", "is not a handle"),
        ("a-b", "is not a handle"),
        ("@maria prado", "is not a handle"),
        ("Maria (@maria prado)", "is not a handle"),
    ],
)
def test_what_is_no_handle_says_why(cell, why):
    with pytest.raises(RowRefused, match=why):
        handle_of(cell)


@pytest.mark.parametrize("cell", ["", "  ", "\u200b", "''"])
def test_a_blank_cell_is_no_handle(cell):
    assert handle_of(cell) == ""


@given(st.text(max_size=60))
def test_any_text_is_a_handle_or_is_refused(cell):
    with contextlib.suppress(RowRefused):
        found = handle_of(cell)
        assert found == "" or (len(found) <= 15 and found.isascii())


@pytest.mark.parametrize(
    ("cell", "found"),
    [("", None), ("17", 17), ("'1234567890123456789", 1234567890123456789), ("17.0", 17)],
)
def test_an_x_user_id(cell, found):
    assert x_user_id_of(cell) == found


@pytest.mark.parametrize("cell", ["0", "-1", "1.5", "ana", "99999999999999999999", "1,23E+18"])
def test_what_is_no_x_user_id(cell):
    with pytest.raises(RowRefused):
        x_user_id_of(cell)


@pytest.mark.parametrize(
    ("cell", "zone"),
    [
        ("", ""), ("Europe/Lisbon", "Europe/Lisbon"), ("europe/LISBON", "Europe/Lisbon"),
        ("Lisbon", "Europe/Lisbon"), ("New York", "America/New_York"), ("new_york", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"), ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("Munich", "Europe/Berlin"), ("München", "Europe/Berlin"), ("JST", "Asia/Tokyo"),
        ("UTC", "UTC"), ("PDT", "America/Los_Angeles"), ("NZST", "Pacific/Auckland"),
    ],
)  # fmt: skip
def test_a_time_zone(cell, zone):
    assert zone_of(cell) == zone


@pytest.mark.parametrize(
    "cell", ["EST", "CST", "ist", "Bst", "UTC+2", "+02:00", "Mars", "Factory", "!"]
)
def test_what_is_no_one_time_zone(cell):
    with pytest.raises(RowRefused):
        zone_of(cell)


def test_every_zone_of_the_database_is_itself():
    own = {name for name in available_timezones() if "/" in name}
    assert {name for name in own if zone_of(name) != name} == set()


@pytest.mark.parametrize(
    ("cell", "day_first", "said"),
    [
        ("2026-03-04", True, "2026-03-04T12:00"),
        ("2026-03-04 15:30", True, "2026-03-04T15:30"),
        ("2026-03-04T15:30:00+02:00", True, "2026-03-04T13:30"),
        ("20260304", True, "2026-03-04T12:00"),
        ("04.03.2026", False, "2026-03-04T12:00"),
        ("4/3/2026", True, "2026-03-04T12:00"),
        ("3/4/2026", False, "2026-03-04T12:00"),
        ("4-3-26 15:30", True, "2026-03-04T15:30"),
        ("4 Mar 2026", False, "2026-03-04T12:00"),
        ("March 4th, 2026", True, "2026-03-04T12:00"),
        ("Wed, 4 March 2026", True, "2026-03-04T12:00"),
    ],
)
def test_a_day(cell, day_first, said):
    found = moment_of(cell, day_first=day_first, zone=ZoneInfo("UTC"), now=NOW)
    assert found is not None
    assert found.isoformat("T", "minutes") == f"{said}+00:00"


def test_a_day_is_its_noon_in_the_workspaces_zone():
    found = moment_of("2026-03-04", day_first=True, zone=ZoneInfo("Asia/Tokyo"), now=NOW)
    assert found == datetime(2026, 3, 4, 3, tzinfo=UTC)


def test_today_has_come_though_its_noon_has_not():
    assert moment_of("2026-11-26", day_first=True, zone=ZoneInfo("UTC"), now=NOW)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("soon", "is no date that can be read"),
        ("25/12/2025", "is no date when read month first"),
        ("2026-02-30", "is no date that can be read"),
        ("2026-12-01", "has not come yet"),
        ("1999-01-01", "is before X began"),
        ("46085", "is no date that can be read"),
    ],
)
def test_what_is_no_day(cell, why):
    with pytest.raises(RowRefused, match=why):
        moment_of(cell, day_first=False, zone=ZoneInfo("UTC"), now=NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_moment_or_is_refused(cell):
    with contextlib.suppress(RowRefused):
        found = moment_of(cell, day_first=True, zone=ZoneInfo("Europe/Lisbon"), now=NOW)
        assert found is None or found.date() <= NOW.date()


def test_which_comes_first_shows_by_a_number_over_twelve():
    assert seems_day_first(["04/05/2026", "25/12/2025"], otherwise=False)
    assert not seems_day_first(["04/05/2026", "12/25/2025"], otherwise=True)
    assert seems_day_first(["04/05/2026"], otherwise=True)


# --- columns ---------------------------------------------------------------------------------


def test_columns_are_guessed_by_their_names_in_many_languages():
    header = [
        "Twitter-Handle",
        "VORNAME",
        "Prénom",
        "Zeitzone",
        "Favourite print",
        "attribute: Odd Key",
        "",
    ]
    assert guess(header, [], {}) == [
        "handle", "first_name", "", "time_zone", "attribute:favourite_print", "attribute:Odd Key", "",
    ]  # fmt: skip


def test_handles_are_found_by_what_a_column_holds():
    rows = [["Ana", "@ana"], ["Bo", "https://x.com/bo"], ["Cy", ""]]
    assert guess(["who", "where"], rows, {}) == ["attribute:who", "handle"]
    assert guess(["who"], [["ana"]], {}) == ["attribute:who"]


def test_since_and_where_are_of_a_permission_where_there_is_one():
    header = ["handle", "Permission", "Since", "Where"]
    assert guess(header, [], {}) == ["handle", "basis", "given_on", "place"]
    assert guess(header, [], {"since": "attribute:since"})[2] == "attribute:since"
    both = ["handle", "consent", "consent date", "when", "where"]
    assert guess(both, [], {})[2:] == ["given_on", "attribute:when", "place"]
    assert guess(["handle", "since"], [], {}) == ["handle", "attribute:since"]


def test_a_display_name_is_never_taken_for_a_first_name():
    assert guess(["name", "handle"], [["Fox Lover, she/her", "ana"]], {}) == ["name", "handle"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Favourite print", "favourite_print"), ("  Größe  ", "groe"), ("2026 orders", "a_2026_orders"),
        ("First name", "first_name_2"), ("名前", ""), ("x" * 99, "x" * 31),
    ],
)  # fmt: skip
def test_a_merge_fields_name(name, key):
    assert key_of(name) == key
