"""JSON lines as both commands read them: what a line holds, or why it cannot be read."""

from __future__ import annotations

import json
from typing import Any

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode


class LineError(ValueError):
    """A line that is no letter; the message says why."""


def letter_of(line: bytes) -> dict[str, Any]:
    """The JSON object on a line. Raises LineError."""
    try:
        letter = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise LineError(f"not UTF-8 at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise LineError(f"not JSON at character {error.pos + 1}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise LineError(
            "not JSON that can be read: nested too deeply or a number too long"
        ) from error
    if not isinstance(letter, dict):
        raise LineError("not a JSON object")
    return letter


def id_of(letter: dict[str, Any]) -> str | int:
    """The letter's id. Raises LineError."""
    ident = letter.get("id")
    if isinstance(ident, bool) or not isinstance(ident, str | int):
        raise LineError('"id" is missing' if ident is None else '"id" is neither text nor a number')
    return ident


def text_of(values: dict[str, Any], key: str) -> str | None:
    """A text that may be missing. Raises LineError."""
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise LineError(f'"{key}" is not text')
    return value


def words_of(letter: dict[str, Any]) -> str:
    """The letter's text, which may not be missing. Raises LineError."""
    text = text_of(letter, "text")
    if text is None:
        raise LineError('"text" is missing')
    return text


def encoded(value: dict[str, Any]) -> bytes:
    """One line of JSON in UTF-8."""
    try:
        return (_ENCODE(value) + "\n").encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be written in JSON but not in UTF-8.
        return (json.dumps(value) + "\n").encode()
