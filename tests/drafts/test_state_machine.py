"""A draft's life, walked at random by different people; what may happen is said once more here."""

from __future__ import annotations

import uuid
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.db.models import QuerySet
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts.access import Act, Member, NotAllowed
from accounts.models import Role
from outreach.delivery.models import Delivery
from outreach.drafts import actions, errors
from outreach.drafts.models import MOVES, Decision, Draft, DraftState, Review, Revision
from outreach.ground.clock import now
from tests import factories
from tests.factories import WORDS

AFTER = {"approve": "approved", "request_changes": "changes_requested", "reject": "rejected"}
EDITABLE = ("draft", "changes_requested")
LIVE = ("queued", "sending", "sent", "blocked", "uncertain")
UNDO_SECONDS = 1000  # no run takes so long
PEOPLE = st.sampled_from(["jo", "li", "ruth", "sam", "kim"])
# Mostly who may: a walk of refusals goes nowhere.
MOSTLY_AUTHOR = st.sampled_from(["author"] * 8 + ["jo", "li", "ruth", "sam", "kim"])
MOSTLY_MANAGERS = st.sampled_from(["ruth", "sam", "kim", "ruth", "sam", "kim", "jo", "reviewer"])
NUMBER = st.integers(0, 9)
TEXTS = st.sampled_from([WORDS, WORDS + " today", WORDS.replace("Jo", "Your Jo")])


