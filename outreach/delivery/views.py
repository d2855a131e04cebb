"""HTTP of letters on their way: the schedule, and one letter's page."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseStopPolling

from accounts.access import Act, Member, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.customers import queries as customers
from outreach.customers.models import Customer
from outreach.delivery import forecasting, letter_queries, queries, schedule_queries
from outreach.delivery.filters import Filters, number_in
from outreach.delivery.holds import Holds, holds_in, holds_of
from outreach.drafts import queries as drafts
from outreach.drafts.models import Campaign, Draft, DraftState
from outreach.ground.clock import now
from outreach.x.models import AccountState, XAccount
from outreach.x.queries import accounts_of

# As often as the rows of the schedule are looked at again, in seconds.
POLL_SECONDS = 5
MOST_ROWS = 100


@member_view(Act.LOOK)
@require_safe
def schedule(request: MemberRequest) -> HttpResponse:
    """Letters by state, each with its reason in plain words, and what holds them."""
    member = request.member
    accounts = accounts_of(member)
    holds = holds_in(member, accounts, now())
    filters = Filters.of(request.GET)
    sought = schedule_queries.people_like(member, filters.who)
    page = schedule_queries.page_of(
        member,
        filters,
        holds,
        sought,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    rows = schedule_queries.rows_of(
        member, page.rows, holds, forecasting.for_page(member, page.rows)
    )
    campaigns = schedule_queries.campaigns_of(member)
    campaign = next((each for each in campaigns if each.pk == filters.campaign), None)
    here = reverse("delivery:schedule", args=[member.workspace.slug])
    context = {
        "rows": rows,
        "tabs": schedule_queries.tabs_of(member, filters, holds, sought),
        "holds": list(holds),
        "filters": filters,
        "sought": sought,
        "x_accounts": accounts,
        "campaigns": campaigns,
        "campaign": campaign,
        "empty_words": schedule_queries.EMPTY.get(filters.state, schedule_queries.EMPTY[""]),
        "all_url": Filters(state=filters.state).address(here),
        "week_url": Filters(account=filters.account, campaign=filters.campaign).address(
            reverse("delivery:week", args=[member.workspace.slug])
        ),
        "poll_seconds": POLL_SECONDS,
        "tab_soonest": filters.state in ("", "waiting"),
        "may_pause": member.may(Act.REVIEW),
        "pausable": _pausable(member, accounts, campaign, holds),
        "next": request.get_full_path(),
        **page_urls(request, page),
    }
    return render(request, "delivery/schedule.html", context)


@member_view(Act.LOOK)
@require_safe
def rows(request: MemberRequest) -> HttpResponse:
    """Rows of the schedule as they stand now, polled by it; ends when none of them can change."""
    member = request.member
    accounts = accounts_of(member)
    holds = holds_in(member, accounts, now())
    filters = Filters.of(request.GET)
    sought = schedule_queries.people_like(member, filters.who)
    asked = request.GET.getlist("ids")[:MOST_ROWS]
    ids = [number for number in map(number_in, asked) if number]
    letters = schedule_queries.deliveries(member, ids)
    found = schedule_queries.rows_of(member, letters, holds, forecasting.for_page(member, letters))
    here = filters.address(reverse("delivery:schedule", args=[member.workspace.slug]))
    context = {
        "rows": found,
        "tabs": schedule_queries.tabs_of(member, filters, holds, sought),
        "holds": list(holds),
        "may_pause": member.may(Act.REVIEW),
        "next": request.htmx.current_url_abs_path or here,
    }
    response = render(request, "delivery/_rows.html", context)
    if not any(row.changes for row in found):
        return HttpResponseStopPolling(response.content)
    return response


@member_view(Act.LOOK)
@require_safe
def forecast(request: MemberRequest) -> HttpResponse:
    """When the last of what is queued leaves and what it costs: a line that the schedule fetches."""
    filters = Filters.of(request.GET)
    try:
        group = forecasting.forecast_queued(
            request.member, campaign_id=filters.campaign, most=forecasting.FOR_A_PAGE
        )
    except Campaign.DoesNotExist:
        raise Http404("There is no such campaign in this workspace.") from None
    price = f"${group.price.quantize(Decimal('0.01'), rounding=ROUND_CEILING):,}"
    return render(request, "delivery/_forecast.html", {"group": group, "price": price})


def _pausable(
    member: Member, accounts: list[XAccount], campaign: Campaign | None, holds: Holds
) -> list[dict[str, str]]:
    """What could be paused from here, and is not: each with the address that does it."""
    slug = member.workspace.slug
    found = []
    if campaign and campaign.pk not in holds.campaigns:
        url = reverse("delivery:pause_campaign", args=[slug, campaign.pk])
        found.append({"words": f"Pause the campaign {campaign.name}", "url": url})
    for account in accounts:
        if account.state == AccountState.CONNECTED:
            url = reverse("delivery:pause_account", args=[slug, account.pk])
            found.append({"words": f"Pause letters from @{account.handle}", "url": url})
    if not any(hold.kind == "workspace" for hold in holds):
        url = reverse("delivery:pause_all", args=[slug])
        found.append({"words": "Pause all letters", "url": url})
    return found


@member_view(Act.LOOK)
@require_safe
def letter(request: MemberRequest, draft_id: int) -> HttpResponse:
    """One letter: the words, what was said about it, and each step of its way."""
    member = request.member
    draft = _draft(request, draft_id)
    revision = drafts.latest_revision(member, draft.pk)
    own = draft.author_id == member.user_id
    if draft.is_editable and own:
        return redirect("drafts:compose", slug=member.workspace.slug, draft_id=draft.pk)
    reviews = drafts.reviews_of(member, draft.pk)
    standing = next(
        (r for r in reviews if revision and r.revision_id == revision.pk and r.undone_at is None),
        None,
    )
    way = letter_queries.way_of(member, draft)
    unsure = letter_queries.unsure_of(way)
    may = {"decide"} if unsure and member.may(Act.REVIEW) else set()
    if own and draft.state in (DraftState.IN_REVIEW, DraftState.APPROVED):
        gone = way.delivery is not None and way.delivery.state in ("sending", "sent", "uncertain")
        may |= set() if gone else {"edit"}
    review_url = ""
    if revision and draft.state == DraftState.IN_REVIEW and not own and member.may(Act.REVIEW):
        may.add("review")
        review_url = reverse("drafts:review", args=[member.workspace.slug, revision.pk])
    holds = Holds(now(), whole=(way.hold,) if way.hold else ())
    row = schedule_queries.rows_of(member, [way.delivery] if way.delivery else [], holds)
    page = {
        "draft": draft,
        "letter": drafts.letter(revision, None, standing) if revision else None,
        "brief": revision or draft,
        "person": customers.person(member, draft.customer_id, member.workspace),
        "reviews": drafts.said(reviews),
        "steps": way.steps,
        "state_words": way.state_words,
        "delivery": row[0] if row else None,
        "unsure": unsure,
        "poll": not way.is_final,
        "may": may,
        "review_url": review_url,
    }
    return render(request, "delivery/letter.html", page)


@member_view(Act.LOOK)
@require_safe
def steps(request: MemberRequest, draft_id: int) -> HttpResponse:
    """The steps alone, polled by the letter's page; ends the polling when none follows."""
    way = letter_queries.way_of(request.member, _draft(request, draft_id))
    part = {"steps": way.steps, "state_words": way.state_words}
    response = render(request, "delivery/_steps.html", part)
    if way.is_final:
        return HttpResponseStopPolling(response.content)
    return response


@member_view(Act.LOOK)
@require_safe
def to_person(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Letters to one customer: a part of their page."""
    member = request.member
    try:
        person = customers.person(member, customer_id, member.workspace)
    except Customer.DoesNotExist:
        raise Http404("There is no such customer in this workspace.") from None
    holds = holds_of(member, now())
    found = queries.letters_to(member, customer_id)
    letters = schedule_queries.rows_of(member, found, holds)
    return render(
        request,
        "delivery/_to_person.html" if request.htmx else "delivery/to_person.html",
        {"person": person, "letters": letters},
    )


def _draft(request: MemberRequest, draft_id: int) -> Draft:
    try:
        return drafts.draft(request.member, draft_id)
    except Draft.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None
