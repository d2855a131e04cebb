"""A customer of whom everything is known that can be, with a word of its own in each place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.urls import reverse

from outreach.audit.actions import record
from outreach.customers import actions as customers
from outreach.customers.finding import actions as finding
from outreach.customers.finding.criteria import Criteria
from outreach.customers.invitations import actions as invitations
from outreach.customers.models import (
    Basis,
    Customer,
    EvidenceKind,
    HistoryPerson,
    HistoryRun,
    ImportMemory,
    ImportRefusal,
    ImportRun,
    OptIn,
    Permission,
    SeenMutual,
    Segment,
    Suppression,
    SyncedUser,
    SyncRun,
    SyncToAsk,
)
from outreach.delivery import claim, outcomes
from outreach.delivery.matching import words_key
from outreach.delivery.models import Delivery, SeenBy, SeenDM, SendingPolicy
from outreach.drafts import actions as drafts
from outreach.drafts.models import Decision, Draft
from outreach.ground.clock import now
from outreach.x import events
from outreach.x.client import SentDM
from outreach.x.errors import NeverReason, NeverWill, TryLater, Unknown
from outreach.x.limits import Limits
from outreach.x.models import Via
from outreach.x.payloads import Told
from tests import factories
from tests.customers.imports.importing import uploaded
from tests.x.telling import dm, follow

NUMBERED = "zq{}xv"
GREETING = "Hi {first_name|there}, you asked which ink we use, so here is the recipe, free. "
END = " Would you tell me how it prints? Reply stop and we stop. Have a great day, Jo"


@dataclass
class Known:
    """One person with everything, and the words that only they bring into the database."""

    house: factories.House
    customer: Customer
    words: dict[str, str] = field(default_factory=dict)

    @property
    def needles(self) -> list[str]:
        return [*self.words.values()]


def told(house: factories.House, kind: str, payload: dict[str, Any], about: int | None) -> None:
    """X tells it, it is stored and handed on."""
    event = Told(f"n{factories.unique()}", kind, about, payload)
    for account_id in events.store(house.account.app_id, [event], Via.STREAM).waiting:
        events.handle(account_id)


def everything(house: factories.House, *, suppressed: bool = True) -> Known:
    """Letters in every state but sending, permissions, stops, what X told, audit details, a session."""
    number = factories.unique()
    x_user_id = 7_100_000_000_000_000_000 + number
    person = {
        "x_user_id": str(x_user_id),
        "handle": f"Zqhandle_{number}",
        "name": f"Zsófia Zqname{number}",
        "first_name": f"Zqfirst{number}",
        "time_zone": "Antarctica/Troll",
    }
    words: dict[str, str] = {}

    def word(of: str) -> str:
        return words.setdefault(of, NUMBERED.format(f"{of.replace('_', '')}{number}"))

    # Stopped before they were a customer; lifted below.
    with transaction.atomic():
        customers.suppress_step(house.workspace.pk, x_user_id, word("old_stop"), actor_id=None)
    customer = house.customer(
        **person | {"x_user_id": x_user_id},
        permission=False,
        tags=[word("tag")],
        attributes={word("key"): word("value")},
    )
    known = Known(house, customer, words | person)
    file = customers.File(
        f"{word('file_name')}.txt", EvidenceKind.TEXT, f"They wrote {word('file')}".encode()
    )
    given = customers.Given(now(), word("place"), word("evidence"), file)
    customers.lift_suppression(house.manager, customer.pk, reason=word("lifted"), given=given)
    # As a message heard, and a file's row, leave it.
    for basis in (Basis.WROTE_TO_US, Basis.OPTED_IN):
        withdrawn = Permission.objects.create(
            workspace=house.workspace,
            customer=customer,
            basis=basis,
            given_at=now(),
            evidence=word(f"heard_{basis}"),
        )
    customers.withdraw_permission(house.marketer, withdrawn.pk)
    SendingPolicy.everywhere.filter(pk=house.workspace.pk).update(cap_letters=0)
    _letters(known, word)
    _what_x_told(known, word)
    _what_parts_hold(known, word)
    if suppressed:
        Suppression.objects.create(
            workspace=house.workspace, x_user_id=x_user_id, handle=person["handle"],
            reason=word("stop"),
        )  # fmt: skip
    known.words |= words
    return known


def _words(word: Any, of: str) -> drafts.Words:
    # Behind a hash sign, so that guidance quotes it in the report.
    return drafts.Words(
        f"{GREETING}#{word(of)}{END}",
        why_person=word(f"{of}_person"),
        why_now=word(f"{of}_now"),
        what_they_get=word(f"{of}_get"),
    )


def _submitted(known: Known, word: Any, of: str, disagreement: str = "") -> Any:
    house = known.house
    draft = factories.draft(house, known.customer)
    return drafts.submit(
        house.marketer, draft.pk, version=1, words=_words(word, of), disagreement=disagreement
    ).revision


def _letters(known: Known, word: Any) -> None:
    """Drafts and deliveries in every state that an erasure can find."""
    house, customer = known.house, known.customer
    open_one = factories.draft(house, customer)
    drafts.save(house.marketer, open_one.pk, version=1, words=_words(word, "draft"))
    _submitted(known, word, "in_review")
    spam = factories.draft(house, customer)
    shouting = drafts.Words(f"BUY NOW {word('spam').upper()} LIMITED OFFER!!! FREE FREE CLICK NOW")
    drafts.submit(
        house.marketer, spam.pk, version=1, words=shouting, disagreement=word("disagreement")
    )
    for decision in (Decision.REQUEST_CHANGES, Decision.REJECT):
        revision = _submitted(known, word, decision.value)
        factories.decided(house, revision, decision, word(f"said_{decision.value}"))

    def on_its_way(of: str) -> Delivery:
        return factories.on_its_way(
            factories.decided(house, _submitted(known, word, of), comment=word(f"ok_{of}"))
        )

    def claimed(of: str) -> claim.Claimed:
        on_its_way(of)
        found = claim.claim(house.account.pk)
        assert isinstance(found, claim.Claimed)
        return found

    # What is read again under a newer policy has a report of its own.
    revision = _submitted(known, word, "sent")
    factories.policy(house, brand=f"Ink {factories.unique()}")
    factories.on_its_way(factories.decided(house, revision, comment=word("ok_sent")))
    sent = claim.claim(house.account.pk)
    assert isinstance(sent, claim.Claimed)
    event_id = 9_200_000_000_000_000_000 - factories.unique()
    word_of_event = str(event_id)
    known.words["dm_event_id"] = word_of_event
    outcomes.record_sent(sent, SentDM(event_id, None, Limits(), word("request")))
    SeenDM.objects.create(
        dm_event_id=event_id,
        x_account=house.account,
        recipient_x_user_id=sent.recipient_x_user_id,
        words_sha256=words_key(sent.text),
        stamped_at=now(),
        via=SeenBy.READ,
    )
    contradiction = word("contradiction")
    Delivery.everywhere.filter(pk=sent.delivery_id).update(contradiction=contradiction)
    outcomes.record_not_sent(claimed("failed"), never(NeverReason.SPAM))
    outcomes.record_not_sent(claimed("refused"), never(NeverReason.NO_DMS))
    waiting = claimed("waiting")
    outcomes.record_not_sent(waiting, TryLater("server", status=503))
    cancelled = on_its_way("cancelled")
    drafts.take_back(house.marketer, cancelled.revision.draft_id)
    drafts.submit(
        house.marketer, cancelled.revision.draft_id, version=_version(cancelled),
        words=_words(word, "again"),
    )  # fmt: skip
    customer.relationships.update(followed_by=False)
    on_its_way("blocked")
    held = claim.claim(house.account.pk)
    assert isinstance(held, claim.Held)  # its reason names them
    customer.relationships.update(followed_by=True)
    outcomes.record_not_sent(claimed("unsure"), Unknown("timeout"))
    # One more, approved by a manager whose browser still offers to undo it.
    revision = _submitted(known, word, "approved")
    browser = factories.browser(house.manager)
    review = reverse("drafts:review", args=[house.slug, revision.pk])
    sent_form = {"decision": "approve", "sha256": revision.text_sha256, "comment": ""}
    assert browser.post(review, sent_form).status_code == 302


def _version(delivery: Delivery) -> int:
    return int(Draft.everywhere.get(pk=delivery.revision.draft_id).version)


def never(reason: NeverReason) -> NeverWill:
    error = NeverWill(reason.value, status=403)
    error.reason = reason
    return error


def _what_x_told(known: Known, word: Any) -> None:
    """Follows both ways, messages both ways, one that was read; and one told to nobody."""
    house, brand = known.house, known.house.account.x_user_id
    them = int(known.words["x_user_id"])
    at = now().timestamp()
    told(house, "follow.follow", follow(them, brand), brand)
    told(house, "follow.unfollow", follow(brand, them), brand)
    told(house, "dm.received", dm(3, them, brand, word("dm_in"), at=at), brand)
    told(house, "dm.sent", dm(4, brand, them, word("dm_out"), at=at), brand)
    read = {"sender_id": str(them), "target": {"recipient_id": str(brand)}}
    told(house, "dm.read", {"direct_message_mark_read_events": [read]}, brand)
    told(house, "profile.update", {"user": {"id": str(them), "bio": word("bio")}}, brand)
    told(house, "dm.received", dm(5, them, 42, word("nobodys"), at=at), 42)


def _what_parts_hold(known: Known, word: Any) -> None:
    """An accepted invitation, and what imports, syncs, histories and searches hold of somebody."""
    house, customer = known.house, known.customer
    of: Any = {"workspace": house.workspace}
    _accepted(known, word)
    query = Criteria(q=customer.handle).query
    finding.save_segment(
        house.marketer, name=f"All of {customer.name}", criteria=Criteria(q=customer.name.upper())
    )
    finding.count_exactly(house.marketer, criteria=Criteria(q=customer.handle))
    Segment.objects.create(
        **of, name=f"Near {customer.handle}", query=query, made_by=house.marketer.user
    )
    # One file that waits for what its columns are, and what is left of one that was written.
    uploaded(house, f"handle,name\n{customer.handle},{customer.name}\n")
    file: Any = of | {"size": 1, "sha256": b""}
    ended = ImportRun.objects.create(
        **file,
        file_name=f"{customer.handle}.csv",
        state="done",
        stage="ended",
        header=[customer.handle],
        targets=[f"attribute:{customer.handle.lower()}"],
        shape={"kind": "xlsx", "sheet": customer.name},
        problem=f"@{customer.handle} again",
    )
    ImportRefusal.objects.create(
        **of,
        run=ended,
        line=2,
        reason=f"‘{customer.handle}’ is twice in it",
        cells=[customer.handle, word("left_out")],
    )
    memory, _ = ImportMemory.objects.of(house.manager).get_or_create(workspace=house.workspace)
    memory.columns |= {customer.handle.lower(): "handle"}
    memory.save()
    open_run: Any = of | {"x_account": house.account}
    who: Any = of | {"x_user_id": customer.x_user_id, "handle": customer.handle}
    sync, _ = SyncRun.everywhere.get_or_create(**open_run, kind="lists", state="waiting")
    SyncToAsk.objects.create(**who, run=sync)
    moments: Any = {"name": customer.name, "seen_at": now()}
    SyncedUser.objects.create(**who, **moments, run=sync, reading="followers")
    SeenMutual.objects.create(**who, **moments, x_account=house.account, accepts_dms=True)
    history, _ = HistoryRun.everywhere.get_or_create(
        **open_run, state="waiting", defaults={"most": 5}
    )
    message = 9_110_000_000_000_000_000 - factories.unique()
    known.words["read_dm"] = str(message)
    HistoryPerson.objects.create(
        **who, run=history, name=customer.name, dm_event_id=message, text=word("just_read")
    )
    with transaction.atomic():
        record(
            "suppression.identified", target_kind="suppression", target_id=0,
            workspace_id=house.workspace.pk, details={"x_user_id": str(customer.x_user_id)},
        )  # fmt: skip


def _accepted(known: Known, word: Any) -> None:
    """They send an invitation's word: a permission by X's id of it, and a draft."""
    house, brand = known.house, known.house.account.x_user_id
    invitation = invitations.make(
        house.marketer, account_id=house.account.pk, name="Fair", place="a poster",
        word=f"zw{factories.unique()}", writer_id=house.marketer.user_id,
    )  # fmt: skip
    message = 9_120_000_000_000_000_000 - factories.unique()
    known.words["heard_dm"] = str(message)
    said = f"{invitation.word} {word('accepted')}"
    them = int(known.words["x_user_id"])
    told(house, "dm.received", dm(message, them, brand, said, at=now().timestamp()), brand)
    assert OptIn.objects.of(house.manager).filter(customer=known.customer).count() == 1
