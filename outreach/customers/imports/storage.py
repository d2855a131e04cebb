"""An uploaded file: in pieces in the database, whole in a nameless file while it is read."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from django.conf import settings

from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import ImportPiece, ImportRun
from outreach.ground.writes import step

PIECE = 1 << 20  # bytes


def too_big() -> str:
    """What is said of a file beyond the bound."""
    return (
        f"The file is larger than {settings.IMPORT_MAX_BYTES // 1_000_000:,} MB, which is the "
        "most. Split it, or leave out columns that nobody needs."
    )


@step
def store(run: ImportRun, chunks: Iterable[bytes]) -> None:
    """Keep the file's pieces, and their size and digest on the run. Raises FileRefused."""
    digest, size, number = hashlib.sha256(), 0, 0
    rest = bytearray()
    for chunk in chunks:
        size += len(chunk)
        if size > settings.IMPORT_MAX_BYTES:
            raise FileRefused(too_big())
        digest.update(chunk)
        rest += chunk
        while len(rest) >= PIECE:
            _keep(run, number, bytes(rest[:PIECE]))
            del rest[:PIECE]
            number += 1
    if rest:
        _keep(run, number, bytes(rest))
    run.size, run.sha256 = size, digest.digest()
    run.save(update_fields=["size", "sha256"])


def _keep(run: ImportRun, number: int, content: bytes) -> None:
    ImportPiece.objects.create(
        workspace_id=run.workspace_id, run=run, number=number, content=content
    )


@contextmanager
def opened(run: ImportRun) -> Iterator[BinaryIO]:
    """The file whole. It has no name, so that nothing of it stays behind a killed worker."""
    with tempfile.TemporaryFile(prefix="outreach-import-") as file:
        pieces = ImportPiece.everywhere.filter(run=run).order_by("number")
        for number in range(-(-run.size // PIECE)):
            content = pieces.filter(number=number).values_list("content", flat=True).get()
            file.write(content)
        file.seek(0)
        yield cast("BinaryIO", file)
