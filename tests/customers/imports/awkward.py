"""A folder of files that no program wants to meet, made anew for each run of the tests."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from openpyxl import Workbook

Write = Callable[[Path], None]
OK = "handle,name\nana,Ana\nbo,Bo\n"


@dataclass(frozen=True, slots=True)
class Awkward:
    """A file, and how it ends: rows (new, left out), or words of why nothing of it is taken."""

    name: str
    write: Write
    new: int = 0
    refused: int = 0
    why: str = ""
    names: tuple[str, ...] = ()


def _bytes(content: bytes | str, encoding: str = "utf-8") -> Write:
    data = content.encode(encoding) if isinstance(content, str) else content

    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


def _long_line(path: Path) -> None:
    """A hundred megabytes without an end of line; sparse on disk until it is written over."""
    with path.open("wb") as file:
        for _ in range(100):
            file.write(b"x" * 1_000_000)


def _book(fill: Callable[[Workbook], None], name: str = "People") -> Write:
    def write(path: Path) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = name
        fill(book)
        book.save(path)

    return write


def _rows(*rows: list[Any]) -> Write:
    def fill(book: Workbook) -> None:
        sheet = book.worksheets[0]
        for row in rows:
            sheet.append(row)

    return _book(fill)


def _sheet_xml(sheet: str) -> bytes:
    return (
        '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/'
        f'spreadsheetml/2006/main"><sheetData>{sheet}</sheetData></worksheet>'
    ).encode()


def _parts() -> dict[str, bytes]:
    """A plain workbook, part by part."""
    with io.BytesIO() as buffer:
        _rows(["handle", "name"], ["ana", "Ana"], ["bo", "Bo"])(buffer)  # type: ignore[arg-type]
        with zipfile.ZipFile(buffer) as packed:
            return {part: packed.read(part) for part in packed.namelist()}


def _packed(**changes: bytes | None) -> Write:
    """That workbook with parts replaced ('__' for a slash, '_dot_' for a dot) or left out."""

    def write(path: Path) -> None:
        parts = _parts()
        for key, content in changes.items():
            parts[key.replace("__", "/").replace("_dot_", ".")] = content  # type: ignore[assignment]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in parts.items():
                if content is not None:
                    packed.writestr(name, content)

    return write


def _cell(place: str, text: str) -> str:
    return f'<c r="{place}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def _bomb(path: Path) -> None:
    """A sheet that unpacks to a gigabyte and a half, honestly declared."""
    _bomb_of(path, 1_500_000_000)


def _bomb_of(path: Path, size: int, *, claims: int | None = None) -> None:
    """Deflated once and written by hand: zipfile would want the whole of it."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    begin = packer.compress(_sheet_xml("")[:-30]) + packer.flush(zlib.Z_FULL_FLUSH)
    # After a full flush a piece stands for itself, so it need not be packed again.
    piece = packer.compress(b" " * 10_000_000) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = begin + piece * (size // 10_000_000) + packer.flush()
    parts = {name: (c, zlib.crc32(c), len(c), 0) for name, c in _parts().items()}
    parts["xl/worksheets/sheet1.xml"] = (packed, 0, size if claims is None else claims, 8)
    with path.open("wb") as file:
        entries = []
        for name, (content, checksum, length, method) in parts.items():
            raw, at = name.encode(), file.tell()
            head = struct.pack(
                "<HHHHHIIIHH", 20, 0, method, 0, 0, checksum, len(content), length, len(raw), 0
            )
            file.write(b"PK\x03\x04" + head + raw + content)
            entries.append(b"PK\x01\x02" + struct.pack("<H", 20) + head + struct.pack(
                "<HHHII", 0, 0, 0, 0, at) + raw)  # fmt: skip
        start = file.tell()
        file.writelines(entries)
        file.write(b"PK\x05\x06" + struct.pack(
            "<HHHHIIH", 0, 0, len(entries), len(entries), file.tell() - start, start, 0))  # fmt: skip


def _many_columns(count: int) -> str:
    header = ["handle", *(f"field {n}" for n in range(count - 1))]
    row = ["ana", *(f"value {n}" for n in range(count - 1))]
    return ",".join(header) + "\n" + ",".join(row) + "\n"


def _noise() -> bytes:
    return random.Random(7).randbytes(200_000)


def _formulas(book: Workbook) -> None:
    sheet = book.active
    assert sheet is not None
    sheet.append(["handle", "name", "total"])
    sheet.append(["ana", "Ana", "=1+1"])
    sheet.append(['=HYPERLINK("https://x.com/bo","@bo")', "Bo", "=SUM(A1:A9)"])


def _hidden_first(book: Workbook) -> None:
    book.worksheets[0].sheet_state = "hidden"
    shown = book.create_sheet("Shown")
    shown.append(["handle"])
    shown.append(["ana"])


def _dates(book: Workbook) -> None:
    sheet = book.active
    assert sheet is not None
    sheet.append(["handle", "permission", "permission date"])
    sheet.append(["ana", "opted in", date(2026, 3, 4)])
    sheet.append(["bo", "opted in", datetime(2026, 3, 4, 15, 30)])  # noqa: DTZ001 - as Excel has them
    sheet.append(["cy", "opted in", 46085])


BILLION = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(9))
    + b"]><worksheet>&j;</worksheet>"
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4000

