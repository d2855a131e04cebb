"""HTTP of the sending policy: everybody reads it, managers set it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from outreach.delivery import policy, policy_actions
from outreach.delivery.policy import Rules
from outreach.delivery.policy_forms import SendingPolicyForm


@member_view(Act.LOOK)
@require_safe
def show(request: MemberRequest) -> HttpResponse:
    """When, and how often, customers are written to; a form for whoever may set it."""
    rules = policy.rules_of(request.member)
    return _page(request, rules, SendingPolicyForm(rules=rules))


@member_view(Act.REVIEW)
@require_POST
def change(request: MemberRequest) -> HttpResponse:
    """Set the policy."""
    member = request.member
    rules = policy.rules_of(member)
    form = SendingPolicyForm(request.POST, rules=rules)
    if not form.is_valid():
        return _page(request, rules, form, seen=form["seen"].value(), status=422)
    try:
        changes = policy_actions.change_sending_policy(
            member, seen=form.cleaned_data["seen"], to=form.rules()
        )
    except policy_actions.PolicyChanged as refused:
        form.add_error(None, str(refused))
        # Saving once more is meant: it goes by what holds now.
        return _page(request, rules, form, status=409)
    if changes:
        messages.success(request, "The policy holds from now on.")
    else:
        messages.info(request, "Nothing is different, so the policy stays as it is.")
    return redirect("delivery:policy", slug=member.workspace.slug)


def _page(
    request: MemberRequest,
    rules: Rules,
    form: SendingPolicyForm,
    *,
    seen: str | None = None,
    status: int = 200,
) -> HttpResponse:
    page = {
        "rules": rules,
        "form": form,
        "seen": rules.digest if seen is None else seen,
        "may_change": request.member.may(Act.REVIEW),
    }
    return render(request, "delivery/policy.html", page, status=status)