class Life(RuleBasedStateMachine):
    """Two marketers, two managers and an administrator, all of whom may write."""

    drafts: Bundle[int] = Bundle("drafts")

    house: factories.House
    people: dict[str, Member]

    def __init__(self) -> None:
        super().__init__()
        self.later = 0
        self.states: dict[int, str] = {}
        self.frozen: dict[int, Any] = {}

    def teardown(self) -> None:
        self.set_clock(0)

    def set_clock(self, seconds: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('outreach.clock_offset', %s, false)", [f"{seconds} seconds"]
            )

    def mine(self) -> QuerySet[Draft, Draft]:
        return Draft.everywhere.filter(pk__in=self.states)

    def row(self, pk: int) -> Draft:
        return Draft.everywhere.get(pk=pk)

    def member(self, who: str, draft: Draft) -> Member:
        """Who is meant; 'reviewer' is whoever approved."""
        if who == "author":
            return next(m for m in self.people.values() if m.user_id == draft.author_id)
        if who == "reviewer":
            review = self.standing(draft)
            reviewer = review.reviewer_id if review else self.house.manager.user_id
            return next(m for m in self.people.values() if m.user_id == reviewer)
        return self.people[who]

    def standing(self, draft: Draft) -> Review | None:
        return Review.everywhere.filter(
            revision__draft=draft, decision="approve", undone_at=None
        ).first()

    def left(self, draft: Draft) -> bool:
        gone = ("sending", "sent", "uncertain")
        return Delivery.everywhere.filter(revision__draft=draft, state__in=gone).exists()

    def expect(self, allowed: bool, act, *refusals: type[Exception]) -> bool:
        """Do it; it succeeds exactly where it may. Returns whether it did."""
        if not allowed:
            with pytest.raises(refusals):
                act()
        else:
            act()
        return allowed

    # --- what people do ----------------------------------------------------------------------

    @initialize(target=drafts, who=PEOPLE)
    def one_is_submitted(self, who: str) -> int:
        draft_id = factories.submitted(self.house, by=self.people[who]).draft_id
        self.states[draft_id] = "in_review"
        return draft_id

    @precondition(lambda self: len(self.states) < 3)
    @rule(target=drafts, who=PEOPLE)
    def start(self, who: str) -> int:
        draft_id = factories.draft(self.house, by=self.people[who]).pk
        self.states[draft_id] = "draft"
        return draft_id

    @rule(draft_id=drafts, who=MOSTLY_AUTHOR, text=TEXTS, behind=st.sampled_from([0, 0, 0, 1]))
    def save(self, draft_id: int, who: str, text: str, behind: int) -> None:
        draft = self.row(draft_id)
        member = self.member(who, draft)
        may = draft.author_id == member.user_id and draft.state in EDITABLE
        fresh = behind == 0 or draft.words == text
        self.expect(
            may and fresh,
            lambda: actions.save(
                member,
                draft_id,
                version=draft.version - behind,
                words=actions.Words(text),
            ),
            errors.NotYours,
            errors.NotEditable,
            errors.SavedElsewhere,
        )
        if not (may and fresh):
            assert self.row(draft_id).words == draft.words

    @rule(draft_id=drafts, who=MOSTLY_AUTHOR, text=TEXTS)
    def submit(self, draft_id: int, who: str, text: str) -> None:
        draft = self.row(draft_id)
        member = self.member(who, draft)
        self.expect(
            draft.author_id == member.user_id and draft.state in EDITABLE,
            lambda: actions.submit(
                member, draft_id, version=draft.version, words=actions.Words(text)
            ),
            errors.NotYours,
            errors.NotEditable,
        )

    @rule(
        draft_id=drafts,
        who=MOSTLY_MANAGERS,
        decision=st.sampled_from(["approve", "approve", "request_changes", "reject"]),
        back=st.sampled_from([0, 0, 0, 1]),
    )
    def decide(self, draft_id: int, who: str, decision: str, back: int) -> None:
        draft = self.row(draft_id)
        member = self.member(who, draft)
        revisions = list(draft.revisions.order_by("-number"))
        if len(revisions) <= back:
            return
        revision = revisions[back]
        may = (
            member.may(Act.REVIEW)
            and draft.author_id != member.user_id
            and draft.state == "in_review"
            and back == 0
        )
        done = self.expect(
            may,
            lambda: actions.decide(
                member,
                revision.pk,
                decision=Decision(decision),
                text_sha256=revision.text_sha256,
                comment="so",
            ),
            NotAllowed,
            errors.AlreadyDecided,
        )
        if done:
            assert self.row(draft_id).state == AFTER[decision]

    @rule(draft_id=drafts, who=MOSTLY_MANAGERS)
    def undo(self, draft_id: int, who: str) -> None:
        draft = self.row(draft_id)
        member = self.member(who, draft)
        revision = draft.revisions.order_by("-number").first()
        if revision is None:
            return
        review = self.standing(draft)
        may = (
            member.may(Act.REVIEW)
            and review is not None
            and review.reviewer_id == member.user_id
            and (now() - review.decided_at).total_seconds() <= UNDO_SECONDS
            and not self.left(draft)
        )
        self.expect(
            may,
            lambda: actions.undo_approval(member, revision.pk),
            NotAllowed,
            errors.AlreadyDecided,
            errors.OnItsWay,
        )

    @rule(draft_id=drafts, who=MOSTLY_AUTHOR)
    def take_back(self, draft_id: int, who: str) -> None:
        draft = self.row(draft_id)
        member = self.member(who, draft)
        may = (
            draft.author_id == member.user_id
            and draft.state != "rejected"
            and not (draft.state == "approved" and self.left(draft))
        )
        self.expect(
            may,
            lambda: actions.take_back(member, draft_id),
            errors.NotYours,
            errors.NotEditable,
            errors.OnItsWay,
        )
        if may:
            assert self.row(draft_id).state in EDITABLE

    # --- what moves it on: the same acts by who may, so that walks get somewhere ----------------

    def some(self, number: int, *states: str) -> int:
        found = [pk for pk, state in self.states.items() if state in states]
        return found[number % len(found)]

    @precondition(lambda self: "in_review" in self.states.values())
    @rule(number=NUMBER, who=st.sampled_from(["ruth", "sam", "kim"]))
    def approve_one(self, number: int, who: str) -> None:
        self.decide(self.some(number, "in_review"), who, "approve", 0)

    @precondition(lambda self: not set(EDITABLE).isdisjoint(self.states.values()))
    @rule(number=NUMBER, text=TEXTS)
    def submit_one(self, number: int, text: str) -> None:
        self.submit(self.some(number, *EDITABLE), "author", text)

    @precondition(lambda self: "approved" in self.states.values())
    @rule(number=NUMBER, who=st.sampled_from(["reviewer", "reviewer", "ruth", "sam"]))
    def undo_one(self, number: int, who: str) -> None:
        self.undo(self.some(number, "approved"), who)

    @precondition(lambda self: "approved" in self.states.values())
    @rule(number=NUMBER)
    def take_one_back(self, number: int) -> None:
        self.take_back(self.some(number, "approved"), "author")

    @rule()
    def wait(self) -> None:
        self.later += 2 * UNDO_SECONDS
        self.set_clock(self.later)

    @rule(draft_id=drafts, state=st.sampled_from(["sending", "sent", "uncertain", "blocked"]))
    def delivery_moves(self, draft_id: int, state: str) -> None:
        """What the sender does, by itself."""
        Delivery.everywhere.filter(revision__draft_id=draft_id, state="queued").update(
            state=state, claim_token=uuid.uuid4(), sent_at=now(), reason="why"
        )

    # --- what always holds -------------------------------------------------------------------

    @invariant()
    def only_allowed_moves_happen(self) -> None:
        for draft in self.mine():
            before = self.states[draft.pk]
            if draft.state != before:
                assert DraftState(draft.state) in MOVES[DraftState(before)], (before, draft.state)
            self.states[draft.pk] = draft.state

    @invariant()
    def approved_means_exactly_one_live_delivery(self) -> None:
        for draft in self.mine():
            live = Delivery.everywhere.filter(revision__draft=draft, state__in=LIVE)
            assert live.count() == (draft.state == "approved"), draft.state
            for delivery in live:
                assert delivery.approval.undone_at is None
                assert delivery.text == delivery.revision.text
                assert delivery.revision == draft.revisions.order_by("-number").first()

    @invariant()
    def what_was_submitted_never_changes(self) -> None:
        rows: dict[int, Any] = {
            row[0]: row
            for row in Revision.everywhere.filter(draft__in=self.states).values_list(
                "pk", "draft", "number", "author", "words", "text", "text_sha256"
            )
        }
        assert {pk: rows[pk] for pk in self.frozen} == self.frozen
        self.frozen = rows

    @invariant()
    def nobody_approves_their_own_words(self) -> None:
        for review in Review.everywhere.filter(revision__draft__in=self.states).select_related(
            "revision"
        ):
            assert review.reviewer_id != review.revision.author_id
            assert review.words_by_id == review.revision.author_id


@pytest.mark.django_db
def test_a_drafts_life(settings, house):
    settings.UNDO_SECONDS = UNDO_SECONDS
    Life.house = house
    Life.people = {
        "jo": house.marketer,
        "li": factories.member(house.workspace, Role.MARKETER),
        "ruth": house.manager,
        "sam": house.administrator,
        "kim": factories.member(house.workspace, Role.MANAGER),
    }
    run_state_machine_as_test(
        Life,
        settings=hypothesis.settings(
            max_examples=25,
            stateful_step_count=20,
            deadline=None,
            # A walk that fails is printed as it was: shortening it takes longer than reading it.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_the_table_of_moves_names_every_state_and_rejection_is_an_end():
    assert set(MOVES) == set(DraftState)
    assert MOVES[DraftState.REJECTED] == frozenset({DraftState.ERASED})
    assert MOVES[DraftState.ERASED] == frozenset()
    assert all(state not in following for state, following in MOVES.items())
