"""Calls that an X app makes for itself: subscriptions, the activity stream, webhooks.

An X app speaks with its app-only bearer token; a private event is subscribed to with the token of
the account that it is about. Source: X's "Activity API" and "V2 Webhooks API", August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import requests

from outreach.ground.writes import outside_transactions
from outreach.x.answers import Document, document_of, id_from
from outreach.x.calls import Caller
from outreach.x.errors import About, TryLater, Unknown, XError
from outreach.x.retries import Retries
from outreach.x.streaming import EventStream, open_stream
from outreach.x.transport import TWEEPY_HOST, Timeouts, session

SUBSCRIPTIONS = "/2/activity/subscriptions"
STREAM = "/2/activity/stream"
WEBHOOKS = "/2/webhooks"
# The most that one page answers, and the most minutes of backfill: X's reference, August 2026.
SUBSCRIPTIONS_A_PAGE = 1000
MOST_BACKFILL_MINUTES = 5
# X keeps the stream alive with an empty line every 20 s; a little patience above that.
STALL_SECONDS = 25.0

_ID = re.compile(r"[0-9]{1,19}", re.ASCII)


class AppToken(Protocol):
    """What this client needs of an app's keys."""

    @property
    def bearer_token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class XSubscription:
    """A subscription as X knows it; `user_id` is None where it is about no one user."""

    id: str
    kind: str
    user_id: int | None
    direction: str = ""
    webhook_id: str = ""


@dataclass(frozen=True, slots=True)
class XWebhook:
    """A webhook as X knows it; an invalid one gets no events until it is validated again."""

    id: str
    url: str
    valid: bool


