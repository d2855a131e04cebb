"""A client for measuring: it posts as fast as it is answered, over a few kept connections."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Posted:
    """How many posts were answered with 201, within how many seconds, and how long each took."""

    count: int
    seconds: float
    latencies: list[float]

    @property
    def per_second(self) -> float:
        """Return the rate."""
        return self.count / self.seconds

    def within(self, share: float) -> float:
        """Return the milliseconds within which that share of the posts was answered."""
        return sorted(self.latencies)[int(share * (len(self.latencies) - 1))] * 1000


def request(host: str, path: str, token: str, document: dict[str, str]) -> bytes:
    """Return a POST as bytes. The client must cost little, or it would be what is measured."""
    body = json.dumps(document).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def post(port: int, make: Callable[[int], bytes], *, connections: int, seconds: float) -> Posted:
    """Post for that long. `make` gives the nth request. Raises RuntimeError for another answer."""
    return asyncio.run(_post(port, make, connections, seconds))


async def _post(
    port: int, make: Callable[[int], bytes], connections: int, seconds: float
) -> Posted:
    latencies: list[float] = []
    started = time.perf_counter()
    until, sent = started + seconds, 0

    async def one_after_the_other() -> None:
        nonlocal sent
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (begun := time.perf_counter()) < until:
                sent += 1
                writer.write(make(sent))
                await _created(reader)
                latencies.append(time.perf_counter() - begun)
        finally:
            writer.close()

    await asyncio.gather(*(one_after_the_other() for _ in range(connections)))
    return Posted(len(latencies), time.perf_counter() - started, latencies)


async def _created(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"http/1.1 201"):
        raise RuntimeError(f"not a 201: {head.decode()}{body.decode()}")
