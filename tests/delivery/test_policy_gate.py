"""The frozen words are read once more before they leave, where the policy is newer than them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from outreach.audit.models import AuditEvent
from outreach.delivery import actions, claim, facts
from outreach.delivery.claim import Claimed, Held
from outreach.delivery.gates import Block
from outreach.drafts import actions as drafts
from outreach.drafts.models import Side
from outreach.guidance.policy import Level
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db
SPAM = "Check out my site!!! Order now, limited time, win a prize: bit.ly/fox"
STOPS = {"avoid": ("recipe",), "severities": {"house.avoid": Level.BLOCK}}


def claim_for(house):
    return claim.claim(house.account.pk)


def test_under_the_same_policy_nothing_is_read_again(house, monkeypatch):
    factories.policy(house, avoid=("blowout",))
    factories.delivery(house)
    monkeypatch.setattr(facts, "read_again", None)
    monkeypatch.setattr(facts, "terms_of", None)
    assert isinstance(claim_for(house), Claimed)


def test_the_look_at_the_version_is_no_query_of_its_own(house):
    # What was spent on days that are over is reckoned once a process.
    factories.delivery(house)
    assert isinstance(claim_for(house), Claimed)
    counts = []
    for number in (0, 1, 2):
        if number:
            factories.policy(house, avoid=(f"blowout {number}",))
        factories.delivery(house)
        with CaptureQueriesContext(connection) as run:
            assert isinstance(claim_for(house), Claimed)
        counts.append(len(run))
    assert counts == [counts[0]] * 3
    # It is one of the things that one statement reads, which is prepared by another name.
    assert sum("read all that decides" in query["sql"] for query in run) == 1
    assert not any("guidancepolicy" in query["sql"] for query in run)


def test_what_passes_under_the_newer_policy_leaves(house):
    delivery = factories.delivery(house)
    factories.policy(house, avoid=("recipe",))
    claimed = claim_for(house)
    assert isinstance(claimed, Claimed)
    assert claimed.text == delivery.text


def test_what_the_newer_policy_stops_is_blocked_with_the_reason(house):
    delivery = factories.delivery(house)
    factories.policy(house, **STOPS)
    reason = (
        "Your guidance policy changed after the approval, so this letter needs mending and a new "
        "review. “recipe” is a phrase that this workspace avoids."
    )
    assert claim_for(house) == Held(delivery.pk, Block("guidance", reason))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code, delivery.reason) == (
        "blocked",
        "guidance",
        reason,
    )
    event = AuditEvent.objects.get(verb="delivery.blocked", target_id=delivery.pk)
    assert event.detail.details == {"code": "guidance", "reason": reason}


def test_trying_again_does_not_get_around_it(house):
    delivery = factories.delivery(house)
    factories.policy(house, **STOPS)
    claim_for(house)
    actions.try_again(house.marketer, delivery.pk)
    answer = claim_for(house)
    assert isinstance(answer, Held)
    assert isinstance(answer.verdict, Block)
    delivery.refresh_from_db()
    assert delivery.state == "blocked"


def test_mended_and_reviewed_anew_it_leaves(house):
    delivery = factories.delivery(house)
    factories.policy(house, **STOPS)
    claim_for(house)
    draft = drafts.take_back(house.marketer, delivery.revision.draft_id)
    delivery.refresh_from_db()
    assert delivery.state == "cancelled"
    again = drafts.submit(
        house.marketer,
        draft.pk,
        version=draft.version,
        words=drafts.Words(WORDS.replace("recipe", "method")),
    )
    newer = factories.on_its_way(factories.decided(house, again.revision))
    claimed = claim_for(house)
    assert isinstance(claimed, Claimed)
    assert claimed.delivery_id == newer.pk


def test_what_the_newer_policy_calls_spam_is_blocked_unless_it_was_argued_for(house):
    factories.policy(house, welcome=(SPAM,))
    delivery = factories.on_its_way(
        factories.decided(house, factories.submitted(house, words=SPAM))
    )
    factories.policy(house, welcome=())
    answer = claim_for(house)
    assert isinstance(answer, Held)
    assert answer.verdict == Block(
        "guidance",
        "Your guidance policy changed after the approval, so this letter needs mending and a new "
        "review. It reads as a letter to the householder.",
    )
    delivery.refresh_from_db()
    assert delivery.state == "blocked"


def test_an_accepted_disagreement_holds_under_a_newer_policy(house):
    revision = factories.submitted(house, words=SPAM, disagreement="They asked for it.")
    factories.on_its_way(factories.decided(house, revision, sided_with=Side.WRITER))
    factories.policy(house, house_limit=20)
    assert isinstance(claim_for(house), Claimed)


def test_another_workspaces_policy_stops_nothing_here(house):
    factories.delivery(house)
    factories.policy(factories.house(), **STOPS)
    assert isinstance(claim_for(house), Claimed)


def test_approved_under_the_newer_policy_it_is_not_read_again(house, monkeypatch):
    revision = factories.submitted(house)
    factories.policy(house, avoid=("recipe",))
    factories.on_its_way(factories.decided(house, revision))
    monkeypatch.setattr(facts, "read_again", None)
    assert isinstance(claim_for(house), Claimed)
