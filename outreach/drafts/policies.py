"""HTTP of the guidance policy: everybody reads it, managers set it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.drafts import errors, policy, policy_actions, policy_queries
from outreach.drafts.policy_forms import PolicyForm
from outreach.guidance.policy import Policy


@member_view(Act.LOOK)
@require_safe
def show(request: MemberRequest) -> HttpResponse:
    """What the workspace's letters are read under; a form for whoever may set it."""
    current = policy_queries.policy_of(request.member)
    return _page(request, current, PolicyForm(policy=current))


@member_view(Act.REVIEW)
@require_POST
def change(request: MemberRequest) -> HttpResponse:
    """Set the policy: a new version of it, where anything is different."""
    member = request.member
    current = policy_queries.policy_of(member)
    form = PolicyForm(request.POST, policy=current)
    if not form.is_valid():
        return _page(request, current, form, status=422)
    version = form.cleaned_data["version"]
    try:
        made = policy_actions.change_policy(member, version=version, to=form.changed_policy())
    except errors.PolicyChanged as refused:
        form.add_error(None, str(refused))
        # Saving once more is meant: it goes by the version that the history now shows.
        return _page(request, current, form, version=current.version, status=409)
    if made is None:
        messages.info(request, "Nothing is different, so the policy stays as it is.")
    else:
        messages.success(request, f"Version {made.version} of the policy holds from now on.")
    return redirect("drafts:policy", slug=member.workspace.slug)


def _page(
    request: MemberRequest,
    current: Policy,
    form: PolicyForm,
    *,
    version: int | None = None,
    status: int = 200,
) -> HttpResponse:
    member = request.member
    versions = policy_queries.policy_versions(
        member, older=request.GET.get("older", ""), newer=request.GET.get("newer", "")
    )
    page: dict[str, Any] = {
        "policy": current,
        "brand": current.brand or member.workspace.name,
        "set_rules": [
            (policy.title_of(rule), policy.LEVEL_WORDS[level])
            for rule, level in sorted(current.severities.items())
        ],
        "exceptions": [(policy.exception_words(each), each.reason) for each in current.exceptions],
        "always": policy.always(),
        "may_change": member.may(Act.REVIEW),
        "form": form,
        "version": form["version"].value() if version is None else version,
        "versions": versions.rows,
        "disagreements": policy_queries.disagreements(member),
        **page_urls(request, versions),
    }
    return render(request, "drafts/policy.html", page, status=status)
