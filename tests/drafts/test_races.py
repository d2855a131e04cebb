"""Two at once, for real: threads with connections of their own."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from outreach.customers.actions import suppress
from outreach.delivery.models import Delivery
from outreach.drafts import actions, errors
from outreach.drafts.models import Decision, Draft, Review
from tests import factories
from tests.factories import WORDS

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts) -> list[object]:
    """What each act answered or raised, all begun at the same moment."""
    answers: list[object] = [None] * len(acts)
    ready = threading.Barrier(len(acts))

    def run(number: int) -> None:
        try:
            ready.wait(20)
            answers[number] = acts[number]()
        except Exception as error:
            answers[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def between(monkeypatch, name: str, act) -> None:
    """Run `act` once, in a thread of its own, just before actions.`name` is called."""
    real = getattr(actions, name)
    done: list[bool] = []

    def first(*args, **kwargs):
        if not done:
            done.append(True)
            at_once(act)
        return real(*args, **kwargs)

    monkeypatch.setattr(actions, name, first)


def decide(member, revision, decision=Decision.APPROVE):
    return lambda: actions.decide(
        member, revision.pk, decision=decision, text_sha256=revision.text_sha256, comment="so"
    )


@pytest.fixture
def house(transactional_db):
    return factories.house()


@pytest.mark.parametrize("second", list(Decision))
def test_of_two_managers_at_once_exactly_one_decides(house, second):
    for _ in range(3):
        revision = factories.submitted(house)
        answers = at_once(
            decide(house.manager, revision), decide(house.administrator, revision, second)
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["AlreadyDecided", "Review"]
        (review,) = Review.everywhere.filter(revision=revision)
        letters = Delivery.everywhere.filter(revision=revision).count()
        assert letters == (review.decision == Decision.APPROVE)


def test_who_read_before_the_other_decided_decides_after_it(house, monkeypatch):
    """The injection point: after the first look, before the lock."""
    revision = factories.submitted(house)
    between(monkeypatch, "_lock", decide(house.administrator, revision, Decision.REJECT))
    with pytest.raises(errors.AlreadyDecided, match="Sam Keeper decided on this letter: Rejected"):
        decide(house.manager, revision)()
    assert Draft.everywhere.get().state == "rejected"
    assert Delivery.everywhere.count() == 0


def test_words_that_were_taken_back_meanwhile_are_not_approved(house, monkeypatch):
    revision = factories.submitted(house)
    between(monkeypatch, "_lock", lambda: actions.take_back(house.marketer, revision.draft_id))
    with pytest.raises(errors.AlreadyDecided, match="took this letter back"):
        decide(house.manager, revision)()
    assert (Draft.everywhere.get().state, Delivery.everywhere.count()) == ("draft", 0)


def test_words_that_were_replaced_meanwhile_are_not_approved(house, monkeypatch):
    revision = factories.submitted(house)

    def replace():
        draft = actions.take_back(house.marketer, revision.draft_id)
        actions.submit(
            house.marketer,
            draft.pk,
            version=draft.version,
            words=actions.Words(WORDS + " and more"),
        )

    between(monkeypatch, "_lock", replace)
    with pytest.raises(errors.AlreadyDecided, match="newer words"):
        decide(house.manager, revision)()
    assert Delivery.everywhere.count() == 0


def test_approving_and_taking_back_at_once_leave_one_story(house):
    for _ in range(4):
        revision = factories.submitted(house)
        at_once(
            decide(house.manager, revision),
            lambda revision=revision: actions.take_back(house.marketer, revision.draft_id),
        )
        draft = Draft.everywhere.get(pk=revision.draft_id)
        live = Delivery.everywhere.filter(revision=revision, state="queued").count()
        assert (draft.state, live) == ("draft", 0)


def test_undoing_and_taking_back_at_once(house):
    for _ in range(3):
        revision = factories.submitted(house)
        decide(house.manager, revision)()
        at_once(
            lambda revision=revision: actions.undo_approval(house.manager, revision.pk),
            lambda revision=revision: actions.take_back(house.marketer, revision.draft_id),
        )
        draft = Draft.everywhere.get(pk=revision.draft_id)
        states = list(Delivery.everywhere.filter(revision=revision).values_list("state", flat=True))
        assert (draft.state, states) == ("draft", ["cancelled"])


def test_of_two_saves_at_once_one_is_told(house):
    for _ in range(3):
        draft = factories.draft(house)
        answers = at_once(
            *(
                lambda draft=draft, text=text: actions.save(
                    house.marketer, draft.pk, version=1, words=actions.Words(text)
                )
                for text in ("one", "two")
            )
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["Draft", "SavedElsewhere"]
        draft.refresh_from_db()
        assert draft.version == 2
        assert draft.words == ("one" if isinstance(answers[0], Draft) else "two")


def test_of_two_submissions_at_once_one_is_made(house):
    draft = factories.draft(house)
    answers = at_once(
        *[lambda: actions.submit(house.marketer, draft.pk, version=1, words=actions.Words(WORDS))]
        * 3
    )
    assert sorted(type(answer).__name__ for answer in answers) == [
        "NotEditable",
        "NotEditable",
        "Submitted",
    ]
    assert draft.revisions.count() == 1


def test_a_stop_and_an_approval_at_once_leave_nothing_on_its_way(house):
    for _ in range(3):
        revision = factories.submitted(house)
        at_once(
            decide(house.manager, revision),
            lambda revision=revision: suppress(
                house.marketer, revision.customer_id, reason="said stop"
            ),
        )
        # Which came first decides whether a delivery was made; if one was, the claim's gate and
        # the stop's cancellation see to it that it does not leave.
        states = set(Delivery.everywhere.filter(revision=revision).values_list("state", flat=True))
        assert states <= {"cancelled", "queued"}
