"""A server that is not ours, and knows of X only what X's documentation says.

It answers GET /2/users/me, GET /2/users and POST /2/dm_conversations/with/:id/messages with the
least that X promises, in one of several manners of HTTP, and refuses whatever X does not document.
It shares no line with the sandbox.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

TOKEN = "a-token-of-elsewhere"
ME, ANN, SHY = "20", "30", "40"
USERS: dict[str, dict[str, Any]] = {
    ME: {"id": ME, "name": "Brand", "username": "brand"},
    ANN: {"id": ANN, "name": "Ann", "username": "ann"},
    SHY: {"id": SHY, "name": "Shy", "username": "shy"},
}
TIES: dict[str, dict[str, Any]] = {
    ME: {},
    ANN: {"connection_status": ["followed_by", "following"], "receives_your_dm": True},
    SHY: {"connection_status": [], "receives_your_dm": False},
}
# The user fields of X's reference that this server knows; another is a 400.
FIELDS = {
    "connection_status", "created_at", "profile_image_url", "protected", "public_metrics",
    "receives_your_dm",
}  # fmt: skip


@dataclass(frozen=True)
class Manner:
    """How answers are put on the wire; none of it is X's concern."""

    packed: bool = False
    chunked: bool = False
    closing: bool = False  # HTTP/1.0: the end of the connection is the end of the answer
    extra: bool = False  # fields and headers that nobody documented
    shout: bool = False  # header names in capitals


@dataclass
class Elsewhere:
    """The server, its manner, and what it took."""

    manner: Manner = Manner()
    taken: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        outer: Elsewhere = self

        class Handler(_Handler):
            elsewhere = outer
            protocol_version = "HTTP/1.0" if outer.manner.closing else "HTTP/1.1"

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # How soon it sees that it is to end; the default, half a second, is for other purposes.
        serve = partial(self._server.serve_forever, poll_interval=0.01)
        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    elsewhere: Elsewhere
    # Headers and body leave as two writes; waiting to put them together costs 40 ms each time.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is called
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(*self._get())

    def do_POST(self) -> None:
        self._answer(*self._post())

    def _get(self) -> tuple[int, Any]:
        if not self._known():
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401}
        path = urlsplit(self.path)
        query = dict(parse_qsl(path.query, strict_parsing=bool(path.query)))
        wanted = set(query.pop("user.fields", "").split(",")) - {""}
        if not wanted <= FIELDS:
            return 400, {"title": "Invalid Request", "detail": "user.fields"}
        if path.path == "/2/users/me" and not query:
            return 200, {"data": self._user(ME, wanted)}
        if path.path != "/2/users" or set(query) != {"ids"}:
            return 404, {"title": "Not Found", "type": "about:blank", "status": 404}
        ids = query["ids"].split(",")
        if len(ids) > 100 or not all(re.fullmatch("[0-9]{1,19}", id_) for id_ in ids):
            return 400, {"title": "Invalid Request", "detail": "ids"}
        answer: dict[str, Any] = {}
        if found := [self._user(id_, wanted) for id_ in ids if id_ in USERS]:
            answer["data"] = found
        if gone := [id_ for id_ in ids if id_ not in USERS]:
            answer["errors"] = [self._gone(id_) for id_ in gone]
        return 200, answer

    def _post(self) -> tuple[int, Any]:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self._known():
            return 401, {"title": "Unauthorized", "type": "about:blank", "status": 401}
        found = re.fullmatch("/2/dm_conversations/with/([0-9]{1,19})/messages", self.path)
        if found is None or self.headers["Content-Type"] != "application/json":
            return 404, {"title": "Not Found", "type": "about:blank", "status": 404}
        document = json.loads(body)
        if set(document) != {"text"} or not isinstance(document["text"], str):
            return 400, {"title": "Invalid Request", "detail": "body"}
        recipient = found[1]
        if recipient not in USERS:
            return 404, self._gone(recipient) | {"status": 404}
        if not TIES[recipient].get("receives_your_dm"):
            detail = "You do not have permission to DM one or more participants."
            forbidden = {"title": "Forbidden", "type": "about:blank", "status": 403}
            return 403, forbidden | {"detail": detail}
        self.elsewhere.taken.append((recipient, document["text"]))
        event = {"dm_conversation_id": f"{ME}-{recipient}", "dm_event_id": "1580705921830768647"}
        return 201, {"data": event}

    def _known(self) -> bool:
        return self.headers["Authorization"] == f"Bearer {TOKEN}"

    def _user(self, id_: str, wanted: set[str]) -> dict[str, Any]:
        ties = {name: value for name, value in TIES[id_].items() if name in wanted}
        return USERS[id_] | ties | ({"shoe_size": 43} if self.elsewhere.manner.extra else {})

    def _gone(self, id_: str) -> dict[str, Any]:
        return {
            "title": "Not Found Error",
            "detail": f"Could not find user with id: [{id_}].",
            "type": "https://api.twitter.com/2/problems/resource-not-found",
            "resource_type": "user",
            "resource_id": id_,
        }

    def _answer(self, status: int, document: Any) -> None:
        manner = self.elsewhere.manner
        if manner.extra:
            document = document | {"includes": {"places": []}, "weather": [None, {"rain": True}]}
        body = json.dumps(document).encode()
        headers = {"Content-Type": "application/json;charset=utf-8"}
        if manner.packed:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        if manner.chunked:
            headers["Transfer-Encoding"] = "chunked"
            body = b"".join(
                b"%x;odd=1\r\n%b\r\n" % (len(body[at : at + 7]), body[at : at + 7])
                for at in range(0, len(body), 7)
            )
            body += b"0\r\nX-Trailer: late\r\n\r\n"
        elif not manner.closing:
            headers["Content-Length"] = str(len(body))
        if manner.extra:
            headers |= {"X-Rate-Limit-Limit": "soon", "Set-Cookie": "a=b", "X-Empty": ""}
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.upper() if manner.shout else name, value)
        self.end_headers()
        self.wfile.write(body)