FILES = [
    # encodings
    Awkward("utf8-mark.csv", _bytes(OK, "utf-8-sig"), 2),
    Awkward("utf16.csv", _bytes(OK.replace("Ana", "Åsa"), "utf-16"), 2, names=("Åsa", "Bo")),
    Awkward("utf16-without-mark.csv", _bytes(OK, "utf-16-le"), 2),
    Awkward("utf16-big-without-mark.csv", _bytes(OK, "utf-16-be"), 2),
    Awkward("utf32.csv", _bytes(OK, "utf-32"), 2),
    Awkward(
        "windows-1252.csv",
        _bytes("handle;name\nana;Zoë Müller-Großkötz “née” Peña\nbo;François Lefèvre\n", "cp1252"),
        2, names=("Zoë Müller-Großkötz “née” Peña", "François Lefèvre"),
    ),
    Awkward(
        "late-umlaut.csv",
        _bytes("handle,name\n" + "".join(f"h{n},Plain Name {n}\n" for n in range(20_000))
               + "last,Jörg Müller\n", "cp1252"),
        20_001,
    ),
    Awkward(
        "windows-1251.csv",
        _bytes("handle;имя\n" + "".join(f"h{n};Анна Сергеевна Петрова\n" for n in range(30)), "cp1251"),
        30, names=("Анна Сергеевна Петрова",) * 30,
    ),
    Awkward(
        "shift-jis.csv",
        _bytes("ハンドル,名前\n" + "".join(f"h{n},山田太郎さんです\n" for n in range(30)), "shift_jis"),
        30, names=("山田太郎さんです",) * 30,
    ),
    Awkward(
        "gb18030.csv",
        _bytes("handle,姓名\n" + "".join(f"h{n},李小龙先生您好世界\n" for n in range(30)), "gb18030"),
        30, names=("李小龙先生您好世界",) * 30,
    ),
    Awkward("cut-in-a-character.csv", _bytes(b"handle,name\nana,Ana\nbo,Zo" + b"\xc3"), 2),
    # separators and lines
    Awkward("semicolons.csv", _bytes(OK.replace(",", ";")), 2),
    Awkward("tabs.csv", _bytes(OK.replace(",", "\t")), 2),
    Awkward("bars.txt", _bytes(OK.replace(",", "|")), 2),
    Awkward("excels-own-word.csv", _bytes("sep=;\n" + OK.replace(",", ";")), 2),
    Awkward("separator-nobody-knows.csv", _bytes(OK.replace(",", "^")), 0, why="No column holds handles"),
    Awkward("semicolons-with-commas.csv", _bytes('handle;name\nana;"Fox, she/her"\nbo;a, b, c\n'), 2,
            names=("Fox, she/her", "a, b, c")),
    Awkward("old-macs.csv", _bytes(OK.replace("\n", "\r")), 2),
    Awkward("dos-lines.csv", _bytes(OK.replace("\n", "\r\n")), 2),
    Awkward("lines-of-all-kinds.csv", _bytes("handle,name\rana,Ana\r\nbo,Bo\ncy,Cy"), 3),
    Awkward("blank-lines.csv", _bytes("\n\n,\nhandle,name\n\n,\nana,Ana\n\n\n"), 1),
    Awkward("one-column.txt", _bytes("@ana\n@bo\n@cy\n"), 2),
    # quotation marks
    Awkward("quoted-lines.csv", _bytes('handle,name,note\nana,"Ana\nPrado","a\n\nb"\n'), 1,
            names=("Ana Prado",)),
    Awkward("never-closed.csv", _bytes('handle,name\nana,"Ana\nbo,Bo\ncy,Cy\n'), why="line 2 is never closed"),
    Awkward(
        "never-closed-and-long.csv",
        _bytes('handle,name\nana,"Ana\n' + "bo,Bo and many more\n" * 50_000),
        why="The row that begins on line 2 has a field of more than 100,000 characters",
    ),
    Awkward("marks-in-the-middle.csv", _bytes('handle,name\nana,5" disk\nbo,the "big" one\n'), 2,
            names=('5" disk', 'the "big" one')),
    # sizes
    Awkward("100-mb-line.csv", _long_line, why="Line 1 has more than 1,000,000 characters"),
    Awkward("huge-field.csv", _bytes(f"handle,note\nana,{'x' * 99_000}\nbo,short\n"), 1, 1),
    Awkward("huger-field.csv", _bytes(f"handle,note\nana,{'x' * 200_000}\n"),
            why="has a field of more than 100,000 characters"),
    Awkward(
        "row-without-end.csv",
        _bytes("handle,note\n" + ('"' + "x\n" * 40_000 + '",') * 30),
        why="has more than 2,000,000 characters",
    ),
    Awkward("nul-in-a-merge-field.csv", _bytes(b"handle,attribute: i\x00nk\nana,blue\n"), 1),
    Awkward("300-columns.csv", _bytes(_many_columns(300)), 1),
    Awkward("3000-columns.csv", _bytes(_many_columns(3000)), why="3,000 columns; 500 is the most"),
    Awkward("empty.csv", _bytes(" "), why="The file is empty"),
    Awkward("only-marks-and-spaces.csv", _bytes(b"\xef\xbb\xbf \r\n \r\n"), why="The file is empty"),
    Awkward("only-a-header.csv", _bytes("handle,name\n"), why="has a header and no rows"),
    # rows
    Awkward("no-handles.csv", _bytes("first,last\nAna,Prado\n"), why="No column holds handles"),
    Awkward("nul-bytes.csv", _bytes(b"handle,name\nana,A\x00na\nbo,Bo\n"), 1, 1),
    Awkward("nul-in-the-header.csv", _bytes(b"handle,na\x00me\nana,Ana\n"), 1),
    Awkward("control-characters.csv", _bytes("handle,name\nana,A\x1bna\nbo,\x9dBo\ncy,Cy\n"), 1, 2),
    Awkward("more-fields.csv", _bytes("handle,name\nana,Ana,surplus\nbo,Bo,\ncy\n"), 2, 1),
    Awkward("repeated.csv", _bytes("handle\nana\n@ANA\nhttps://x.com/ana\nbo\n"), 2, 2),
    Awkward("impossible-handles.csv", _bytes("handle\nnaïve\n-\nana@example.com\nabcdefghijklmnop\nana\n"), 1, 4),
    Awkward("emoji-names.csv", _bytes("handle,name\nana,🦊👩‍👩‍👧‍👦 Ana\nbo,\u202eoB\ncy,꧁༺Cy༻꧂\n"), 3,
            names=("🦊👩‍👩‍👧‍👦 Ana", "\u202eoB", "꧁༺Cy༻꧂")),
    Awkward("right-to-left.csv", _bytes("handle,name\nana,مريم\nbo,שרה\n"), 2, names=("مريم", "שרה")),
    Awkward("formulas.csv", _bytes("handle,name\nana,\"=cmd|' /C calc'!A0\"\nbo,@SUM(A1)\n"), 2),
    Awkward("two-headers-alike.csv", _bytes("handle,name,name,handle\nana,Ana,A,x\n"), 1),
    Awkward("header-without-names.csv", _bytes("handle,,\nana,x,y\n"), 1),
    Awkward("sql.csv", _bytes("handle,name\nana,Robert'); DROP TABLE customers_customer;--\n"), 1),
    Awkward("back-slashes.csv", _bytes('handle,name,tags\nana,\\N,"\\.,{a}"\n'), 1, names=("\\N",)),
    # other things under a table's name
    Awkward("web-page.csv", _bytes("<html><table><tr><td>handle</td></tr></table></html>"), why="a web page"),
    Awkward("json.csv", _bytes('[{"handle": "ana"}]'), why="This is JSON"),
    Awkward("pdf.csv", _bytes(b"%PDF-1.7 ..."), why="This is a PDF"),
    Awkward("old.xls", _bytes(OLE), why="an old Excel file, or one with a password"),
    Awkward("compressed.csv", _bytes(b"\x1f\x8b\x08\x00" + _noise()[:99]), why="a compressed file"),
    Awkward("noise.csv", _bytes(_noise()), why="This is no text"),
    # XLSX
    Awkward("plain.xlsx", _rows(["handle", "name"], ["ana", "Ana"], ["bo", "Bo"]), 2),
    Awkward("called-csv.csv", _rows(["handle"], ["ana"]), 1),
    Awkward("really-csv.xlsx", _bytes(OK), 2),
    Awkward("formulas.xlsx", _book(_formulas), 1, 1),
    Awkward("dates.xlsx", _book(_dates), 2, 1),
    Awkward("numbers.xlsx", _rows(["handle", "note"], ["ana", 12.0], [12345, 0.1], [True, None]), 3),
    Awkward("hidden-sheet.xlsx", _book(_hidden_first), 1),
    Awkward("no-rows.xlsx", _rows(), why="The file is empty"),
    Awkward("zip-bomb.xlsx", _bomb, why="Unpacked, this Excel file is larger"),
    Awkward("lying-zip-bomb.xlsx", lambda path: _bomb_of(path, 300_000_000, claims=5_000),
            why="This Excel file cannot be read"),
    Awkward("entities.xlsx", _packed(xl__worksheets__sheet1_dot_xml=BILLION),
            why="This Excel file cannot be read"),
    Awkward("no-sheet.xlsx", _packed(xl__worksheets__sheet1_dot_xml=None),
            why="no sheet that is shown"),
    Awkward("broken-sheet.xlsx", _packed(xl__worksheets__sheet1_dot_xml=b"<worksheet><sheetData><row"),
            why="This Excel file cannot be read"),
    Awkward(
        "far-corner.xlsx",
        _packed(xl__worksheets__sheet1_dot_xml=_sheet_xml(
            f'<row r="1">{_cell("A1", "handle")}</row><row r="2">{_cell("A2", "ana")}</row>'
            f'<row r="1048576">{_cell("XFD1048576", "x")}</row>')),
        1, 1,
    ),
    Awkward(
        "row-beyond-all.xlsx",
        _packed(xl__worksheets__sheet1_dot_xml=_sheet_xml(
            f'<row r="1">{_cell("A1", "handle")}</row>'
            f'<row r="4000000000">{_cell("A4000000000", "ana")}</row>')),
        why="This Excel file cannot be read",
    ),
    Awkward("macros.xlsm", _packed(xl__vbaProject_dot_bin=b"\xd0\xcf\x11\xe0" * 100), 2),
    Awkward("not-excel.xlsx", lambda path: _zip(path, {"readme.txt": b"hello"}), why="a ZIP archive"),
    Awkward("open-document.xlsx", lambda path: _zip(
        path, {"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), why="an OpenDocument file"),
    Awkward("cut-short.xlsx", lambda path: _cut(path), why="This Excel file cannot be read"),
]  # fmt: skip


def _zip(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, content)


def _cut(path: Path) -> None:
    _packed()(path)
    path.write_bytes(path.read_bytes()[:2000])


def chunks(path: Path) -> Iterator[bytes]:
    """The file as an upload brings it."""
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            yield chunk
