"""HTTP of imports: upload, columns, counts, progress, and the rows that were left out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseStopPolling

from accounts.access import Act, MemberRequest, member_view
from outreach.customers.imports import actions, exporting, queries, tasks
from outreach.customers.imports.forms import ColumnsForm, UploadForm
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import ImportRun

NONE = "There is no such import in this workspace."


@member_view(Act.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: MemberRequest) -> HttpResponse:
    """The last imports, and a new one."""
    member = request.member
    form = UploadForm()
    if request.method == "POST":
        files = request.FILES  # reading them is what finds one too big
        too_big = bool(getattr(request, "upload_too_big", False))
        form = UploadForm(request.POST, files, too_big=too_big)
        if form.is_valid():
            file = form.cleaned_data["file"]
            try:
                made = actions.upload(member, file.name or "", file.chunks(1 << 20))
            except FileRefused as refused:
                form.add_error("file", str(refused))
            else:
                tasks.wake(made.pk)
                return redirect("customers:import", slug=member.workspace.slug, import_id=made.pk)
    page = {
        "form": form,
        "runs": queries.newest(member),
        "may_export": member.may(Act.REVIEW),
    }
    return render(request, "customers/imports/list.html", page, status=422 if form.errors else 200)


@member_view(Act.WRITE)
@require_safe
def run(request: MemberRequest, import_id: int) -> HttpResponse:
    """One import, at whatever it is: its columns, its counts, or how far it is."""
    return _page(request, _run(request, import_id))


@member_view(Act.WRITE)
@require_safe
def progress(request: MemberRequest, import_id: int) -> HttpResponse:
    """How far it is, polled by its page; when a person has the next word, the page loads anew."""
    found = _run(request, import_id)
    response = render(request, "customers/imports/_progress.html", {"run": found})
    if found.is_open and not found.waits_for_a_person:
        return response
    stopped = HttpResponseStopPolling(response.content)
    stopped["HX-Refresh"] = "true"
    return stopped


@member_view(Act.WRITE)
@require_POST
def choose(request: MemberRequest, import_id: int) -> HttpResponse:
    """Take what the columns are, and have the rows counted."""
    found = _run(request, import_id)
    if not found.waits_for_a_person:
        return _to(request, found)
    form = ColumnsForm(found, request.POST)
    if form.is_valid():
        day_first = form.cleaned_data["day_first"]
        try:
            actions.choose_columns(request.member, import_id, form.targets, day_first=day_first)
        except actions.NotNow as not_now:
            messages.warning(request, str(not_now))
        except FileRefused as refused:
            form.add_error(None, str(refused))
        else:
            tasks.wake(import_id)
        if not form.errors:
            return _to(request, found)
    return _page(request, found, form, status=422)


@member_view(Act.WRITE)
@require_POST
def confirm(request: MemberRequest, import_id: int) -> HttpResponse:
    """Have what was counted written."""
    found = _run(request, import_id)
    try:
        actions.confirm(request.member, import_id)
    except actions.NotNow as not_now:
        messages.warning(request, str(not_now))
    else:
        tasks.wake(import_id)
    return _to(request, found)


@member_view(Act.WRITE)
@require_POST
def cancel(request: MemberRequest, import_id: int) -> HttpResponse:
    """End an import before it writes."""
    found = _run(request, import_id)
    if actions.cancel(request.member, import_id):
        messages.success(request, "The import is cancelled. Nothing of the file was written.")
    else:
        messages.warning(
            request,
            "It is within a step that goes to its end. Unless it is writing, try again in a moment.",
        )
    return _to(request, found)


@member_view(Act.WRITE)
@require_safe
def refused(request: MemberRequest, import_id: int) -> StreamingHttpResponse:
    """The rows that were left out, as a file with a reason each."""
    found = _run(request, import_id)
    if not found.refused or not found.file_kept:
        raise Http404("No row of this import is kept that was left out.")
    name = found.file_name.rpartition(".")[0] or found.file_name
    return _csv(queries.refused_lines(found), f"{name}.refused.csv")


@member_view(Act.REVIEW)
@require_safe
def export(request: MemberRequest) -> StreamingHttpResponse:
    """Everybody as CSV."""
    keys = actions.export(request.member)
    return _csv(
        exporting.lines(request.member, keys), f"{request.member.workspace.slug}-customers.csv"
    )


def _run(request: MemberRequest, import_id: int) -> ImportRun:
    try:
        return queries.one(request.member, import_id)
    except ImportRun.DoesNotExist:
        raise Http404(NONE) from None


def _to(request: MemberRequest, found: ImportRun) -> HttpResponse:
    return redirect("customers:import", slug=request.member.workspace.slug, import_id=found.pk)


def _page(
    request: MemberRequest, found: ImportRun, form: ColumnsForm | None = None, *, status: int = 200
) -> HttpResponse:
    # The file's columns can be corrected until its rows are written.
    if found.waits_for_a_person and form is None:
        form = ColumnsForm(found)
    page = {
        "run": found,
        "form": form,
        "refusals": queries.refusals(found) if found.refused and found.file_kept else [],
        "uses_name": form is not None and "name" in found.targets,
        "asks_first_name": form is not None and "first_name" not in found.targets,
    }
    return render(request, "customers/imports/run.html", page, status=status)


def _csv(lines: Iterable[str], name: str) -> StreamingHttpResponse:
    """A file to keep, with the mark by which Excel knows UTF-8."""
    response = StreamingHttpResponse(
        chain(["\ufeff"], lines), content_type="text/csv; charset=utf-8"
    )
    plain = "".join(c for c in name if c.isascii() and (c.isalnum() or c in ".-_ ")) or "file.csv"
    response["Content-Disposition"] = f'attachment; filename="{plain}"'
    return response
