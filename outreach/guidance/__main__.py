"""The command line: `python -m outreach.guidance`, JSON lines in, JSON lines out.

A line in: {"id", "text", "recipient"?: {"name"?, "handle"?}, "brand"?}; a line out, in the same
order: {"id", "verdict", "score", "findings": [{rule, severity, start, end, message, suggestion,
source}]}. A line that cannot be read is named on stderr and left out; the exit status is then 1.
Both ways UTF-8, whatever the locale says; each answer is written before the next line is read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from typing import IO, Any

from outreach.guidance.reading import read
from outreach.guidance.report import Context, Recipient, Report

_USAGE = """\
usage: python -m outreach.guidance < letters.jsonl > reports.jsonl

Reads letters on stdin, one JSON object a line:
  {"id": …, "text": "…", "recipient": {"name": "…", "handle": "…"}, "brand": "…"}
(recipient and brand may be missing) and writes one report a line to stdout:
  {"id": …, "verdict": "good"|"mend"|"spam", "score": 0..1, "findings": […]}
"""
_FINDING_KEYS = ("rule", "severity", "start", "end", "message", "suggestion", "source")
_SCORE_DIGITS = 6
_BROKEN_PIPE = 141
_INTERRUPTED = 130


class LineError(ValueError):
    """A line that is no letter; the message says why."""


def answer(line: bytes) -> bytes:
    """The report on one line, as a line. Raises LineError for a line that is no letter."""
    letter = _letter(line)
    ident = letter.get("id")
    if isinstance(ident, bool) or not isinstance(ident, str | int):
        raise LineError('"id" is missing' if ident is None else '"id" is neither text nor a number')
    text = _text(letter, "text")
    if text is None:
        raise LineError('"text" is missing')
    context = Context(recipient=_recipient(letter), brand=_text(letter, "brand"))
    return _encoded({"id": ident, **_answer(read(text, context))})


def run(lines: Iterable[bytes], out: IO[bytes], errors: IO[str]) -> int:
    """Answer line by line; 1 if any line could not be read, else 0."""
    status = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            answered = answer(line)
        except LineError as error:
            errors.write(f"line {number}: {error}\n")
            errors.flush()
            status = 1
            continue
        out.write(answered)
        out.flush()
    return status


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit status."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if arguments:
        sys.stderr.write(f"unknown argument: {arguments[0]}\n{_USAGE}")
        return 2
    try:
        return run(sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
    except BrokenPipeError:
        # Whoever read the answers has gone. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _letter(line: bytes) -> dict[str, Any]:
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


def _text(values: dict[str, Any], key: str) -> str | None:
    value = values.get(key)
    if value is not None and not isinstance(value, str):
        raise LineError(f'"{key}" is not text')
    return value


def _recipient(letter: dict[str, Any]) -> Recipient | None:
    recipient = letter.get("recipient")
    if recipient is None:
        return None
    if not isinstance(recipient, dict):
        raise LineError('"recipient" is not an object')
    return Recipient(name=_text(recipient, "name"), handle=_text(recipient, "handle"))


def _answer(report: Report) -> dict[str, Any]:
    values = report.as_dict()
    return {
        "verdict": values["verdict"],
        "score": round(values["score"], _SCORE_DIGITS),
        "findings": [{key: found[key] for key in _FINDING_KEYS} for found in values["findings"]],
    }


def _encoded(value: dict[str, Any]) -> bytes:
    try:
        return (json.dumps(value, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:
        # Half a surrogate pair can be written in JSON but not in UTF-8.
        return (json.dumps(value) + "\n").encode()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
