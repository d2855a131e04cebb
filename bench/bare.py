"""A route that does nothing with a message but read and acknowledge it: what a figure is held to.

Machines differ, and the same machine from hour to hour; the ratio to this does less so.
"""

from __future__ import annotations

import json
import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """Answer as X does, to whoever sends a text."""
    text = json.loads(await request.body())["text"]
    answer = {"data": {"dm_conversation_id": "1-2", "dm_event_id": str(len(text))}}
    return Response(json.dumps(answer).encode(), 201, media_type="application/json")


def main() -> None:
    """Serve on a free port of loopback, and print it."""
    # The protocol is named, or asyncio would leave TCP_NODELAY off.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(listener.getsockname()[1], flush=True)
    path = "/2/dm_conversations/with/{participant_id}/messages"
    app = Starlette(routes=[Route(path, take, methods=["POST"])])
    config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
