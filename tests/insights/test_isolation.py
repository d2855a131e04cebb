"""No page of one workspace shows a word of another, whatever is asked for."""

from __future__ import annotations

import pytest
from django.urls import reverse

from outreach.customers.actions import suppress
from outreach.customers.finding import actions as finding
from outreach.customers.finding.criteria import Criteria
from outreach.customers.history import actions as history
from outreach.customers.invitations import actions as invitations
from outreach.customers.models import HistoryRun, Invitation, OptIn, Permission, Segment, Sweep
from outreach.delivery.models import Pause
from outreach.drafts import actions as drafts
from outreach.drafts.models import Campaign, Decision
from outreach.ground.clock import now
from outreach.x.models import XApp
from tests import factories
from tests.accounts.test_access import BELOW
from tests.customers.imports.importing import counted
from tests.factories import WORDS

pytestmark = pytest.mark.django_db
SECRET = "kept-elsewhere"


@pytest.fixture
def two(house):
    """A workspace with one of everything, and another that says SECRET wherever words can stand."""
    other = factories.house()
    type(other.workspace).objects.filter(pk=other.workspace.pk).update(name=f"Brand {SECRET}")
    type(other.account).everywhere.filter(pk=other.account.pk).update(handle=SECRET, name=SECRET)
    for member in (other.marketer, other.manager):
        type(member.user).objects.filter(pk=member.user_id).update(name=f"Mole {SECRET}")
    for of, word in ((house, "here"), (other, SECRET)):
        # The same people on X: what joins by their ids must still stay apart.
        people = [
            of.customer(
                x_user_id=4000 + number,
                name=f"Maria {word}",
                handle=f"m{number}",
                tags=[word],
                attributes={word: word},
            )
            for number in range(5)
        ]
        words = f"{WORDS} {word}"
        factories.submitted(of, people[0], words=words)
        factories.delivery(of, people[1])
        factories.decided(
            of, factories.submitted(of, people[2], words=words), Decision.REQUEST_CHANGES, word
        )
        factories.decided(of, factories.submitted(of, people[3], words=words))
        factories.policy(of, avoid=(word,), brand=f"Brand {word}")
        draft = factories.draft(of, people[4])
        drafts.save(of.marketer, draft.pk, version=1, words=drafts.Words(words, word, word, word))
        suppress(of.marketer, people[4].pk, reason=f"said {word}")
        of.customer(x_user_id=4005, name=f"Maria {word}", handle="m5", following=False)
        invitation = invitations.make(
            of.marketer,
            account_id=of.account.pk,
            name=word,
            place=word,
            word="fox",
            writer_id=of.marketer.user_id,
            starting_words=word,
        )
        OptIn.objects.create(
            workspace=of.workspace, invitation=invitation, customer=people[0], at=now()
        )
        history.start(of.administrator, of.account.pk, most=5)
        HistoryRun.everywhere.filter(workspace=of.workspace).update(waits_for=word)
        XApp.objects.create(workspace=of.workspace, name=f"App {word}", client_id=f"client-{word}")
        Campaign.objects.create(workspace=of.workspace, name=word, author=of.marketer.user)
        Pause.objects.create(workspace=of.workspace, reason=word)
        finding.save_segment(of.marketer, name=word, criteria=Criteria(q=word))
        finding.count_exactly(of.marketer, criteria=Criteria(q=word))
        counted(of, f"handle,name,{word}\nana,{word},{word}\n-,{word},{word}\n", f"{word}.csv")
    return house, other


def test_no_page_leaks(two):
    house, _ = two
    from outreach.customers.models import ImportRun
    from outreach.delivery.models import Delivery
    from outreach.drafts.models import Draft, Revision

    ids = {
        "campaign_id": Campaign.objects.of(house.marketer).values_list("pk", flat=True),
        "draft_id": Draft.objects.of(house.marketer).values_list("pk", flat=True),
        "revision_id": Revision.objects.of(house.marketer).values_list("pk", flat=True),
        "customer_id": [customer.pk for customer in house.customers],
        "account_id": [house.account.pk],
        "delivery_id": Delivery.objects.of(house.marketer).values_list("pk", flat=True),
        "invitation_id": Invitation.objects.of(house.marketer).values_list("pk", flat=True),
        "run_id": HistoryRun.objects.of(house.marketer).values_list("pk", flat=True),
        "app_id": [XApp.objects.get(workspace=house.workspace).pk],
        "permission_id": Permission.objects.of(house.marketer).values_list("pk", flat=True),
        "import_id": ImportRun.objects.of(house.marketer).values_list("pk", flat=True),
        "segment_id": Segment.objects.of(house.marketer).values_list("pk", flat=True),
        "sweep_id": Sweep.objects.of(house.marketer).values_list("pk", flat=True),
    }
    browser = factories.browser(house.administrator)
    shown = 0
    for route, name, _ in BELOW:
        names = [key for key in ids if f"<int:{key}>" in route]
        for number in ids[names[0]] if names else [None]:
            given = {names[0]: number} if names else {}
            url = reverse(name, kwargs={"slug": house.slug} | given)
            said = ({"q": SECRET[:9]}, {"q": "Maria"}, {"q": "m"}, {"who": "Maria"})
            for query in ({}, *said):
                response = browser.get(url, query)
                if response.status_code == 200:
                    shown += 1
                    # Evidence and codes are no text.
                    assert SECRET.encode() not in response.getvalue(), url
                if names or response.status_code != 200:
                    break
    assert shown > 30


def test_the_other_workspace_would_have_shown_it(two):
    """The negative test holds data that could leak."""
    _, other = two
    browser = factories.browser(other.administrator)
    for name in (
        "drafts:list",
        "drafts:queue",
        "customers:list",
        "customers:invitations",
        "customers:follow_back",
        "customers:imports",
        "customers:export",
        "accounts:settings",
        "insights:today",
        "delivery:schedule",
        "delivery:week",
    ):
        url = reverse(name, args=[other.slug])
        assert SECRET in browser.get(url).getvalue().decode(), name
