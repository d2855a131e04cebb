"""The command line: `python -m outreach.guidance`, JSON lines in, JSON lines out.

A line in: {"id", "text", "recipient"?: {"name"?, "handle"?}, "brand"?}; a line out, in the same
order: {"id", "verdict", "score", "findings": [{rule, severity, start, end, message, suggestion,
source}]}. A line that cannot be read is named on stderr and left out; the exit status is then 1.
Both ways UTF-8, whatever the locale says; each answer is written before the next line is read.

`python -m outreach.guidance alike` reads letters of one campaign, {"id", "text", "values"?: {…},
"recipient"?: text or {"name"?, "handle"?}}, and writes one report on how alike they are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any

from outreach.guidance.lines import LineError, encoded, id_of, letter_of, text_of, words_of
from outreach.guidance.reading import read
from outreach.guidance.report import Context, Recipient, Report

if TYPE_CHECKING:
    from outreach.guidance.alike import Letter

_USAGE = """\
usage: python -m outreach.guidance < letters.jsonl > reports.jsonl

Reads letters on stdin, one JSON object a line:
  {"id": …, "text": "…", "recipient": {"name": "…", "handle": "…"}, "brand": "…"}
(recipient and brand may be missing) and writes one report a line to stdout:
  {"id": …, "verdict": "good"|"mend"|"spam", "score": 0..1, "findings": […]}

       python -m outreach.guidance alike < letters.jsonl > report.json

Reads the letters of one campaign, with the values of their merge fields:
  {"id": …, "text": "…", "values": {"first_name": "…"}, "recipient": "…"}
(values and recipient may be missing) and writes how alike they are, as one JSON object.
"""
_FINDING_KEYS = ("rule", "severity", "start", "end", "message", "suggestion", "source")
_finding_values = attrgetter(*_FINDING_KEYS)
_SCORE_DIGITS = 6
_BROKEN_PIPE = 141
_INTERRUPTED = 130


def answer(line: bytes) -> bytes:
    """The report on one line, as a line. Raises LineError for a line that is no letter."""
    letter = letter_of(line)
    ident = id_of(letter)
    text = words_of(letter)
    context = Context(recipient=_recipient(letter), brand=text_of(letter, "brand"))
    return encoded({"id": ident, **_answer(read(text, context))})


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


def alike(lines: Iterable[bytes], out: IO[bytes], errors: IO[str]) -> int:
    """Read all letters, answer once; 1 if any line could not be read, else 0."""
    # Only this command needs it, and the other one is to start quickly.
    from outreach.guidance.alike import how_alike

    status = 0
    letters = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            letters.append(_one_of_many(line))
        except LineError as error:
            errors.write(f"line {number}: {error}\n")
            status = 1
    out.write(encoded(how_alike(letters).as_dict()))
    out.flush()
    return status


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit status."""
    if arguments in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    if arguments not in ([], ["alike"]):
        sys.stderr.write(f"unknown argument: {arguments[0]}\n{_USAGE}")
        return 2
    try:
        if arguments:
            return alike(sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
        return run(sys.stdin.buffer, sys.stdout.buffer, sys.stderr)
    except BrokenPipeError:
        # Whoever read the answers has gone. Python would complain again when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED


def _one_of_many(line: bytes) -> Letter:
    from outreach.guidance.alike import Letter

    letter = letter_of(line)
    values = letter.get("values") or {}
    if not isinstance(values, dict):
        raise LineError('"values" is not an object')
    recipient = letter.get("recipient")
    if isinstance(recipient, dict):
        recipient = text_of(recipient, "handle") or text_of(recipient, "name")
    elif recipient is not None and not isinstance(recipient, str):
        raise LineError('"recipient" is neither text nor an object')
    return Letter(
        id=id_of(letter),
        text=words_of(letter),
        values={key: str(value) for key, value in values.items() if value is not None},
        recipient=recipient,
    )


def _recipient(letter: dict[str, Any]) -> Recipient | None:
    recipient = letter.get("recipient")
    if recipient is None:
        return None
    if not isinstance(recipient, dict):
        raise LineError('"recipient" is not an object')
    return Recipient(name=text_of(recipient, "name"), handle=text_of(recipient, "handle"))


def _answer(report: Report) -> dict[str, Any]:
    return {
        "verdict": report.verdict.value,
        "score": round(report.score, _SCORE_DIGITS),
        "findings": [
            dict(zip(_FINDING_KEYS, _finding_values(finding), strict=True))
            for finding in report.findings
        ],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
