"""Uploads beyond the bound are not kept, not even for a moment."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import FileUploadHandler, SkipFile


class BoundedUploads(FileUploadHandler):
    """Stands before Django's handlers; of a file that is too big nothing more is stored.

    The request then says `upload_too_big`, for the page to say so beside the field.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._size = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Raises SkipFile beyond the bound; what is left of the file is read and dropped."""
        self._size += len(raw_data)
        if self._size > settings.IMPORT_MAX_BYTES:
            self.request.upload_too_big = True  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The file itself is Django's handlers' to give."""
