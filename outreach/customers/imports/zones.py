"""Time zones as people write them: by the database's name, a city, or a clear abbreviation."""

from __future__ import annotations

import difflib
import unicodedata
import zoneinfo
from functools import cache

from outreach.customers.imports.refusing import RowRefused

# Abbreviations that one zone alone has.
_CLEAR = {
    "utc": "UTC", "gmt": "UTC", "z": "UTC", "wet": "Europe/Lisbon", "west": "Europe/Lisbon",
    "cet": "Europe/Berlin", "cest": "Europe/Berlin", "eet": "Europe/Helsinki",
    "eest": "Europe/Helsinki", "msk": "Europe/Moscow", "trt": "Europe/Istanbul",
    "edt": "America/New_York", "mdt": "America/Denver", "pdt": "America/Los_Angeles",
    "akst": "America/Anchorage", "akdt": "America/Anchorage", "hst": "Pacific/Honolulu",
    "brt": "America/Sao_Paulo", "art": "America/Argentina/Buenos_Aires", "jst": "Asia/Tokyo",
    "kst": "Asia/Seoul", "hkt": "Asia/Hong_Kong", "sgt": "Asia/Singapore", "pkt": "Asia/Karachi",
    "awst": "Australia/Perth", "acst": "Australia/Darwin", "acdt": "Australia/Adelaide",
    "aest": "Australia/Brisbane", "aedt": "Australia/Sydney", "nzst": "Pacific/Auckland",
    "nzdt": "Pacific/Auckland", "sast": "Africa/Johannesburg", "eat": "Africa/Nairobi",
}  # fmt: skip
# Abbreviations of several places; the time zone database has some of these names too.
_SEVERAL = {
    "est": "America/New_York or Australia/Brisbane",
    "cst": "America/Chicago or Asia/Shanghai",
    "mst": "America/Denver or America/Phoenix",
    "pst": "America/Los_Angeles or Asia/Manila",
    "ist": "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem",
    "bst": "Europe/London or Asia/Dhaka",
    "ast": "America/Halifax or Asia/Riyadh",
    "cdt": "America/Chicago or America/Havana",
    "wst": "Australia/Perth or Pacific/Apia",
    "gst": "Asia/Dubai or Atlantic/South_Georgia",
    "amt": "America/Manaus or Asia/Yerevan",
    "met": "Europe/Berlin or Europe/Brussels",
}
# Cities that many live in and the database files under another one.
_CITIES = {
    "san francisco": "America/Los_Angeles", "seattle": "America/Los_Angeles",
    "san diego": "America/Los_Angeles", "las vegas": "America/Los_Angeles",
    "washington": "America/New_York", "washington dc": "America/New_York",
    "boston": "America/New_York", "miami": "America/New_York", "atlanta": "America/New_York",
    "philadelphia": "America/New_York", "houston": "America/Chicago", "dallas": "America/Chicago",
    "austin": "America/Chicago", "montreal": "America/Toronto", "ottawa": "America/Toronto",
    "rio de janeiro": "America/Sao_Paulo", "brasilia": "America/Sao_Paulo",
    "munich": "Europe/Berlin", "hamburg": "Europe/Berlin", "cologne": "Europe/Berlin",
    "koln": "Europe/Berlin", "munchen": "Europe/Berlin", "frankfurt": "Europe/Berlin",
    "geneva": "Europe/Zurich", "basel": "Europe/Zurich", "barcelona": "Europe/Madrid",
    "milan": "Europe/Rome", "milano": "Europe/Rome", "lyon": "Europe/Paris",
    "marseille": "Europe/Paris", "porto": "Europe/Lisbon", "manchester": "Europe/London",
    "edinburgh": "Europe/London", "glasgow": "Europe/London", "kyiv": "Europe/Kyiv",
    "the hague": "Europe/Amsterdam", "rotterdam": "Europe/Amsterdam", "bergen": "Europe/Oslo",
    "gothenburg": "Europe/Stockholm", "mumbai": "Asia/Kolkata", "delhi": "Asia/Kolkata",
    "new delhi": "Asia/Kolkata", "bangalore": "Asia/Kolkata", "bengaluru": "Asia/Kolkata",
    "chennai": "Asia/Kolkata", "osaka": "Asia/Tokyo", "kyoto": "Asia/Tokyo",
    "beijing": "Asia/Shanghai", "shenzhen": "Asia/Shanghai", "hanoi": "Asia/Bangkok",
    "abu dhabi": "Asia/Dubai", "tel aviv": "Asia/Jerusalem", "canberra": "Australia/Sydney",
    "wellington": "Pacific/Auckland", "cape town": "Africa/Johannesburg",
}  # fmt: skip
_NO_ZONES = frozenset({"Factory", "localtime", "posixrules", "leapseconds"})


def zone_of(cell: str) -> str:
    """The time zone database's name for what the cell says; '' where it is blank.

    Raises RowRefused where it is no zone, or may be several.
    """
    text = " ".join(cell.split())
    if not text:
        return ""
    key = _folded(text)
    if key in _SEVERAL:
        raise RowRefused(f"The time zone ‘{text}’ may be several: write {_SEVERAL[key]}.")
    found = _zones().get(key) or _CLEAR.get(key) or _CITIES.get(key) or _by_city().get(key)
    if found:
        return found
    raise RowRefused(_unknown(text, key))


def _unknown(text: str, key: str) -> str:
    said = text[:40]
    if key.lstrip("utcgm ")[:1] in ("+", "-", "−"):
        return f"‘{said}’ is an hour, not a time zone: its clocks may change. Write a city."
    near = difflib.get_close_matches(key, [*_zones(), *_by_city()], n=1, cutoff=0.8)
    if near:
        return (
            f"‘{said}’ is no time zone. Was {_zones().get(near[0]) or _by_city()[near[0]]} meant?"
        )
    return f"‘{said}’ is no time zone. Write one such as Europe/Lisbon, or its city."


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode() or text
    return plain.replace("_", " ").replace("/ ", "/").replace(" /", "/").casefold().strip()


@cache
def _zones() -> dict[str, str]:
    """Every zone of the database by its name, written in any case."""
    return {_folded(name): name for name in zoneinfo.available_timezones() - _NO_ZONES}


@cache
def _by_city() -> dict[str, str]:
    """Zones by the city in their name, where the city names one zone."""
    areas = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe",
             "Indian", "Pacific")  # fmt: skip
    cities: dict[str, set[str]] = {}
    for name in zoneinfo.available_timezones():
        area, _, city = name.partition("/")
        if area in areas and city:
            cities.setdefault(_folded(city.rpartition("/")[2]), set()).add(name)
    found = {}
    for city, names in cities.items():
        # The same city under an old name and a new one, such as America/Buenos_Aires.
        longest = max(names, key=len)
        if len(names) == 1 or len({_rules(name) for name in names}) == 1:
            found[city] = longest
    return found


def _rules(name: str) -> bytes:
    import importlib.resources  # only a city with two names needs the files

    folder = importlib.resources.files("tzdata.zoneinfo")
    return folder.joinpath(*name.split("/")).read_bytes()
