"""Where X tells what happens, for installations with a public address: no member, but X calls.

X proves itself by a signature over the raw body, we by the answer to its challenge (CRC); both are
made with the app's consumer secret. Source: X's "V2 Webhooks API", August 2026.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from outreach.ground.clock import now
from outreach.x import events
from outreach.x.app_keys import keys_of
from outreach.x.models import Via, XApp
from outreach.x.payloads import Told, read, told_at
from outreach.x.tasks import wake_events
from outreach.x.tokens import TokenKeyMissing

LARGEST_BODY = 1 << 20
SIGNATURE = "X-Twitter-Webhooks-Signature"
# X replays what is up to 24 hours old. What is older by its own stamp is somebody else's replay.
OLDEST = timedelta(hours=25)
# A challenge is signed with the key that events are signed with, and anybody may send one. So none
# is answered that could serve as an event: every JSON object has a brace in it.
_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/=:-]{1,512}", re.ASCII)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest, app_id: int) -> HttpResponse:
    """X's challenge (GET) and its events (POST). 404 for apps that have no consumer secret."""
    secret = _secret(app_id)
    if request.method == "GET":
        return _challenge(request, secret)
    if _length(request) > LARGEST_BODY:
        return HttpResponse(status=413)
    body = request.body
    if not _is_signed(request, body, secret):
        return HttpResponse(status=403)
    told = read(body, named_only=True)
    if told is None:
        return HttpResponse(status=400)
    oldest = now() - OLDEST
    fresh = [event for event in told if (told_at(event) or oldest) >= oldest]
    if not fresh:
        return HttpResponse(status=403)
    _store(app_id, fresh)
    return HttpResponse(status=200)


def _store(app_id: int, told: list[Told]) -> None:
    """Store them, each once; X waits, so what follows from them is a worker's."""
    stored = events.store(app_id, told, Via.WEBHOOK)
    for account_id in sorted(stored.waiting):
        wake_events(account_id)


def _challenge(request: HttpRequest, secret: bytes) -> HttpResponse:
    token = request.GET.get("crc_token", "")
    if not _CHALLENGE.fullmatch(token):
        return HttpResponse(status=400)
    return JsonResponse({"response_token": _signature(token.encode(), secret)})


def _is_signed(request: HttpRequest, body: bytes, secret: bytes) -> bool:
    given = request.headers.get(SIGNATURE, "")
    return hmac.compare_digest(given.encode(), _signature(body, secret).encode())


def _signature(message: bytes, secret: bytes) -> str:
    digest = hmac.new(secret, message, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(digest).decode()


def _secret(app_id: int) -> bytes:
    """The app's consumer secret. Raises Http404 where there is none."""
    app = XApp.objects.filter(pk=app_id).first()
    try:
        secret = keys_of(app).consumer_secret if app else ""
    except TokenKeyMissing:
        secret = ""
    if not secret:
        raise Http404
    return secret.encode()


def _length(request: HttpRequest) -> int:
    try:
        return int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return LARGEST_BODY + 1
