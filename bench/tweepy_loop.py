"""A bare loop of tweepy calls: what sending would be without any guarantee.

`python -m bench.tweepy_loop ADDRESS TOKEN=PERSON…`: a thread for each token. For each line on
stdin, a count, they send so many messages between them, then it prints `done`. Nothing is written
down anywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import tweepy
from requests.adapters import HTTPAdapter

TWEEPY_HOST = "https://api.twitter.com"
TEXT = "Hi, you asked which ink we use, so we filmed the whole run. Would you like to see it?"


class _Elsewhere(HTTPAdapter):
    """Takes what is addressed to X's host, which tweepy does not let one choose, to another."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        request.url = self._address + (request.url or "").removeprefix(TWEEPY_HOST)
        return super().send(request, *args, **kwargs)


class _Sender:
    """One thread's client, and whom it writes to."""

    def __init__(self, address: str, pair: str) -> None:
        token, _, person = pair.partition("=")
        self._client = tweepy.Client(bearer_token=token)
        self._client.session.trust_env = False  # a proxy of the machine knows no sandbox
        self._client.session.mount(TWEEPY_HOST, _Elsewhere(address))
        self._person = int(person)

    def send(self, count: int) -> None:
        for number in range(count):
            self._client.create_direct_message(
                participant_id=self._person, text=f"{TEXT} {number}", user_auth=False
            )


def main(address: str, pairs: Sequence[str]) -> None:
    """Send as often as each line of stdin says."""
    senders = [_Sender(address, pair) for pair in pairs]
    with ThreadPoolExecutor(len(senders)) as pool:
        for line in sys.stdin:
            share = int(line) // len(senders)
            for sending in [pool.submit(sender.send, share) for sender in senders]:
                sending.result()
            print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
