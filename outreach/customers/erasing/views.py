"""HTTP of erasing a person, and of handing out what is known about one."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import Act, MemberRequest, member_view
from outreach.customers import queries
from outreach.customers.erasing import actions
from outreach.customers.erasing.queries import lost_with
from outreach.customers.errors import InTheAir
from outreach.customers.models import Customer
from outreach.customers.views import NOBODY

# What a page calls the things that go, and many of them.
WORDS = {
    "letters": ("letter, with what was said about it", "letters, with what was said about them"),
    "permissions": ("permission", "permissions"),
    "evidence_files": ("evidence file", "evidence files"),
    "relationships": ("relationship with an account", "relationships with accounts"),
    "suppressions": ("stop, which the erasure takes the place of", "stops"),
    "merged": ("row that was merged into theirs", "rows that were merged into theirs"),
    "opted_in": ("accepted invitation", "accepted invitations"),
    "follows": ("change of who follows whom", "changes of who follows whom"),
    "segments": ("segment that names them", "segments that name them"),
    "imports": (
        "import that was not written yet, since they may be in its file: upload it again",
        "imports that were not written yet, since they may be in their files: upload them again",
    ),
    "left_out_of_files": ("row of a file that was left out", "rows of files that were left out"),
    "told_by_x": ("thing that X told about them", "things that X told about them"),
}


@member_view(Act.REVIEW)
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Ask once, naming what will be lost; then erase."""
    member = request.member
    try:
        if request.method != "POST":
            return _ask(request, customer_id)
        gone = actions.erase(member, customer_id)
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    except InTheAir as refused:
        return _ask(request, customer_id, str(refused))
    words = "The person is erased, and is never written to again."
    if gone["segments"]:
        words += f" {_counted('segments', gone['segments'])} went as well."
    messages.success(request, words)
    return redirect("customers:list", slug=member.workspace.slug)


@member_view(Act.REVIEW)
@require_POST
def download(request: MemberRequest, customer_id: int) -> HttpResponse:
    """Everything known about one person, as a JSON file."""
    try:
        about = actions.hand_out(request.member, customer_id)
    except Customer.DoesNotExist:
        raise Http404(NOBODY) from None
    content = json.dumps(about, ensure_ascii=False, indent=2)
    response = HttpResponse(content, content_type="application/json")
    name = f"customer-{customer_id}.json"
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def _ask(request: MemberRequest, customer_id: int, refused: str = "") -> HttpResponse:
    member = request.member
    counts = lost_with(member, customer_id)
    page = {
        "person": queries.person(member, customer_id, member.workspace),
        "lost": [_counted(name, counts[name]) for name in WORDS if counts[name]],
        "refused": refused,
    }
    return render(request, "customers/erasing/erase.html", page, status=409 if refused else 200)


def _counted(name: str, count: int) -> str:
    one, many = WORDS[name]
    return f"{count:,} {one if count == 1 else many}"
