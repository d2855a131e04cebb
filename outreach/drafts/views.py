"""HTTP of the composer: choosing a person, writing, reading along, submitting."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import Act, MemberRequest, member_view
from accounts.pages import page_urls
from outreach.customers import queries as customers
from outreach.customers.finding import queries as finding
from outreach.customers.models import Customer
from outreach.drafts import actions, errors, leaving, queries
from outreach.drafts.forms import ComposeForm
from outreach.drafts.models import Decision, Draft, DraftState
from outreach.drafts.policy_queries import terms_of
from outreach.drafts.reading import DraftReading, read_words
from outreach.guidance.policy import stop_line
from outreach.x import queries as x_queries
from outreach.x.models import XAccount

# What X takes in one message. Source: X's API reference, POST …/messages, August 2026.
X_LIMIT = 10_000


@member_view(Act.LOOK)
@require_safe
def letters(request: MemberRequest) -> HttpResponse:
    """All letters of the workspace, by state."""
    state = request.GET.get("state", "")
    state = state if state in DraftState.values else ""
    page = queries.drafts_page(
        request.member,
        state=state,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
    )
    return render(
        request,
        "drafts/list.html",
        {
            "rows": queries.draft_rows(request.member, page.rows),
            "tabs": queries.state_tabs(request.member, state),
            **page_urls(request, page),
        },
    )


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: MemberRequest) -> HttpResponse:
    """Who is it for? Choosing a person makes a draft."""
    member = request.member
    if request.method == "POST":
        return _start(request)
    q = request.GET.get("q", "")[:100]
    page = finding.search(
        member,
        q=q,
        older=request.GET.get("older", ""),
        newer=request.GET.get("newer", ""),
        size=25,
    )
    people = [
        {
            "id": person.id,
            "name": person.name,
            "handle": person.handle,
            "initials": person.initials,
            "may": person.may_be_written_to,
            "why_not": " ".join(person.why_not),
            "relationship_words": person.relationship_words,
            "permission_words": person.permission_words,
        }
        for person in customers.people(member, page.rows, member.workspace)
    ]
    return render(
        request, "drafts/new.html", {"q": q, "people": people, **page_urls(request, page)}
    )


def _start(request: MemberRequest) -> HttpResponse:
    member = request.member
    accounts = x_queries.accounts_of(member)
    if not accounts:
        messages.error(request, "No X account is connected yet, so nobody can be written to.")
        return redirect("drafts:new", slug=member.workspace.slug)
    try:
        draft = actions.start(
            member,
            customer_id=_number(request.POST.get("customer", "")),
            x_account_id=accounts[0].pk,
        )
    except (Customer.DoesNotExist, XAccount.DoesNotExist):
        raise Http404("There is no such customer in this workspace.") from None
    except errors.CannotBeWrittenTo as refused:
        messages.error(request, str(refused))
        return redirect("drafts:new", slug=member.workspace.slug)
    return redirect("drafts:compose", slug=member.workspace.slug, draft_id=draft.pk)


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def compose(request: MemberRequest, draft_id: int) -> HttpResponse:
    """Write one letter. A plain post saves, applies a fix, or submits; it loses nothing."""
    draft = _draft(request, draft_id)
    if not draft.is_editable or draft.author_id != request.member.user_id:
        if request.method == "POST":
            _say_not_saved(request, draft)
        return redirect("delivery:letter", slug=request.member.workspace.slug, draft_id=draft.pk)
    if request.method != "POST":
        return _composer(
            request, draft, ComposeForm.of(draft, leaving.their_zone(request.member, draft))
        )
    form = ComposeForm(request.POST, theirs=leaving.their_zone(request.member, draft))
    if not form.is_valid():
        return _composer(request, draft, form, status=422)
    if request.POST.get("act") == "submit":
        return _submit(request, draft, form)
    return _save(request, draft, form)


@member_view(Act.WRITE)
@require_POST
def read(request: MemberRequest, draft_id: int) -> HttpResponse:
    """Keep what was typed and answer with what guidance says: the parts of the page that change."""
    draft = _draft(request, draft_id)
    form = ComposeForm(request.POST, theirs=leaving.their_zone(request.member, draft))
    if not form.is_valid():
        typed = str(request.POST.get("text", ""))
        conflict = " ".join(str(error) for errors_ in form.errors.values() for error in errors_)
        return _parts(request, draft, typed, conflict=conflict, refused=True, status=422)
    words = form.typed()
    try:
        draft = actions.save(
            request.member, draft.pk, version=form.cleaned_data["version"], words=words
        )
    except errors.SavedElsewhere as refused:
        return _parts(request, draft, words.words, conflict=str(refused), status=409)
    except (errors.NotEditable, errors.NotYours) as refused:
        return _parts(request, draft, words.words, conflict=str(refused), refused=True, status=409)
    return _parts(request, draft, draft.words)


@member_view(Act.WRITE)
@require_POST
def withdraw(request: MemberRequest, draft_id: int) -> HttpResponse:
    """Its author takes a letter back to edit it."""
    draft = _draft(request, draft_id)
    slug = request.member.workspace.slug
    try:
        actions.take_back(request.member, draft.pk)
    except errors.DraftRefused as refused:
        messages.error(request, str(refused))
        return redirect("delivery:letter", slug=slug, draft_id=draft.pk)
    return redirect("drafts:compose", slug=slug, draft_id=draft.pk)


def _draft(request: MemberRequest, draft_id: int) -> Draft:
    try:
        return queries.draft(request.member, draft_id)
    except Draft.DoesNotExist:
        raise Http404("There is no such letter in this workspace.") from None


def _save(request: MemberRequest, draft: Draft, form: ComposeForm) -> HttpResponse:
    """Save, and make a fix where one was asked for without a script."""
    words = form.typed()
    fix = _number(request.POST.get("fix", ""))
    if fix:
        reading = _read(request, draft, words.words)
        chosen = next((f.fix for f in reading.findings if f.number == fix and f.fix), None)
        if chosen:
            mended = words.words[: chosen.start] + chosen.replacement + words.words[chosen.end :]
            words = replace(words, words=mended)
    try:
        actions.save(request.member, draft.pk, version=form.cleaned_data["version"], words=words)
    except errors.DraftRefused as refused:
        form.add_error(None, str(refused))
        return _composer(request, draft, form, status=409)
    return redirect("drafts:compose", slug=request.member.workspace.slug, draft_id=draft.pk)


def _submit(request: MemberRequest, draft: Draft, form: ComposeForm) -> HttpResponse:
    if form.refuse_past():
        return _composer(request, draft, form, status=422)
    member = request.member
    try:
        submitted = actions.submit(
            member,
            draft.pk,
            version=form.cleaned_data["version"],
            words=form.typed(),
            disagreement=form.cleaned_data["disagreement"],
        )
    except errors.DisagreementNeeded as refused:
        form.add_error("disagreement", str(refused))
        return _composer(request, draft, form, status=422)
    except errors.SavedElsewhere as refused:
        form.add_error(None, str(refused))
        return _composer(request, draft, form, status=409)
    except errors.DraftRefused as refused:
        form.add_error("text", str(refused))
        return _composer(request, draft, form, status=422)
    messages.success(request, "The letter is submitted. A manager reads it next.")
    if submitted.nobody_else:
        messages.warning(
            request,
            "Nobody else in this workspace can approve it: nobody approves their own words. "
            "An administrator can invite a manager.",
        )
    return redirect("delivery:letter", slug=member.workspace.slug, draft_id=draft.pk)


def _say_not_saved(request: MemberRequest, draft: Draft) -> None:
    """A post came for a letter that is not being written; a second click on 'Submit' is no news."""
    typed = str(request.POST.get("text", "")).replace("\r\n", "\n")
    if draft.state == DraftState.IN_REVIEW and typed == draft.words:
        messages.info(request, "The letter is in review already.")
    else:
        messages.error(request, "This letter cannot be edited now, so nothing was saved.")


def _read(request: MemberRequest, draft: Draft, words: str) -> DraftReading:
    terms = terms_of(request.member, draft.customer)
    return read_words(words, draft.customer, request.member.workspace, terms)


def _parts(
    request: MemberRequest,
    draft: Draft,
    words: str,
    *,
    conflict: str = "",
    refused: bool = False,
    status: int = 200,
) -> HttpResponse:
    """The composer's changing parts. A save that was not made is read all the same.

    `conflict` says why it was not; `refused`: it cannot be made, so no choice is offered.
    """
    parts = {
        "draft": draft,
        "reading": _read(request, draft, words),
        "saved_at": None if conflict else draft.updated_at,
        "conflict": conflict,
        "refused": refused,
        "version": draft.version,
        "x_limit": X_LIMIT,
    }
    return render(request, "drafts/_reading.html", parts, status=status)


def _composer(
    request: MemberRequest, draft: Draft, form: ComposeForm, *, status: int = 200
) -> HttpResponse:
    member = request.member
    person = customers.person(member, draft.customer_id, member.workspace)
    words = str(form["text"].value() or "").replace("\r\n", "\n")
    asked = None
    if draft.state == DraftState.CHANGES_REQUESTED:
        reviews = queries.reviews_of(member, draft.pk)
        asked = next(
            (
                {"reviewer_name": r.reviewer.name, "comment": r.comment, "at": r.decided_at}
                for r in reversed(reviews)
                if r.decision == Decision.REQUEST_CHANGES
            ),
            None,
        )
    page: dict[str, Any] = {
        "draft": draft,
        "form": form,
        "person": person,
        "warnings": person.why_not,
        "asked": asked,
        "reading": _read(request, draft, words),
        # A form that came back keeps the version that it was read with, unless it lost the race:
        # then its next save is meant.
        "version": draft.version if status in (200, 409) else form["version"].value(),
        "brand_name": draft.x_account.name,
        "brand_handle": draft.x_account.handle,
        "last_words": "",
        "x_limit": X_LIMIT,
        "stop_line": stop_line(),
        "unsaved": status != 200,
        "leaves": leaving.of_draft(member, draft, form),
    }
    return render(request, "drafts/compose.html", page, status=status)


def _number(value: str) -> int:
    """A posted id or number; 0 (which no row has) where it is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else 0
