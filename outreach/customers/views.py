"""HTTP of one customer. The list is `finding`'s."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.customers import actions, queries
from outreach.customers.errors import NothingToWithdraw, NotSuppressed, StalePermission
from outreach.customers.forms import LiftForm, PermissionForm, StopForm
from outreach.customers.models import Customer, EvidenceFile, EvidenceKind, Permission

NOBODY = "There is no such customer in this workspace."


@member_view(Act.LOOK)
@require_safe
def person(request: MemberRequest, customer_id: int) -> HttpResponse:
    """One customer: why they may be written to, or not. Their letters are delivery's part."""
    return _page(request, customer_id)


@member_view(Act.LOOK)
@require_safe
def stopped(request: MemberRequest) -> HttpResponse:
    """Everybody who is never written to, and why."""
    page = queries.stopped_page(
        request.member, older=request.GET.get("older", ""), newer=request.GET.get("newer", "")
    )
    rows = queries.stopped_rows(request.member, page.rows)
    return render(request, "customers/stopped.html", {"rows": rows, **page_urls(request, page)})


@member_view(Act.WRITE)
@require_POST
def permit(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Record that this customer opted in."""
    form = PermissionForm(request.POST, request.FILES, auto_id="permission_%s")
    if not form.is_valid():
        return _page(request, customer_id, permission_form=form)
    try:
        actions.record_permission(
            request.member, customer_id, given=form.given(request.member.workspace.zone)
        )
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    messages.success(request, "The permission is recorded.")
    return _back(request, customer_id)


@member_view(Act.WRITE)
@require_POST
def withdraw(request: MemberRequest, permission_id: int) -> HttpResponse:
    """A permission that holds no more."""
    try:
        permission = actions.withdraw_permission(request.member, permission_id)
    except (Permission.DoesNotExist, Customer.DoesNotExist):
        raise Http404("There is no such permission in this workspace.") from None
    except NothingToWithdraw as refused:
        messages.info(request, str(refused))
        found = Permission.objects.of(request.member).get(pk=permission_id)
        return _back(request, found.customer_id)
    messages.success(request, "The permission is withdrawn.")
    return _back(request, permission.customer_id)


@member_view(Act.LOOK)
@require_safe
def evidence(request: MemberRequest, permission_id: int) -> HttpResponse:
    """An evidence file, to be saved: never shown by the browser, and never as anything else."""
    try:
        file = queries.evidence_file(request.member, permission_id)
    except EvidenceFile.DoesNotExist:
        raise Http404("There is no such file in this workspace.") from None
    kind = f"{file.kind}; charset=utf-8" if file.kind == EvidenceKind.TEXT else file.kind
    response = HttpResponse(bytes(file.content), content_type=kind)
    response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@member_view(Act.WRITE)
@require_POST
def stop(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Never write to this customer again; cancels what is queued for them."""
    form = StopForm(request.POST, auto_id="stop_%s")
    if not form.is_valid():
        return _page(request, customer_id, stop_form=form)
    try:
        actions.suppress(request.member, customer_id, reason=form.cleaned_data["reason"])
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    messages.success(request, "Nobody here writes to them again; what was waiting is cancelled.")
    return _back(request, customer_id)


@member_view(Act.REVIEW)
@require_POST
def lift(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Lift a suppression, with a reason and a fresh permission."""
    form = LiftForm(request.POST, request.FILES, auto_id="lift_%s")
    if not form.is_valid():
        return _page(request, customer_id, lift_form=form)
    try:
        actions.lift_suppression(
            request.member,
            customer_id,
            reason=form.cleaned_data["reason"],
            given=form.given(request.member.workspace.zone),
        )
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    except StalePermission as refused:
        form.add_error("given_on", str(refused))
        return _page(request, customer_id, lift_form=form)
    except NotSuppressed as refused:
        messages.info(request, str(refused))
    else:
        messages.success(request, "The stop is lifted. What it cancelled stays cancelled.")
    return _back(request, customer_id)


def _back(request: MemberRequest, customer_id: int) -> HttpResponse:
    return redirect("customers:show", slug=request.member.workspace.slug, customer_id=customer_id)


def _page(
    request: MemberRequest,
    customer_id: int,
    *,
    permission_form: PermissionForm | None = None,
    stop_form: StopForm | None = None,
    lift_form: LiftForm | None = None,
) -> HttpResponse:
    """The person's page; a form that was sent is one that something is wrong with."""
    member = request.member
    try:
        found = queries.person(member, customer_id, member.workspace)
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    if found.erased:
        return render(request, "customers/erasing/erased.html", {"person": found})
    sent = permission_form or stop_form or lift_form
    if found.customer.merged_into_id is not None:
        return redirect(
            "customers:show", slug=member.workspace.slug, customer_id=found.customer.merged_into_id
        )
    page = {
        "person": found,
        # Two of them have a day and a place: their fields keep apart by a prefix of their ids.
        "permission_form": permission_form or PermissionForm(auto_id="permission_%s"),
        "stop_form": stop_form or StopForm(auto_id="stop_%s"),
        "lift_form": lift_form or LiftForm(auto_id="lift_%s"),
        # The summary of errors is of the form that was sent.
        "form": sent or StopForm(),
        "relationships": [
            {
                "mutual": relationship.mutual,
                "words": queries.relationship_words(relationship),
                "checked_at": relationship.known_at,
            }
            for relationship in found.relationships
        ],
        "permissions": queries.permission_rows(member, customer_id, member.workspace.zone),
        "suppression": found.suppression,
        "may_decide": member.may(Act.REVIEW),
        "attributes": [
            (key.replace("_", " "), value)
            for key, value in sorted(found.customer.attributes.items())
        ],
    }
    return render(request, "customers/show.html", page, status=422 if sent else 200)
