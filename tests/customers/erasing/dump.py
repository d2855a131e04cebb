"""A dump of the whole database, and a search in it for words in every guise."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.contrib.sessions.models import Session
from django.db import connection

Place = tuple[str, str]  # table and column, or 'file' and its path


def dump() -> Iterator[tuple[Place, bytes]]:
    """Every value of every column of every table, as text; bytes both as hex and as they are.

    Sessions, whose text is signed and compressed, come as Django reads them as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_schema, table_name, column_name, data_type "
            "FROM information_schema.columns JOIN information_schema.tables "
            "USING (table_schema, table_name) WHERE table_type = 'BASE TABLE' "
            "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        )
        for schema, table, column, kind in cursor.fetchall():
            quoted = f'"{schema}"."{table}"'
            cursor.execute(f'SELECT "{column}"::text FROM {quoted} WHERE "{column}" IS NOT NULL')
            yield from (((table, column), text.encode()) for (text,) in cursor.fetchall())
            if kind == "bytea":
                cursor.execute(f'SELECT "{column}" FROM {quoted} WHERE "{column}" IS NOT NULL')
                yield from (((table, column), bytes(found)) for (found,) in cursor.fetchall())
    for session in Session.objects.all():
        said = json.dumps(session.get_decoded(), ensure_ascii=False)
        yield ("django_session", "session_data"), said.encode()


def files(folder: Path) -> Iterator[tuple[Place, bytes]]:
    """Every file below a folder, with its name."""
    for path in sorted(folder.rglob("*")):
        yield ("file", str(path)), str(path.relative_to(folder)).encode()
        if path.is_file():
            yield ("file", str(path)), path.read_bytes()


def guises(word: str) -> tuple[set[str], set[str]]:
    """How a word may be hidden: forms in which capitals do not matter, and those where they do."""
    spellings = {word, word.lower(), word.upper(), word.title(), json.dumps(word)[1:-1]}
    escaped = json.dumps(word)[1:-1]
    # JSON may hold JSON.
    loose = {form.casefold() for form in (word, escaped, json.dumps(escaped)[1:-1])}
    loose |= {spelling.encode().hex() for spelling in spellings}
    strict = set()
    for spelling in spellings:
        for lead in range(3):
            # What of the base64 depends on this word alone, wherever it begins in a triple.
            data = b"\0" * lead + spelling.encode()
            coded = base64.b64encode(data).decode().rstrip("=")
            inner = coded[(lead * 8 + 5) // 6 : len(data) * 8 // 6]
            strict |= {inner, inner.translate(str.maketrans("+/", "-_"))}
    return loose, strict


def where(words: Iterable[str], values: Iterable[tuple[Place, bytes]]) -> dict[str, set[Place]]:
    """Where each word is found, in whatever guise; a word that is nowhere has no place."""
    looked_for = {word: guises(word) for word in words}
    found: dict[str, set[Place]] = {word: set() for word in looked_for}
    for place, value in values:
        text = value.decode("utf-8", "replace")
        folded = text.casefold()
        for word, (loose, strict) in looked_for.items():
            if any(form in folded for form in loose) or any(form in text for form in strict):
                found[word].add(place)
    return found
