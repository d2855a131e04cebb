"""HTTP of what people do to letters on their way: stop, move, try again, decide."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery import (
    actions,
    decisions,
    queries,
    schedule_queries,
)
from outreach.delivery.forms import MINE, RescheduleForm
from outreach.delivery.going_back import named, to_letter, to_schedule
from outreach.delivery.models import OPEN, Delivery
from outreach.drafts.models import Campaign
from outreach.ground.clock import now
from outreach.ground.templatetags.house import relative_words

NO_LETTER = "There is no such letter in this workspace."
NO_CAMPAIGN = "There is no such campaign in this workspace."


@member_view(Act.WRITE)
@require_POST
def cancel(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """Stop a letter that has not left."""
    delivery = _delivery(request, delivery_id)
    said = f"The letter to {delivery.customer.name} is cancelled; it does not leave."
    return _act(request, delivery, partial(actions.cancel, request.member, delivery_id), said)


@member_view(Act.WRITE)
@require_POST
def try_again(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """Send a blocked letter back to the queue."""
    delivery = _delivery(request, delivery_id)
    said = "It is on its way again, if nothing holds it."
    return _act(request, delivery, partial(actions.try_again, request.member, delivery_id), said)


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def reschedule(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """Give a letter that has not left another day and time."""
    delivery = _delivery(request, delivery_id)
    form_of = partial(
        RescheduleForm,
        mine=ZoneInfo(str(timezone.get_current_timezone())),
        theirs=delivery.customer.zone(request.member.workspace.zone),
        who=delivery.customer.first_name or delivery.customer.name,
        known=bool(delivery.customer.time_zone),
    )
    if request.method != "POST":
        # A time that is over is no proposal.
        due_at = delivery.due_at if delivery.due_at > now() else None
        form = form_of(initial={"due_at": due_at, "clock": MINE})
        return _reschedule_page(request, delivery, form)
    form = form_of(request.POST)
    if not form.is_valid():
        return _reschedule_page(request, delivery, form, status=422)
    due_at = form.cleaned_data["due_at"]
    when = relative_words(timezone.localtime(due_at), timezone.localtime(now()))
    said = f"The letter to {delivery.customer.name} leaves {when} your time, if nothing holds it."
    move = partial(actions.reschedule, request.member, delivery_id, due_at)
    return _act(request, delivery, move, said)


@member_view(Act.REVIEW)
@require_POST
def arrived(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """A manager found an unsure letter in the conversation at X."""
    delivery = _delivery(request, delivery_id)
    shown = request.POST.get("message", "")
    if shown and not (shown.isascii() and shown.isdecimal() and len(shown) < 20):
        raise Http404("X shows no such message.")
    claim = partial(
        decisions.it_arrived, request.member, delivery_id, int(shown) if shown else None
    )
    said = f"The letter to {delivery.customer.name} counts as sent."
    return _act(request, delivery, claim, said)


@member_view(Act.REVIEW)
@require_POST
def send_again(request: MemberRequest, delivery_id: int) -> HttpResponse:
    """A manager has an unsure letter sent again, knowing that it may arrive twice."""
    delivery = _delivery(request, delivery_id)
    said = f"The letter to {delivery.customer.name} is sent again."
    return _act(request, delivery, partial(decisions.send_again, request.member, delivery_id), said)


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_campaign(request: MemberRequest, campaign_id: int) -> HttpResponse:
    """Stop all letters of a campaign that have not left; asks once, with how many those are."""
    member = request.member
    try:
        campaign = schedule_queries.campaign(member, campaign_id)
        if request.method != "POST":
            page = {
                "campaign": campaign,
                "count": schedule_queries.waiting_of_campaign(member, campaign_id),
                "next": named(request),
            }
            return render(request, "delivery/cancel_campaign.html", page)
        count = actions.cancel_campaign(member, campaign_id)
    except Campaign.DoesNotExist:
        raise Http404(NO_CAMPAIGN) from None
    if count:
        letters = "letter is" if count == 1 else "letters are"
        messages.success(
            request, f"{count:,} {letters} cancelled: all of {campaign.name} that had not left."
        )
    else:
        messages.success(request, f"Nothing of {campaign.name} was left to cancel.")
    return to_schedule(request)


def _act(
    request: MemberRequest, delivery: Delivery, act: Callable[[], object], said: str
) -> HttpResponse:
    """Do it and say so, or say why it cannot be done."""
    try:
        act()
    except actions.CannotMove as refused:
        messages.error(request, str(refused))
    except Delivery.DoesNotExist:
        raise Http404(NO_LETTER) from None
    else:
        messages.success(request, said)
    return to_letter(request, delivery.revision.draft_id)


def _reschedule_page(
    request: MemberRequest, delivery: Delivery, form: RescheduleForm, *, status: int = 200
) -> HttpResponse:
    page = {
        "delivery": delivery,
        "form": form,
        "is_open": delivery.state in OPEN,
        "next": named(request),
    }
    return render(request, "delivery/reschedule.html", page, status=status)


def _delivery(request: MemberRequest, delivery_id: int) -> Delivery:
    try:
        return queries.delivery(request.member, delivery_id)
    except Delivery.DoesNotExist:
        raise Http404(NO_LETTER) from None