class AppClient:
    """X as one X app sees it. Every method raises an `outreach.x.errors.XError`."""

    def __init__(
        self,
        keys: AppToken,
        *,
        base_url: str,
        timeouts: Timeouts | None = None,
        ca_file: str | None = None,
        stall: float = STALL_SECONDS,
    ) -> None:
        self._bearer = keys.bearer_token
        self._base_url = base_url
        self._timeouts = timeouts or Timeouts()
        self._caller = Caller(self._timeouts, Retries(), on_call=None)
        self._ca_file = ca_file
        self._stall = stall

    # --- subscriptions -------------------------------------------------------------------------

    def subscriptions(self) -> tuple[XSubscription, ...]:
        """All subscriptions of the app, page by page."""
        found: list[XSubscription] = []
        query = {"max_results": str(SUBSCRIPTIONS_A_PAGE)}
        while True:
            document = self._call("GET", SUBSCRIPTIONS, query=query)
            found += filter(None, map(_subscription, _objects(document.get("data"))))
            next_page = _object(document.get("meta")).get("next_token")
            if not isinstance(next_page, str) or next_page == query.get("pagination_token"):
                return tuple(found)
            query["pagination_token"] = next_page

    def subscribe(
        self,
        kind: str,
        user_id: int | None,
        *,
        direction: str = "",
        webhook_id: str = "",
        token: str | None = None,
    ) -> XSubscription:
        """Make a subscription; `token` is the user's own, which private events need.

        Without a `user_id` it is about everybody who let the app in, which oauth.revoke alone is.

        Where X does not say that it made one (a duplicate, an answer that was lost), its list
        decides. Raises every XError but Unknown.
        """
        filter_ = {} if user_id is None else {"user_id": str(user_id)}
        filter_ |= {"direction": direction} if direction else {}
        body: dict[str, Any] = {"event_type": kind, "filter": filter_}
        if webhook_id:
            body["webhook_id"] = webhook_id
        refusal: XError = TryLater("unreadable_answer")
        made: XSubscription | None = None
        try:
            made = _made(self._call("POST", SUBSCRIPTIONS, body=body, token=token))
        except XError as error:
            if error.status not in (400, 403) and not isinstance(error, Unknown):
                raise
            refusal = error
        if made is not None:
            return made
        wanted = (kind, user_id, direction)
        for there in self.subscriptions():
            if (there.kind, there.user_id, there.direction) == wanted:
                return there
        raise TryLater(refusal.kind) if isinstance(refusal, Unknown) else refusal

    def deliver_to(self, subscription_id: str, webhook_id: str) -> None:
        """Have a subscription's events delivered to a webhook as well."""
        body = {"webhook_id": webhook_id}
        self._call("PUT", f"{SUBSCRIPTIONS}/{_checked(subscription_id)}", body=body)

    def unsubscribe(self, subscription_id: str) -> None:
        """Remove a subscription; one that is gone already is no error."""
        self._remove(f"{SUBSCRIPTIONS}/{_checked(subscription_id)}")

    # --- the stream ----------------------------------------------------------------------------

    @outside_transactions
    def stream(self, *, backfill_minutes: int = 0) -> EventStream:
        """Open the activity stream, with what happened in the last 0 to 5 minutes first.

        X allows an app two connections. Raises every XError but Unknown.
        """
        minutes = min(max(backfill_minutes, 0), MOST_BACKFILL_MINUTES)
        return open_stream(
            self._base_url,
            STREAM,
            {"backfill_minutes": str(minutes)} if minutes else {},
            {"Authorization": f"Bearer {self._bearer}", "User-Agent": "Outreach"},
            timeouts=self._timeouts,
            stall=self._stall,
            ca_file=self._ca_file,
        )

    # --- webhooks ------------------------------------------------------------------------------

    def webhooks(self) -> tuple[XWebhook, ...]:
        """The app's webhooks."""
        data = _objects(self._call("GET", WEBHOOKS).get("data"))
        return tuple(filter(None, map(_webhook, data)))

    def make_webhook(self, url: str) -> XWebhook:
        """Register an https address (without a port) after X's own check of it."""
        made = _webhook(_object(self._call("POST", WEBHOOKS, body={"url": url}).get("data")))
        if made is None:
            raise TryLater("unreadable_answer")
        return made

    def validate_webhook(self, webhook_id: str) -> bool:
        """Ask X to check a webhook again, which makes an invalid one valid."""
        document = self._call("PUT", f"{WEBHOOKS}/{_checked(webhook_id)}")
        return _object(document.get("data")).get("valid") is True

    def remove_webhook(self, webhook_id: str) -> None:
        """Remove a webhook; one that is gone already is no error."""
        self._remove(f"{WEBHOOKS}/{_checked(webhook_id)}")

    def replay(self, webhook_id: str, since: datetime, until: datetime) -> str:
        """Have X deliver again what it delivered to a webhook, up to 24 hours back.

        Whole minutes, both included. Returns X's number of the job.
        """
        body = {
            "webhook_id": _checked(webhook_id),
            "from_date": since.astimezone(UTC).strftime("%Y%m%d%H%M"),
            "to_date": until.astimezone(UTC).strftime("%Y%m%d%H%M"),
        }
        document = self._call("POST", f"{WEBHOOKS}/replay", body=body)
        return str(_object(document.get("data")).get("job_id", ""))

    # --- one call ------------------------------------------------------------------------------

    def _remove(self, path: str) -> None:
        try:
            self._call("DELETE", path)
        except XError as error:
            if error.status != requests.codes.not_found:
                raise

    @outside_transactions
    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        token: str | None = None,
    ) -> Document:
        """Make one call and return the document of X's success; raise what anything else means.

        Reads are tried again; a lost answer to a write is Unknown.
        """
        http = session(self._base_url, self._ca_file)
        headers = {"Authorization": f"Bearer {token or self._bearer}"}

        def send() -> object:
            return http.request(
                method, TWEEPY_HOST + path, params=query, json=body, headers=headers
            )

        call = re.sub(r"(?<=s/)[0-9]+", ":id", f"{method} {path}")
        if method == "GET":
            return self._caller.read(call, send, lambda found, limits: found, about=About.MANY)
        return self._caller.exchange(
            call,
            send,
            lambda response: document_of(response.content),
            writes=True,
            about=About.MANY,
        )


def _checked(id_: str) -> str:
    if not _ID.fullmatch(id_):
        raise ValueError("not an id of X's")
    return id_


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _subscription(data: dict[str, Any]) -> XSubscription | None:
    id_, kind, filter_ = data.get("subscription_id"), data.get("event_type"), data.get("filter")
    if not isinstance(id_, str) or not _ID.fullmatch(id_) or not isinstance(kind, str):
        return None
    return XSubscription(
        id=id_,
        kind=kind,
        user_id=id_from(_object(filter_).get("user_id")),
        direction=str(_object(filter_).get("direction") or ""),
        webhook_id=str(data.get("webhook_id") or ""),
    )


def _made(document: Document) -> XSubscription | None:
    """The new subscription: X's reference nests it, its quick start shows it bare, or in a list."""
    data = document.get("data")
    bare = _object(data) or next(iter(_objects(data)), {})
    return _subscription(_object(bare.get("subscription")) or bare)


def _webhook(data: dict[str, Any]) -> XWebhook | None:
    id_, url = data.get("id"), data.get("url")
    if not isinstance(id_, str) or not _ID.fullmatch(id_) or not isinstance(url, str):
        return None
    return XWebhook(id=id_, url=url, valid=data.get("valid") is True)
