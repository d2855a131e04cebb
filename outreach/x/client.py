"""Calls to X: typed methods over tweepy, plain answers, and errors whose claims are true."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence

import requests
import tweepy

from outreach.x.answers import (
    DMEvent,
    DMPage,
    HandlesAnswer,
    Me,
    SentDM,
    Unreadable,
    UserPage,
    UsersAnswer,
    XUser,
    dm_page_from,
    document_of,
    handles_from,
    me_from,
    sent_from,
    user_page_from,
    users_from,
)
from outreach.x.calls import Caller, CallReport, request_id_of
from outreach.x.errors import About
from outreach.x.limits import Limit, Limits, limits_from
from outreach.x.retries import Retries
from outreach.x.transport import CallDeadline, Timeouts, session

__all__ = [
    "CallDeadline",
    "CallReport",
    "DMEvent",
    "DMPage",
    "HandlesAnswer",
    "Limit",
    "Limits",
    "Me",
    "Retries",
    "SentDM",
    "Timeouts",
    "UserPage",
    "UsersAnswer",
    "XClient",
    "XUser",
]

# tweepy's debug lines carry the token and the text of the message. No level that an operator sets
# may bring them into a log.
logging.getLogger("tweepy.client").addFilter(lambda record: record.levelno >= logging.WARNING)

# The most that one call answers. Source: X's reference of GET /2/users, of the pages of followers,
# and of dm_events.
USERS_PER_CALL = 100
USERS_PER_PAGE = 1000
EVENTS_PER_PAGE = 100
# Lists, since tweepy joins lists only.
USER_FIELDS = ["connection_status", "receives_your_dm", "profile_image_url"]
ME_FIELDS = [*USER_FIELDS, "public_metrics"]
DM_FIELDS = ["created_at", "sender_id", "dm_conversation_id", "entities", "attachments"]
# Each event is charged, and people joining and leaving groups are none of ours.
DM_TYPES = ["MessageCreate"]

_HANDLE = re.compile(r"[A-Za-z0-9_]{1,15}", re.ASCII)


class XClient:
    """X as one account sees it. Cheap to make: all clients of a process share connections.

    Every method raises an `outreach.x.errors.XError` where X does not do what was asked. Reads are
    tried again (see Retries) and never raise Unknown; what writes is called once, whatever happens.

    `generation` is that of the token pair the client was made with, for whoever has it refreshed.
    `on_call` is told of every exchange before its method returns or raises; what it raises is
    logged by the name of its class and goes no further.
    """

    def __init__(
        self,
        access_token: str,
        *,
        base_url: str,
        timeouts: Timeouts | None = None,
        ca_file: str | None = None,
        generation: int | None = None,
        on_call: Callable[[CallReport], None] | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.generation = generation
        self._caller = Caller(timeouts or Timeouts(), retries or Retries(), on_call)
        self._api = tweepy.Client(
            bearer_token=access_token,
            return_type=requests.Response,
            # It would sleep inside the worker.
            wait_on_rate_limit=False,
        )
        self._api.session = session(base_url, ca_file)

    def send_dm(
        self, recipient_id: int, text: str, *, deadline: CallDeadline | None = None
    ) -> SentDM:
        """Send one message; never more than one request, whatever happens.

        Past the deadline no byte is written and NotCalled is raised. Raises every XError; of them
        `Unknown` alone leaves open whether the message was sent.
        """
        return self._caller.exchange(
            "POST /2/dm_conversations/with/:participant_id/messages",
            lambda: self._api.create_direct_message(
                participant_id=recipient_id, text=text, user_auth=False
            ),
            _sent,
            deadline=deadline,
            writes=True,
        )

    def users(self, ids: Sequence[int]) -> UsersAnswer:
        """Look up at most 100 users, with what connects them to the account that asks.

        Raises ValueError for more than 100 ids.
        """
        asked = list(dict.fromkeys(ids))
        if len(asked) > USERS_PER_CALL:
            raise ValueError(f"X answers at most {USERS_PER_CALL} users in one look-up")
        if not asked:
            return UsersAnswer((), (), (), Limits())
        return self._caller.read(
            "GET /2/users",
            lambda: self._api.get_users(ids=asked, user_fields=USER_FIELDS, user_auth=False),
            lambda document, limits: users_from(document, asked, limits),
            about=About.MANY,
        )

    def users_by(self, handles: Sequence[str]) -> HandlesAnswer:
        """Look up at most 100 users by their handles, written without the @ and in any case.

        Raises ValueError for more than 100, and for what can be no handle: X would refuse them all.
        """
        asked = list({handle.lower(): handle for handle in handles}.values())
        if len(asked) > USERS_PER_CALL:
            raise ValueError(f"X answers at most {USERS_PER_CALL} users in one look-up")
        if not all(map(_HANDLE.fullmatch, asked)):
            raise ValueError("a handle is 1 to 15 letters, digits and underscores")
        if not asked:
            return HandlesAnswer((), (), (), Limits())
        return self._caller.read(
            "GET /2/users/by",
            lambda: self._api.get_users(usernames=asked, user_fields=USER_FIELDS, user_auth=False),
            lambda document, limits: handles_from(document, asked, limits),
            about=About.MANY,
        )

    def me(self) -> Me:
        """Return the account that the token belongs to, with how many it follows and is followed by."""
        return self._caller.read(
            "GET /2/users/me",
            lambda: self._api.get_me(user_fields=ME_FIELDS, user_auth=False),
            me_from,
            about=About.CALLER,
        )

    def followers(
        self, user_id: int, *, page_token: str | None = None, max_results: int = USERS_PER_PAGE
    ) -> UserPage:
        """Return one page of those who follow that user; each user on it is charged.

        Raises ValueError for a page size that X does not have.
        """
        get = self._api.get_users_followers
        return self._user_page("followers", get, user_id, page_token, max_results)

    def following(
        self, user_id: int, *, page_token: str | None = None, max_results: int = USERS_PER_PAGE
    ) -> UserPage:
        """Return one page of those whom that user follows, as `followers` does."""
        get = self._api.get_users_following
        return self._user_page("following", get, user_id, page_token, max_results)

    def _user_page(
        self,
        name: str,
        get: Callable[..., requests.Response],
        user_id: int,
        page_token: str | None,
        max_results: int,
    ) -> UserPage:
        _check(max_results, USERS_PER_PAGE)
        return self._caller.read(
            f"GET /2/users/:id/{name}",
            lambda: get(
                user_id,
                max_results=max_results,
                pagination_token=page_token,
                user_fields=USER_FIELDS,
                user_auth=False,
            ),
            user_page_from,
        )

    def dm_events(
        self, *, page_token: str | None = None, max_results: int = EVENTS_PER_PAGE
    ) -> DMPage:
        """Return one page of the account's messages of the last 30 days, newest first.

        Raises ValueError for a page size that X does not have.
        """
        return self._dm_page("GET /2/dm_events", None, page_token, max_results, about=About.CALLER)

    def dm_events_with(
        self,
        participant_id: int,
        *,
        page_token: str | None = None,
        max_results: int = EVENTS_PER_PAGE,
    ) -> DMPage:
        """Return one page of the messages between the account and one person, newest first."""
        return self._dm_page(
            "GET /2/dm_conversations/with/:participant_id/dm_events",
            participant_id,
            page_token,
            max_results,
        )

    def _dm_page(
        self,
        call: str,
        participant_id: int | None,
        page_token: str | None,
        max_results: int,
        *,
        about: About = About.PERSON,
    ) -> DMPage:
        _check(max_results, EVENTS_PER_PAGE)
        return self._caller.read(
            call,
            lambda: self._api.get_direct_message_events(
                participant_id=participant_id,
                max_results=max_results,
                pagination_token=page_token,
                dm_event_fields=DM_FIELDS,
                event_types=DM_TYPES,
                user_auth=False,
            ),
            dm_page_from,
            about=about,
        )


def _sent(response: requests.Response) -> SentDM:
    try:
        document = document_of(response.content)
    except Unreadable:
        document = {}
    sent = sent_from(document, limits_from(response.headers), request_id_of(response))
    if sent.dm_event_id is None and response.status_code != requests.codes.created:
        # Only 201 says that X took it. Another success without an id may come from a gateway.
        raise Unreadable
    return sent


def _check(max_results: int, most: int) -> None:
    if not 1 <= max_results <= most:
        raise ValueError(f"X's pages hold 1 to {most}")
