"""Tables in text: which encoding, which separator, and the rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, TextIO, cast

from charset_normalizer import from_bytes

from outreach.customers.imports.refusing import FileRefused

SEPARATORS = {
    ",": "separated by commas",
    ";": "separated by semicolons",
    "\t": "separated by tabs",
    "|": "separated by vertical bars",
}
# Characters: beyond these it is no table, and memory is not to pay for it.
MOST_IN_A_LINE = 1_000_000
MOST_IN_A_ROW = 2_000_000
MOST_IN_A_FIELD = 100_000
_LOOKED_AT = 65_536
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheets of this world save in, when it is not UTF-8: one byte a letter for Latin
# scripts, whose accented letters stand alone among plain ones; and whatever writes whole words
# in bytes beyond ASCII.
_LATIN = ["cp1252", "cp1250", "cp1254", "cp1257", "mac_roman", "cp850", "cp437"]
_OTHERS = [
    "cp1251", "cp1253", "cp1255", "cp1256", "cp874", "cp932", "euc_jp", "gb18030", "big5",
    "euc_kr", "cp949", "koi8_r", "cp866",
]  # fmt: skip
_RUN = re.compile(rb"[\x80-\xff]+")
_WESTERN = re.compile(r"[\x00-\x7fÀ-ÖØ-öø-ÿŠŒŽšœžŸ\xa0€‚„…‘’“”•–—™«»¡¿°·©®§ªº´]*")


def name_of(encoding: str) -> str:
    """An encoding's name as people know it."""
    names = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "cp1252": "Windows-1252"}
    return names.get(encoding) or encoding.upper().replace("_", "-").replace("CP125", "Windows-125")


def encoding_of(file: BinaryIO) -> str:
    """The encoding of a text file. All of it is read where it has no mark: one ü may come last.

    Raises FileRefused where it is no text.
    """
    file.seek(0)
    start = file.read(_LOOKED_AT)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    wide = _without_mark(start)
    if wide:
        return wide
    file.seek(0)
    broken_at = _not_utf8(file)
    if broken_at is None:
        return "utf-8"
    file.seek(max(0, broken_at - _LOOKED_AT // 2))
    around = file.read(_LOOKED_AT)
    if sum(byte < 9 or 14 <= byte < 32 for byte in around) > len(around) // 10:
        raise FileRefused("This is no text and no Excel sheet. Save the table as CSV or XLSX.")
    return _guessed(around)


def _guessed(sample: bytes) -> str:
    """Which of the usual encodings a piece of text is in, judged by what it would say."""
    runs = _RUN.findall(sample)
    alone = sum(len(run) < 3 for run in runs)
    latin = alone * 10 >= len(runs) * 9
    if latin and _WESTERN.fullmatch(sample.decode("cp1252", "replace")):
        return "cp1252"
    best = from_bytes(sample, cp_isolation=_LATIN if latin else _OTHERS).best()
    return best.encoding if best else "cp1252"


def _without_mark(start: bytes) -> str:
    """UTF-16 without its mark: every second byte of Latin text is nothing."""
    half = len(start) // 2
    if half >= 8:
        if start[1::2].count(0) > half * 0.7 and start[0::2].count(0) < half * 0.1:
            return "utf-16-le"
        if start[0::2].count(0) > half * 0.7 and start[1::2].count(0) < half * 0.1:
            return "utf-16-be"
    return ""


def _not_utf8(file: BinaryIO) -> int | None:
    """About where the file ceases to be UTF-8; None: nowhere."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    at = 0
    while piece := file.read(1 << 20):
        try:
            decoder.decode(piece)
        except UnicodeDecodeError as error:
            return at + error.start
        at += len(piece)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return at
    return None


def delimiter_of(file: BinaryIO, encoding: str) -> str:
    """The separator that cuts the first lines into the same number of fields, most of them."""
    file.seek(0)
    text = _text(file, encoding).read(_LOOKED_AT)
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:
        return first.strip()[4] if first.strip()[4] in SEPARATORS else ","
    del rest
    # The last line may be cut in the middle.
    lines = text.split("\n")[:50]
    best, best_score = ",", 0.0
    for delimiter in SEPARATORS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        alike = sum(width == widths[0] for width in widths) / len(widths)
        score = alike + min(widths[0], 50) / 1000
        if score > best_score:
            best, best_score = delimiter, score
    return best


def rows_of(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line each begins on; blank ones are left out.

    Raises FileRefused for a line or a field beyond all measure, and for a quotation mark that is
    never closed: its field would swallow the rest of the file.
    """
    file.seek(0)
    csv.field_size_limit(MOST_IN_A_FIELD)
    lines = _Lines(_text(file, encoding))
    reader = csv.reader(lines, delimiter=delimiter)
    begins = 1
    ended = 0
    try:
        for row in reader:
            begins, ended = ended + 1, reader.line_num
            lines.in_row = 0
            if not any(row) or (begins == 1 and len(row) <= 2 and row[0].lower()[:4] == "sep="):
                continue
            yield begins, row
    except csv.Error:
        raise FileRefused(
            f"The row that begins on line {ended + 1:,} has a field of more than "
            f"{MOST_IN_A_FIELD:,} characters: most likely a quotation mark that is never closed."
        ) from None
    except (UnicodeDecodeError, UnicodeError):
        raise FileRefused(
            f"After line {ended:,} the file is not {name_of(encoding)} any more. Save it as UTF-8."
        ) from None
    if lines.marks % 2 and ended > begins:
        raise FileRefused(
            f"A quotation mark in the row that begins on line {begins:,} is never closed. "
            "Close it, or take it out."
        )


class _Lines:
    """Lines of bounded length, and how many quotation marks they had."""

    def __init__(self, text: TextIO) -> None:
        self._read = text.readline
        self.marks = 0
        self.in_row = 0
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._read(MOST_IN_A_LINE):
            self._number += 1
            if len(line) == MOST_IN_A_LINE and not line.endswith("\n"):
                raise FileRefused(
                    f"Line {self._number:,} has more than {MOST_IN_A_LINE:,} characters, "
                    "so this is no table. Save it as CSV or XLSX."
                )
            self.in_row += len(line)
            if self.in_row > MOST_IN_A_ROW:
                raise FileRefused(
                    f"The row that ends after line {self._number:,} has more than "
                    f"{MOST_IN_A_ROW:,} characters, so this is no table. Save it as CSV or XLSX."
                )
            self.marks += line.count('"')
            yield line


def _text(file: BinaryIO, encoding: str) -> TextIO:
    """The file as text; what cannot be read shows as U+FFFD, and its row is refused."""
    kept = cast("BinaryIO", _Kept(file))
    return io.TextIOWrapper(kept, encoding=encoding, errors="replace", newline="")


class _Kept(io.RawIOBase):
    """The file, which stays open when its text is given up."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)
