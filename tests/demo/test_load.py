"""What the demo workspace holds once it is loaded."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.test import TestCase, override_settings
from django.urls import reverse

from accounts.access import NotAllowed, member_of
from accounts.models import User, Workspace
from outreach.audit.actions import seal
from outreach.audit.models import AuditEvent
from outreach.audit.queries import verify
from outreach.customers.models import Customer, Permission, Relationship, Suppression
from outreach.delivery.models import Attempt, Delivery, DeliveryState
from outreach.demo import cast, loading
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Decision, Draft, DraftState, Revision, sha256_of
from outreach.ground.clock import now
from outreach.sandbox.state import open_state
from outreach.x.models import XAccount
from outreach.x.queries import client_for
from tests.sandbox_server import Sandbox


def member(colleague: cast.Colleague):
    found = member_of(User.objects.get(email=colleague.email), cast.SLUG)
    assert found is not None
    return found


# As every test has it (tests/conftest.py); a class is set up before its first test.
HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class TheDemo(TestCase):
    """Loaded once: what these tests change is undone after each."""

    demo: Workspace
    sandbox_file: Path

    @classmethod
    def setUpTestData(cls):
        place = tempfile.TemporaryDirectory()
        cls.addClassCleanup(place.cleanup)
        cls.sandbox_file = Path(place.name) / "sandbox.sqlite3"
        with override_settings(SANDBOX_STATE=cls.sandbox_file, PASSWORD_HASHERS=HASHERS):
            assert loading.load().done == "loaded"
        cls.demo = Workspace.objects.get(slug=cast.SLUG)

    def test_every_state_of_a_draft_is_there(self):
        states = set(Draft.objects.of(self.demo).values_list("state", flat=True))
        # Nobody of the demo asked to be forgotten.
        assert states == set(DraftState.values) - {DraftState.ERASED}
        assert Draft.objects.of(self.demo).filter(state=DraftState.IN_REVIEW).count() >= 4

    def test_a_letter_in_review_has_two_revisions_that_differ(self):
        second = (
            Revision.objects.of(self.demo).filter(number=2, draft__state=DraftState.IN_REVIEW).get()
        )
        first = Revision.objects.of(self.demo).get(draft=second.draft_id, number=1)
        assert first.words != second.words
        assert first.submitted_at < second.submitted_at

    def test_every_state_of_a_delivery_that_lasts_is_there(self):
        states = set(Delivery.objects.of(self.demo).values_list("state", flat=True))
        assert states == set(DeliveryState.values) - {DeliveryState.SENDING}
        queued = Delivery.objects.of(self.demo).filter(state=DeliveryState.QUEUED)
        assert queued.filter(reason="", look_at__gt=now()).count() >= 2
        waiting = queued.get(reason_code="frequency_cap")
        assert waiting.look_at > now()

    def test_nothing_is_due_when_it_is_loaded(self):
        soon = now() + timedelta(hours=1)
        queued = Delivery.objects.of(self.demo).filter(state=DeliveryState.QUEUED)
        assert not queued.filter(look_at__lt=soon).exists()

    def test_letters_not_sent_say_why(self):
        codes = (
            Delivery.objects.of(self.demo).exclude(reason="").values_list("reason_code", flat=True)
        )
        assert set(codes) == {
            "not_followed", "not_following", "no_permission", "spam", "timeout", "cancelled",
            "suppressed", "frequency_cap",
        }  # fmt: skip

    def test_guidance_calls_some_letters_mend_and_spam(self):
        in_review = Revision.objects.of(self.demo).filter(draft__state=DraftState.IN_REVIEW)
        verdicts = {revision.verdict: revision for revision in in_review}
        assert set(verdicts) == {"good", "mend", "spam"}
        assert verdicts["spam"].disagreement
        sent = Revision.objects.of(self.demo).filter(deliveries__state=DeliveryState.SENT)
        assert {revision.verdict for revision in sent} == {"good"}

    def test_customers_are_about_two_hundred_of_all_kinds(self):
        customers = Customer.objects.of(self.demo)
        assert 190 <= customers.count() <= 210
        assert 15 <= customers.filter(time_zone="").count() <= 60
        assert 30 <= customers.filter(first_name="").count() <= 100
        assert customers.filter(tags__contains=["fair"]).exists()
        assert customers.filter(tags__contains=["fox tee"]).exists()
        assert customers.filter(attributes__has_key="favourite_print").count() > 100
        assert len(set(customers.values_list("time_zone", flat=True))) > 30
        in_latin = [name.isascii() for name in customers.values_list("name", flat=True)]
        assert in_latin.count(False) > 40

    def test_relationships_and_permissions_are_mixed(self):
        relationships = Relationship.objects.of(self.demo)
        assert relationships.count() == Customer.objects.of(self.demo).count()
        mutual = relationships.filter(following=True, followed_by=True)
        assert 0.55 < mutual.count() / relationships.count() < 0.7
        assert mutual.filter(accepts_dms=False).exists()
        assert relationships.filter(following=False, followed_by=True).count() > 5
        assert relationships.filter(following=True, followed_by=False).count() > 5
        assert relationships.filter(reachable=False).count() == 1
        without = Customer.objects.of(self.demo).filter(permissions__isnull=True)
        assert 20 < without.count() < 100
        assert not Permission.objects.of(self.demo).filter(evidence="").exists()
        assert not Permission.objects.of(self.demo).filter(given_at__gt=now()).exists()
        reasons = Suppression.objects.of(self.demo).values_list("reason", flat=True)
        assert len(reasons) >= 3
        assert all(reason.startswith("said stop on ") for reason in reasons)

    def test_the_sandbox_says_of_everybody_what_the_database_says(self):
        server = Sandbox(self.sandbox_file)
        server.start()
        try:
            account = XAccount.objects.of(self.demo).get()
            with override_settings(X_API_URL=server.base_url):
                client = client_for(account)
            assert client.me().id == account.x_user_id
            rows = Relationship.objects.of(self.demo).select_related("customer").order_by("pk")
            known = {row.customer.x_user_id: row for row in rows}
            ids = list(known)
            for start in range(0, len(ids), 100):
                answer = client.users(ids[start : start + 100])
                for user in answer.found:
                    row = known[user.id]
                    assert (user.following, user.followed_by, user.accepts_dms) == (
                        row.following, row.followed_by, row.accepts_dms,
                    ), user.handle  # fmt: skip
                    assert (user.handle, user.name) == (row.customer.handle, row.customer.name)
                assert all(not known[gone].reachable for gone in answer.missing)
        finally:
            server.stop()

    def test_what_was_sent_is_in_the_sandbox_word_for_word(self):
        world = open_state(self.sandbox_file)
        arrived = {dm.id: dm for dm in world.dms()}
        sent = Delivery.objects.of(self.demo).filter(state=DeliveryState.SENT)
        assert sent.count() >= 8
        for delivery in sent:
            assert delivery.dm_event_id is not None
            assert delivery.sent_at is not None
            dm = arrived[delivery.dm_event_id]
            assert (dm.text, dm.recipient) == (delivery.text, delivery.recipient_x_user_id)
            attempt = Attempt.objects.get(delivery=delivery)
            # A message's time is in whole milliseconds.
            arrived_at = dm.created_ms / 1000
            assert attempt.started_at.timestamp() - 0.001 <= arrived_at
            assert arrived_at <= delivery.sent_at.timestamp()
            assert attempt.dm_event_id == dm.id
            assert attempt.price > 0
        unsent = Delivery.objects.of(self.demo).filter(sent_at=None)
        assert not {dm.text for dm in arrived.values()} & set(unsent.values_list("text", flat=True))
        world.close()

    def test_of_the_unsure_letter_the_sandbox_shows_only_other_words(self):
        """So that nobody but a person can settle it, and it stays to be looked at."""
        world = open_state(self.sandbox_file)
        unsure = Delivery.objects.of(self.demo).get(state=DeliveryState.UNCERTAIN)
        attempt = Attempt.objects.get(delivery=unsure)
        ours = [
            dm.text
            for dm in world.dms()
            if (dm.sender, dm.recipient) == (cast.X_USER_ID, unsure.recipient_x_user_id)
            and dm.created_ms / 1000 >= attempt.started_at.timestamp() - 60
        ]
        assert len(ours) == 1
        assert ours != [unsure.text]
        world.close()

    def test_a_campaign_has_letters_that_left_and_letters_that_will(self):
        campaign = Campaign.objects.of(self.demo).get()
        letters = Delivery.objects.of(self.demo).filter(campaign=campaign)
        assert set(letters.values_list("state", flat=True)) == {"sent", "queued"}
        assert letters.count() == Draft.objects.of(self.demo).filter(campaign=campaign).count() == 4

    def test_who_wrote_first_is_in_the_sandbox_with_the_words_of_the_evidence(self):
        world = open_state(self.sandbox_file)
        written = {(dm.sender, f"“{dm.text}”"): dm for dm in world.dms()}
        rows = Permission.objects.of(self.demo).filter(place="DM").select_related("customer")
        assert rows.count() > 30
        for row in rows:
            dm = written[row.customer.x_user_id, row.evidence]
            assert abs(dm.created_ms / 1000 - row.given_at.timestamp()) < 1
        assert all(dm.created_ms / 1000 <= now().timestamp() for dm in world.dms())
        world.close()

    def test_the_log_ins_work(self):
        for colleague in cast.COLLEAGUES:
            self.signs_in(colleague)

    def signs_in(self, colleague: cast.Colleague):
        user = authenticate(username=colleague.email, password=cast.PASSWORD)
        assert user is not None
        assert member(colleague).role == colleague.role
        assert user.time_zone == colleague.time_zone
        self.client.force_login(user)
        page = self.client.get(reverse("drafts:list", args=[cast.SLUG]))
        assert page.status_code == 200

    def test_ruth_cannot_approve_her_own_letter_and_sam_can(self):
        ruth, sam = member(cast.RUTH), member(cast.SAM)
        hers = Revision.objects.of(ruth).get(
            author_id=ruth.user_id, draft__state=DraftState.IN_REVIEW
        )
        digest = sha256_of(hers.text)
        with pytest.raises(NotAllowed):
            drafts.decide(ruth, hers.pk, decision=Decision.APPROVE, text_sha256=digest)
        drafts.decide(sam, hers.pk, decision=Decision.APPROVE, text_sha256=digest)

    def test_its_past_happened_in_order_and_the_audit_chain_is_whole(self):
        while seal():
            pass
        assert verify().faults == []
        events = AuditEvent.objects.filter(workspace=self.demo).order_by("pk")
        moments = [event.at for event in events]
        assert moments == sorted(moments)
        assert moments[-1] <= now()
        verbs = [event.verb for event in events]
        assert verbs[0] == "workspace.created"
        assert verbs[-1] == "demo.loaded"
        for delivery in Delivery.objects.of(self.demo).select_related("approval"):
            assert delivery.created_at >= delivery.approval.decided_at
            assert delivery.sent_at is None or delivery.sent_at >= delivery.due_at

    def test_the_clock_is_right_again_after_loading(self):
        assert abs(now() - datetime.now(UTC)) < timedelta(seconds=5)
