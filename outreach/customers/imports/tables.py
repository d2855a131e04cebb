"""What kind of file this is, and its rows: CSV or XLSX, read in one pass with flat memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from outreach.customers.imports import sheets, texts
from outreach.customers.imports.columns import MOST_COLUMNS
from outreach.customers.imports.refusing import FileRefused

CSV, XLSX = "csv", "xlsx"
SHOWN_ROWS = 10
_LOOKED_AT = 1000

# First bytes of what people take for a table.
_STRANGERS = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file, or one with a password. Save it as XLSX without one"),
    (b"%PDF", "a PDF. Save the table as CSV or XLSX"),
    (b"\x1f\x8b", "a compressed file. Unpack it first"),
    (b"Rar!", "a compressed file. Unpack it first"),
    (b"7z\xbc\xaf", "a compressed file. Unpack it first"),
    (b"\x89PNG", "a picture. Save the table as CSV or XLSX"),
    (b"\xff\xd8\xff", "a picture. Save the table as CSV or XLSX"),
    (b"GIF8", "a picture. Save the table as CSV or XLSX"),
    (b"SQLite format 3", "a database. Export the table as CSV"),
    (b"{\\rtf", "a text document. Save the table as CSV or XLSX"),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a file is to be read. `encoding` and `delimiter` are empty for XLSX."""

    kind: str
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was looked at: its header, where that stands, and its first rows."""

    shape: Shape
    header: list[str]
    header_line: int
    first: list[list[str]]
    """Up to a thousand rows, to guess by."""

    @property
    def words(self) -> str:
        """What was assumed, in words."""
        if self.shape.kind == XLSX:
            return f"an Excel sheet called ‘{self.shape.sheet}’"
        return (
            f"CSV, {texts.name_of(self.shape.encoding)}, {texts.SEPARATORS[self.shape.delimiter]}"
        )


def look(file: BinaryIO) -> Table:
    """What kind of table this is. Raises FileRefused where it is none."""
    shape = _shape(file)
    rows = rows_of(file, shape)
    first: list[tuple[int, list[str]]] = []
    for line, cells in rows:
        first.append((line, cells))
        if len(first) > _LOOKED_AT:
            break
    if not first:
        raise FileRefused("The file is empty. Choose one with a header and at least one row.")
    header_line, header = first[0]
    filled = max((_extent(cells) for _, cells in first), default=0)
    header = header[: max(_extent(header), min(len(header), filled))]
    if len(header) > MOST_COLUMNS:
        raise FileRefused(
            f"The file has {len(header):,} columns; {MOST_COLUMNS} is the most. "
            "Leave out those that nobody needs."
        )
    if len(first) == 1:
        raise FileRefused("The file has a header and no rows. Choose one with at least one row.")
    return Table(shape, header, header_line, [cells for _, cells in first[1:]])


def _extent(cells: Sequence[str]) -> int:
    """Up to which place something is said."""
    return max((place for place, cell in enumerate(cells, start=1) if cell.strip()), default=0)


def rows_of(file: BinaryIO, shape: Shape) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the line on which it begins. Raises FileRefused."""
    file.seek(0)
    if shape.kind == XLSX:
        return sheets.rows_of(file)
    return texts.rows_of(file, shape.encoding, shape.delimiter)


def _shape(file: BinaryIO) -> Shape:
    file.seek(0)
    start = file.read(4096)
    file.seek(0)
    if not start.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise FileRefused("The file is empty. Choose one with a header and at least one row.")
    if start.startswith(b"PK"):
        return Shape(XLSX, sheet=sheets.check(file))
    for sign, words in _STRANGERS:
        if start.startswith(sign):
            raise FileRefused(f"This is {words}.")
    plain = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if plain.startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        raise FileRefused(
            "This is a web page, whatever it is called. Save the table as CSV or XLSX."
        )
    if plain.startswith((b"[{", b'{"', b"[\n", b"{\n")):
        raise FileRefused("This is JSON, not a table. Save it as CSV or XLSX.")
    encoding = texts.encoding_of(file)
    return Shape(CSV, encoding, texts.delimiter_of(file, encoding))


def cells_of(file: BinaryIO, shape: Shape, lines: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    """The cells of those lines, in order; one more pass over the file."""
    wanted = set(lines)
    for line, cells in rows_of(file, shape):
        if line in wanted:
            yield line, cells
