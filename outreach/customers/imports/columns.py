"""What a file's columns mean: a guess by their names, which people correct and we remember."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from outreach.customers.imports.handles import handle_of
from outreach.customers.imports.refusing import FileRefused, RowRefused

# What the file of refused rows has beside the file's own columns.
REASONS = ("Left out: line", "Left out: why")
# What a column can be. The rest are attributes ('attribute:…'), or left out ('').
HANDLE, X_USER_ID, NAME, FIRST_NAME = "handle", "x_user_id", "name", "first_name"
TAGS, TIME_ZONE, STOP = "tags", "time_zone", "stop"
BASIS, GIVEN_ON, PLACE, EVIDENCE = "basis", "given_on", "place", "evidence"
LEFT_OUT = ""
ATTRIBUTE = "attribute:"

TARGETS = {
    HANDLE: "Handle",
    X_USER_ID: "X user id",
    NAME: "Name, as X shows it",
    FIRST_NAME: "First name, for greetings",
    TAGS: "Tags",
    TIME_ZONE: "Time zone",
    BASIS: "Permission: opted in, or wrote to us",
    GIVEN_ON: "Permission: since which day",
    PLACE: "Permission: where",
    EVIDENCE: "Permission: evidence",
    STOP: "Said stop",
}
MOST_COLUMNS = 500
# A merge field's name, as letters write it: {favourite_print}.
KEY = re.compile(r"[a-z][a-z0-9_]{0,30}")
_OWN_FIELDS = frozenset({"first_name", "name", "handle"})

_NAMES: dict[str, tuple[str, ...]] = {
    HANDLE: (
        "handle", "x handle", "twitter handle", "username", "user name", "screen name", "x",
        "twitter", "x username", "twitter username", "twitter name", "x account", "account",
        "profile", "profile url", "x profile", "twitter profile", "x url", "twitter url", "at",
        "benutzername", "nutzername", "usuario", "nombre de usuario", "utilisateur", "pseudo",
        "nome utente", "utente", "usuário", "ユーザー名", "アカウント", "用户名", "帐号", "账号",
        "логин", "ник", "아이디", "ハンドル",
    ),
    X_USER_ID: ("x user id", "x id", "twitter id", "twitter user id", "user id", "userid"),
    NAME: (
        "name", "full name", "display name", "customer", "customer name", "contact", "nom",
        "nombre", "nome", "naam", "navn", "namn", "имя", "名前", "姓名", "名字", "氏名", "이름", "الاسم",
        "שם", "όνομα", "नाम", "ชื่อ",
    ),
    FIRST_NAME: (
        "first name", "firstname", "given name", "forename", "vorname", "prénom", "primer nombre",
        "nombre de pila", "nome próprio", "primeiro nome", "voornaam", "fornavn", "förnamn",
        "imię", "etunimi", "名", "имя без фамилии",
    ),
    TAGS: ("tags", "tag", "labels", "label", "groups", "group", "segment", "schlagwörter"),
    TIME_ZONE: (
        "time zone", "timezone", "tz", "zone", "zeitzone", "fuseau horaire", "zona horaria",
        "fuso horário", "часовой пояс", "タイムゾーン", "时区",
    ),
    BASIS: ("permission", "basis", "consent", "opt in", "optin", "opted in", "einwilligung"),
    GIVEN_ON: (
        "permission date", "consent date", "opt in date", "optin date", "opted in at", "opted in on",
        "permission since", "consent at", "date of consent", "opt in at",
    ),
    PLACE: ("permission place", "consent source", "opt in source"),
    EVIDENCE: ("permission evidence", "evidence", "proof", "consent text", "consent evidence"),
    STOP: (
        "stop", "said stop", "stopped", "unsubscribed", "unsubscribe", "opted out", "opt out",
        "optout", "do not contact", "suppressed", "blocked", "abgemeldet",
    ),
}  # fmt: skip
# What these words are of, where a file has permissions at all; else they are merge fields.
_BESIDE_A_PERMISSION = {"since": GIVEN_ON, "when": GIVEN_ON, "where": PLACE}


def normal(name: str) -> str:
    """A column's name as names are compared: without accents' forms, case, marks and spaces."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", text).split())


