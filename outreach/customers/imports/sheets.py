"""Tables in XLSX, which is a ZIP of XML: checked before anything is unpacked, then streamed."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import Any, BinaryIO
from xml.etree.ElementTree import ParseError

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from outreach.customers.imports.refusing import FileRefused

# Bytes once unpacked. What a workbook says of itself is read whole, its sheets are streamed.
MOST_SHEET = 500_000_000
MOST_WORDS = 100_000_000
MOST_OTHER = 20_000_000
# A table packs about twenty to one; a bomb, a thousand to one.
MOST_RATIO = 150
_RATIO_FROM = 20_000_000
_MOST_PARTS = 2_000
MOST_ROWS = 1_048_576  # Excel's own bound

_TOO_BIG = (
    "Unpacked, this Excel file is larger than anything that could be a table. "
    "Save the sheet as CSV."
)
_BROKEN_FILES = (
    zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, KeyError, ValueError,
    TypeError, AttributeError, IndexError, OSError, EOFError, NotImplementedError, OverflowError,
    RecursionError,
)  # fmt: skip
_BROKEN = "This Excel file cannot be read. Open it, save it anew, or save the sheet as CSV."


def check(file: BinaryIO) -> str:
    """The name of the sheet that is read. Raises FileRefused where it cannot be, or is a bomb."""
    with _readable(), zipfile.ZipFile(file) as packed:
        parts = packed.infolist()
        names = {part.filename for part in parts}
        if "xl/workbook.xml" not in names:
            raise FileRefused(_what(packed, names))
        if len(parts) > _MOST_PARTS or any(part.flag_bits & 1 for part in parts):
            raise FileRefused(_BROKEN)
        for part in parts:
            _check_part(part)
    with _readable(), _workbook(file) as book:
        return str(_sheet(book).title)


def rows_of(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet with their numbers; blank ones are left out. Raises FileRefused.

    Of a formula it is the value that counts which the file was saved with. Dates are written
    as 2026-11-24.
    """
    with _readable(), _workbook(file) as book:
        sheet = _sheet(book)
        # A file may claim any extent; what is there counts.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > MOST_ROWS:
                raise FileRefused(_BROKEN)
            texts = [value if type(value) is str else _text(value) for value in cells]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield number, texts


def _check_part(part: zipfile.ZipInfo) -> None:
    """A part that claims less than it holds is cut off there by zipfile, and its sum is wrong."""
    if part.filename.startswith("xl/worksheets/"):
        most = MOST_SHEET
    elif part.filename == "xl/sharedStrings.xml":
        most = MOST_WORDS
    elif part.filename.endswith((".xml", ".rels")):
        most = MOST_OTHER
    else:
        return  # pictures, macros and the like are never unpacked
    bomb = part.file_size > _RATIO_FROM and part.file_size > MOST_RATIO * part.compress_size
    if part.file_size > most or bomb:
        raise FileRefused(_TOO_BIG)


def _what(packed: zipfile.ZipFile, names: set[str]) -> str:
    if "mimetype" in names and packed.getinfo("mimetype").file_size < 200:
        kind = packed.read("mimetype")
        if b"opendocument" in kind:
            return "This is an OpenDocument file. Save the sheet as XLSX or CSV."
    if "xl/workbook.bin" in names:
        return "This is a binary Excel file (XLSB). Save it as XLSX or CSV."
    if any(name.startswith("word/") for name in names):
        return "This is a Word document. Save the table as CSV or XLSX."
    if any(name.startswith("Index/") for name in names):
        return "This is a Numbers file. Export it as CSV or XLSX."
    return "This is a ZIP archive, not a table. Unpack it and choose the CSV or XLSX in it."


def _sheet(book: Any) -> Any:
    """The first sheet that is shown and holds cells: charts have none."""
    for sheet in book.worksheets:
        if sheet.sheet_state == "visible":
            return sheet
    raise FileRefused("The Excel file has no sheet that is shown. Show it, and save the file.")


@contextmanager
def _workbook(file: BinaryIO) -> Iterator[Any]:
    file.seek(0)
    with warnings.catch_warnings():
        # It warns of parts that it does not know; the cells are all there.
        warnings.simplefilter("ignore")
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        yield book
    finally:
        book.close()


@contextmanager
def _readable() -> Iterator[None]:
    """Whatever a broken file makes the library raise, in words; it names no narrower kind."""
    try:
        yield
    except (FileRefused, GeneratorExit):
        raise
    except _BROKEN_FILES as error:
        raise FileRefused(_BROKEN) from error


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        if value.time() == time():
            return value.date().isoformat()
        return value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
