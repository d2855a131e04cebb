"""HTTP of what concerns many customers at once: tags, counts, segments."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling

from accounts.access import Act, MemberRequest, member_view
from outreach.customers.finding import actions, queries
from outreach.customers.finding.criteria import Criteria, of_query
from outreach.customers.finding.errors import NameTaken
from outreach.customers.finding.forms import SegmentForm, TagForm, chosen_of, first_error
from outreach.customers.finding.views import address, list_page
from outreach.customers.models import Customer, Segment, Sweep

GONE = "There is no such segment in this workspace."


@member_view(Act.WRITE)
@require_POST
def tag(request: MemberRequest) -> HttpResponseBase:
    """Give a tag to the chosen rows, or to everybody who was found, or take it away.

    Everybody who was found is told in a number before it happens.
    """
    member = request.member
    criteria = of_query(request.POST.get("query", "")[:1000])
    form = TagForm(request.POST)
    everybody = request.POST.get("whom") == "found"
    chosen = chosen_of(request.POST)
    away = request.POST.get("act") == "take"
    if not form.is_valid():
        return _list_again(request, criteria, first_error(form), chosen, nameless=True)
    name = form.cleaned_data["tag"]
    if not everybody:
        if not chosen:
            refused = "Choose people first: tick their rows."
            return _list_again(request, criteria, refused, chosen, nameless=False)
        try:
            changed = actions.tag_chosen(member, chosen, tag=name, away=away)
        except Customer.DoesNotExist:
            raise Http404("There is no such customer in this workspace.") from None
        verb = "no longer have" if away else "now have"
        verb = verb.replace("have", "has") if changed == 1 else verb
        messages.success(request, f"{queries.people_words(changed)} {verb} the tag ‘{name}’.")
        return redirect(address(member, criteria))
    if request.POST.get("sure") != "yes":
        page = {
            "count": queries.count(member, criteria),
            "tag": name,
            "away": away,
            "criteria": criteria,
            "back_url": address(member, criteria),
        }
        return render(request, "customers/finding/tag.html", page)
    sweep = actions.tag_found(member, criteria=criteria, tag=name, away=away)
    return redirect("customers:sweep", slug=member.workspace.slug, sweep_id=sweep.pk)


def _list_again(
    request: MemberRequest, criteria: Criteria, refused: str, chosen: list[int], *, nameless: bool
) -> HttpResponse:
    """The list as it was, with what is to mend; what was ticked and typed is kept."""
    page = list_page(request, criteria)
    page |= {
        "refused": refused,
        # Where it is mended: at the tag, or at the first person to choose.
        "refused_at": "tag-name"
        if nameless or not page["rows"]
        else f"choose-{page['rows'][0].id}",
        "typed_tag": request.POST.get("tag", "")[:100],
        "chosen": chosen,
    }
    return render(request, "customers/list.html", page, status=422)


@member_view(Act.WRITE)
@require_POST
def count(request: MemberRequest) -> HttpResponseBase:
    """Begin to count exactly; a worker does it, its page shows how far it is."""
    member = request.member
    criteria = of_query(request.POST.get("query", "")[:1000])
    sweep = actions.count_exactly(member, criteria=criteria)
    return redirect("customers:sweep", slug=member.workspace.slug, sweep_id=sweep.pk)


@member_view(Act.LOOK)
@require_safe
def sweep(request: MemberRequest, sweep_id: int) -> HttpResponse:
    """How far a count or a tagging is; the part that changes is polled until it has ended."""
    try:
        found = queries.sweep(request.member, sweep_id)
    except Sweep.DoesNotExist:
        raise Http404("There is no such count in this workspace.") from None
    criteria = of_query(found.query)
    page = {
        "sweep": found,
        "criteria": criteria,
        "running": found.is_open,
        "percent": min(99, found.percent or 0),
        "people": queries.people_words(found.found),
        "back_url": address(request.member, criteria),
    }
    if request.htmx:
        part = render(request, "customers/finding/_sweep.html", page)
        return part if page["running"] else HttpResponseStopPolling(part.content)
    return render(request, "customers/finding/sweep.html", page)


@member_view(Act.WRITE)
@require_POST
def stop_sweep(request: MemberRequest, sweep_id: int) -> HttpResponseBase:
    """Stop a count or a tagging."""
    try:
        actions.stop_sweep(request.member, sweep_id)
    except Sweep.DoesNotExist:
        raise Http404("There is no such count in this workspace.") from None
    return redirect("customers:sweep", slug=request.member.workspace.slug, sweep_id=sweep_id)


# --- segments --------------------------------------------------------------------------------


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def segments(request: MemberRequest) -> HttpResponseBase:
    """The saved filters; a post saves one more."""
    member = request.member
    query = (request.POST if request.method == "POST" else request.GET).get("query", "")[:1000]
    criteria = of_query(query)
    form = SegmentForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        if criteria.is_everybody:
            form.add_error(None, "Filter the list first: a segment of everybody says nothing.")
        if form.is_valid():
            name = form.cleaned_data["name"]
            try:
                actions.save_segment(member, name=name, criteria=criteria)
            except NameTaken as refused:
                form.add_error("name", str(refused))
            else:
                messages.success(request, f"The segment ‘{name}’ is saved.")
                return redirect("customers:segments", slug=member.workspace.slug)
        status = 422
    rows = []
    for segment in queries.segments(member):
        saved = of_query(segment.query)
        rows.append({"segment": segment, "criteria": saved, "url": address(member, saved)})
    page = {"rows": rows, "form": form, "criteria": criteria, "query": criteria.query}
    return render(request, "customers/finding/segments.html", page, status=status)


@member_view(Act.LOOK)
@require_safe
def segment_count(request: MemberRequest, segment_id: int) -> HttpResponse:
    """How many are in a segment: a part of the segments' page, or one of its own."""
    member = request.member
    try:
        found = queries.segment(member, segment_id)
    except Segment.DoesNotExist:
        raise Http404(GONE) from None
    criteria = of_query(found.query)
    page = {
        "segment": found,
        "criteria": criteria,
        "count": queries.count(member, criteria),
        "last": queries.last_count(member, found.query),
        "url": address(member, criteria),
    }
    template = "_segment_count.html" if request.htmx else "segment_count.html"
    return render(request, f"customers/finding/{template}", page)


@member_view(Act.WRITE)
@require_POST
def remove_segment(request: MemberRequest, segment_id: int) -> HttpResponseBase:
    """Forget a saved filter."""
    try:
        removed = actions.remove_segment(request.member, segment_id)
    except Segment.DoesNotExist:
        raise Http404(GONE) from None
    messages.success(request, f"The segment ‘{removed.name}’ is removed. Nobody in it changed.")
    return redirect("customers:segments", slug=request.member.workspace.slug)
