"""A reader of the activity stream, for tests."""

from __future__ import annotations

import json
import queue
import threading
from types import TracebackType
from typing import Any, Self

import requests

from tests.sandbox_server import Sandbox


class Reader:
    """Reads a stream in a thread of its own; `end` is how it ended, '' while it goes on."""

    def __init__(self, server: Sandbox, token: str, query: str = "") -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.response = self.http.get(
            f"{server.base_url}/2/activity/stream{query}",
            headers={"Authorization": f"Bearer {token}"},
            stream=True,
            timeout=30,
        )
        self.lines: queue.Queue[bytes | None] = queue.Queue()
        self.end = ""
        self._thread = threading.Thread(target=self._read, daemon=True)
        if self.response.status_code == 200:
            self._thread.start()

    def _read(self) -> None:
        rest = b""
        try:
            for part in self.response.iter_content(None):
                *whole, rest = (rest + part).split(b"\r\n")
                for line in whole:
                    self.lines.put(line)
            self.end = "ended"
        except (requests.RequestException, OSError, AttributeError) as error:
            # The last where another thread closed it.
            self.end = "reset" if "reset" in str(error) else "broken"
        self.lines.put(None)

    def line(self, timeout: float = 10) -> bytes | None:
        """Return the next line, empty for a keep-alive; None once it ended."""
        return self.lines.get(timeout=timeout)

    def event(self, timeout: float = 10) -> dict[str, Any]:
        """Return the next event's `data`, past keep-alives."""
        while True:
            line = self.line(timeout)
            assert line is not None, f"the stream ended ({self.end})"
            if line:
                return json.loads(line)["data"]

    def is_quiet(self) -> bool:
        """Tell whether nothing was read that was not asked for."""
        return self.lines.empty()

    def wait_for_the_end(self) -> str:
        while self.line() is not None:
            pass
        return self.end

    def close(self) -> None:
        # Closing waits for a read that is under way; shutting the connection down ends that.
        if self._thread.is_alive():
            self.response.raw.shutdown()
            self._thread.join(10)
        self.response.close()
        self.http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