_BY_NAME = {normal(name): target for target, names in _NAMES.items() for name in names}


def key_of(name: str) -> str:
    """The merge field that a column becomes: 'Favourite print' is {favourite_print}."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    key = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:31].strip("_")
    if key and not key[0].isalpha():
        key = f"a_{key}"[:31]
    return f"{key}_2" if key in _OWN_FIELDS else key


def guess(
    header: Sequence[str], rows: Sequence[Sequence[str]], remembered: Mapping[str, str]
) -> list[str]:
    """What each column probably is: as remembered, else by its name, else by what it holds.

    No target but an attribute's is guessed twice. A header without any handle is looked at by
    its cells: a file may call the column anything.
    """
    found: list[str] = []
    taken: set[str] = set()
    for name in header:
        target = _target(name, remembered)
        if target in taken:
            target = LEFT_OUT
        if target != LEFT_OUT:
            taken.add(target)
        found.append(target)
    for place, name in enumerate(header):
        beside = _BESIDE_A_PERMISSION.get(normal(name))
        if BASIS in taken and beside and beside not in taken and normal(name) not in remembered:
            taken.add(beside)
            found[place] = beside
    if HANDLE not in taken and X_USER_ID not in taken:
        place_of_handles = _holding_handles(rows, len(header))
        if place_of_handles is not None:
            found[place_of_handles] = HANDLE
    return found


def _target(name: str, remembered: Mapping[str, str]) -> str:
    plain = normal(name)
    if name in REASONS:
        return LEFT_OUT
    if plain in remembered:
        return remembered[plain]
    written = name.strip()
    if written.lower().startswith(ATTRIBUTE):
        key = "".join(filter(str.isprintable, written[len(ATTRIBUTE) :])).strip()[:100]
        return ATTRIBUTE + key if key else LEFT_OUT
    known = _BY_NAME.get(plain)
    if known:
        return known
    key = key_of(name)
    return ATTRIBUTE + key if key else LEFT_OUT


def _holding_handles(rows: Sequence[Sequence[str]], width: int) -> int | None:
    """The column that most looks like handles; None where none does."""
    best, best_share = None, 0.5
    for place in range(width):
        cells = [row[place] for row in rows if place < len(row) and row[place].strip()]
        looks = sum(_looks_like_a_handle(cell) for cell in cells)
        share = looks / len(cells) if cells else 0.0
        if share > best_share:
            best, best_share = place, share
    return best


def _looks_like_a_handle(cell: str) -> bool:
    """Marked as one: a bare word could be anything."""
    try:
        return bool(handle_of(cell)) and ("@" in cell or ".com/" in cell)
    except RowRefused:
        return False


def check(targets: Sequence[str]) -> None:
    """Raises FileRefused where these columns cannot make customers, with what is missing."""
    used = [target for target in targets if target]
    twice = sorted({target for target in used if used.count(target) > 1})
    if twice:
        words = TARGETS.get(twice[0]) or twice[0].removeprefix(ATTRIBUTE)
        raise FileRefused(f"Two columns are ‘{words}’. Leave one of them out.")
    if HANDLE not in used and X_USER_ID not in used:
        raise FileRefused(
            "No column holds handles, so nobody knows whom the rows are about. Say which one does."
        )
    if GIVEN_ON in used and BASIS not in used:
        raise FileRefused(
            "There is a day of permission and no column that says what it was: "
            "opted in, or wrote to us. Add that column, or leave the day out."
        )
    if BASIS in used and GIVEN_ON not in used:
        raise FileRefused(
            "There is a permission and no column with its day. Say which one is "
            "‘Permission: since which day’, or leave the permission out."
        )
    unknown = [t for t in used if t not in TARGETS and not t.startswith(ATTRIBUTE)]
    if unknown:
        raise FileRefused(f"‘{unknown[0][:40]}’ is nothing that a column can be.")
