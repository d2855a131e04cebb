"""The client needs nothing of a server but what X documents."""

from __future__ import annotations

import pytest

from outreach.x.client import Retries, Timeouts, XClient
from outreach.x.errors import NeverReason, NeverWill, TokenRefused
from outreach.x.limits import Limits
from tests.x.elsewhere import ANN, ME, SHY, TOKEN, Elsewhere, Manner

MANNERS = {
    "least": Manner(),
    "gzip": Manner(packed=True),
    "chunked": Manner(chunked=True),
    "gzip in chunks": Manner(packed=True, chunked=True, shout=True),
    "HTTP/1.0": Manner(closing=True, packed=True),
    "more than documented": Manner(extra=True, shout=True),
}


@pytest.fixture(params=list(MANNERS.values()), ids=list(MANNERS))
def elsewhere(request):
    with Elsewhere(request.param) as server:
        yield server


def client(server: Elsewhere, token: str = TOKEN) -> XClient:
    timeouts, once = Timeouts(connect=2, answer=5), Retries(tries=1)
    return XClient(token, base_url=server.base_url, timeouts=timeouts, retries=once)


def test_who_one_is(elsewhere):
    me = client(elsewhere).me()
    assert (me.id, me.handle, me.name) == (int(ME), "brand", "Brand")
    assert (me.avatar_url, me.following, me.accepts_dms) == ("", None, None)
    assert me.limits == Limits()


def test_users_are_looked_up(elsewhere):
    answer = client(elsewhere).users([int(ANN), int(SHY), 77])
    ties = [(user.id, user.following, user.followed_by, user.accepts_dms) for user in answer.found]
    assert ties == [(int(ANN), True, True, True), (int(SHY), False, False, False)]
    assert (answer.missing, answer.unanswered, answer.limits) == ((77,), (), Limits())


def test_a_message_is_taken_as_it_was_written(elsewhere):
    text = "Grüße 🖼️\n<b>&amp; https://example.org/?a=1"
    sent = client(elsewhere).send_dm(int(ANN), text)
    assert elsewhere.taken == [(ANN, text)]
    assert (sent.dm_event_id, sent.conversation_id) == (1580705921830768647, f"{ME}-{ANN}")
    assert (sent.request_id, sent.limits) == (None, Limits())


def test_many_messages_go_over_one_client(elsewhere):
    api = client(elsewhere)
    for number in range(5):
        api.send_dm(int(ANN), f"letter {number}")
    assert [text for _, text in elsewhere.taken] == [f"letter {number}" for number in range(5)]


def test_refusals_are_told_apart(elsewhere):
    api = client(elsewhere)
    with pytest.raises(NeverWill) as shut:
        api.send_dm(int(SHY), "hello")
    with pytest.raises(NeverWill) as gone:
        api.send_dm(77, "hello")
    assert (shut.value.reason, gone.value.reason) == (NeverReason.NO_DMS, NeverReason.GONE)
    with pytest.raises(TokenRefused):
        client(elsewhere, "another").send_dm(int(ANN), "hello")
    with pytest.raises(TokenRefused):
        client(elsewhere, "another").me()
    assert elsewhere.taken == []
