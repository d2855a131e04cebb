"""What an import makes of a file: who is new, who changes, who is left out and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from outreach.audit.models import AuditDetail, AuditEvent
from outreach.customers import actions as customers
from outreach.customers.imports import actions, running, staging
from outreach.customers.imports.refusing import FileRefused
from outreach.customers.models import (
    Customer,
    ImportPiece,
    ImportRefusal,
    ImportRun,
    Permission,
    Relationship,
    Suppression,
)
from outreach.delivery.models import Delivery
from outreach.ground import runs
from outreach.ground.clock import now
from tests import factories
from tests.customers.imports.importing import (
    counted,
    counts,
    everybody,
    fresh,
    imported,
    reasons,
    uploaded,
    worked,
)

pytestmark = pytest.mark.django_db

FULL = (
    "Handle,Name,First name,Tags,Time zone,Permission,Permission date,Permission place,"
    "Permission evidence,Stop,Favourite print\n"
    '@ana,"Fox Lover, she/her",Ana,"Prints, #VIP",Europe/Lisbon,opted in,2026-03-04,a fair,'
    '"she said\nyes",,The Otter\n'
    "https://x.com/bo_li,李小龙,小龙,,Tokyo,wrote to us,04.05.2026,,,stop,\n"
)


def staging_tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'customers_importstaged%'")
        return [row[0] for row in cursor.fetchall()]


def test_a_file_with_everything_in_it(house):
    run = imported(house, FULL)
    assert (run.state, counts(run), run.problem) == ("done", (2, 0, 0, 0), "")
    ana, bo = Customer.everywhere.filter(workspace=house.workspace).order_by("pk")
    assert (ana.handle, ana.name, ana.first_name) == ("ana", "Fox Lover, she/her", "Ana")
    assert (ana.tags, ana.time_zone) == (["prints", "vip"], "Europe/Lisbon")
    assert (ana.attributes, ana.x_user_id) == ({"favourite_print": "The Otter"}, None)
    given = Permission.objects.of(house.marketer).get(customer=ana)
    assert (given.basis, given.place, given.evidence) == ("opted_in", "a fair", "she said\nyes")
    assert given.given_at == datetime(2026, 3, 4, 12, tzinfo=UTC)
    assert given.recorded_by_id == house.marketer.user_id
    assert (bo.handle, bo.name, bo.first_name, bo.time_zone) == (
        "bo_li", "李小龙", "小龙", "Asia/Tokyo",
    )  # fmt: skip
    theirs = Permission.objects.of(house.marketer).get(customer=bo)
    assert (theirs.basis, theirs.given_at.date().isoformat()) == ("wrote_to_us", "2026-05-04")
    assert theirs.evidence == "Named in the file people.csv."
    stop = Suppression.objects.of(house.marketer).get()
    assert (stop.handle, stop.x_user_id) == ("bo_li", None)


def test_nothing_is_written_before_it_is_confirmed(house):
    run = counted(house, FULL)
    assert (run.stage, counts(run)) == ("counted", (2, 0, 0, 0))
    assert everybody(house, "handle") == []
    assert not Suppression.everywhere.exists()


def test_the_same_file_again_changes_nothing_and_asks_nothing(house):
    imported(house, FULL)
    before = everybody(house, "pk", "handle", "name", "tags", "attributes")
    run = counted(house, FULL)
    assert (run.state, counts(run)) == ("done", (0, 0, 2, 0))
    assert everybody(house, "pk", "handle", "name", "tags", "attributes") == before
    assert Permission.objects.of(house.marketer).count() == 2
    assert Suppression.everywhere.count() == 1


def test_a_permission_that_was_withdrawn_does_not_come_back_with_the_same_row(house):
    imported(house, FULL)
    Permission.everywhere.update(withdrawn_at=now())
    assert counts(counted(house, FULL)) == (0, 0, 2, 0)
    assert not Permission.everywhere.filter(withdrawn_at=None).exists()


def test_a_blank_cell_leaves_what_is_there_and_tags_are_added(house):
    imported(house, "handle,name,first name,tags,ink\nana,Ana,Ana,prints,blue\nbo,Bo,,,\n")
    run = imported(house, "handle,name,first name,tags,ink,paper\nANA,,,vip,,rag\nbo,,,,,\n")
    assert counts(run) == (0, 1, 1, 0)
    ana = Customer.everywhere.get(workspace=house.workspace, handle="ana")
    assert (ana.name, ana.first_name, ana.tags) == ("Ana", "Ana", ["prints", "vip"])
    assert ana.attributes == {"ink": "blue", "paper": "rag"}


def test_rows_are_left_out_each_with_its_reason_and_as_they_were(house):
    run = imported(
        house,
        "handle,name,tz,permission,permission date,stop\n"
        "ana,Ana,,,,\n"
        ",Nobody,,,,\n"
        "not a handle,Bo,,,,\n"
        "cy,Cy,Atlantis,,,\n"
        "dee,Dee,EST,,,\n"
        "eve,Eve,,,,,surplus\n"
        "fay,F\x07ay,,,,\n"
        "@ANA,Ana again,,,,\n"
        "gus,Gus,,opted in,,\n"
        "hal,Hal,,perhaps,2026-01-01,\n"
        "ida,Ida,,opted in,2126-01-01,\n"
        "jo@example.com,Jo,,,,\n"
        f"kim,{'K' * 101},,,,\n"
        "lu,Lu,Lisbon,opted in,2026-01-01,\n",
    )
    assert counts(run) == (2, 0, 0, 12)
    assert everybody(house, "handle") == ["ana", "lu"]
    assert reasons(run) == {
        3: "There is no handle in this row.",
        4: "‘not a handle’ is not a handle: those have letters from A to Z, digits and _ only.",
        5: "‘Atlantis’ is no time zone. Write one such as Europe/Lisbon, or its city.",
        6: "The time zone ‘EST’ may be several: write America/New_York or Australia/Brisbane.",
        7: "This row has 7 fields where the file has 6 columns. "
        "A field with the separator in it needs quotation marks.",
        8: "There is a control character (U+0007) in this row. Type it anew.",
        9: "The file names @ANA on line 2 already.",
        10: "There is a permission without the day on which it was given.",
        11: "‘perhaps’ is no permission: write ‘opted in’ or ‘wrote to us’.",
        12: "‘2126-01-01’ has not come yet. Give the day on which they said so.",
        13: "‘jo@example.com’ is an e-mail address, not a handle.",
        14: "The name has 101 characters; 100 is the most.",
    }
    kept = dict(ImportRefusal.everywhere.filter(run=run).values_list("line", "cells"))
    assert kept[9] == ["@ANA", "Ana again", "", "", "", ""]
    assert kept[7] == ["eve", "Eve", "", "", "", "", "surplus"]


# --- who is who ------------------------------------------------------------------------------


def test_somebody_known_by_id_is_found_by_handle_whatever_its_case(house):
    ana = house.customer(handle="AnaPrado", name="Ana", tags=[])
    run = imported(house, "handle,name,tags\n@anaprado,Another name,prints\n")
    assert counts(run) == (0, 1, 0, 0)
    ana.refresh_from_db()
    # X said the name.
    assert (ana.handle, ana.name, ana.tags) == ("AnaPrado", "Ana", ["prints"])


def test_a_name_that_x_never_said_is_the_files_to_change(house):
    imported(house, "handle,name\nana,Anna\n")
    assert counts(imported(house, "handle,name\nana,Ana\n")) == (0, 1, 0, 0)
    assert everybody(house, "name") == ["Ana"]


def test_of_two_with_the_handle_the_one_last_checked_is_meant(house):
    house.customer(handle="ana", checked_ago=timedelta(days=9))
    newer = house.customer(handle="ANA", checked_ago=timedelta(days=1))
    imported(house, "handle,tags\nana,prints\n")
    assert list(Customer.everywhere.filter(tags=["prints"])) == [newer]


def test_of_two_that_x_was_never_asked_about_nobody_is_meant(house):
    house.customer(handle="ana", known=False)
    house.customer(handle="ANA", known=False)
    run = imported(house, "handle,tags\nana,prints\n")
    assert counts(run) == (0, 0, 0, 1)
    assert reasons(run)[2].startswith("Two customers have this handle")


def test_an_id_decides_over_a_handle_and_completes_who_was_known_by_handle(house):
    known = house.customer(x_user_id=77, handle="old_name", tags=[])
    bare = factories.not_looked_up(house, "Bo")
    run = imported(house, "x user id,handle,tags\n77,new_name,a\n88,bo,b\n99,cy,c\n")
    assert counts(run) == (1, 2, 0, 0)
    known.refresh_from_db()
    bare.refresh_from_db()
    # The handle of somebody whose id is known is X's to say.
    assert (known.handle, known.tags) == ("old_name", ["a"])
    assert (bare.x_user_id, bare.handle, bare.tags) == (88, "Bo", ["b"])
    assert Customer.everywhere.get(workspace=house.workspace, handle="cy").x_user_id == 99


def test_a_handle_that_changed_hands_is_somebody_new(house):
    house.customer(x_user_id=77, handle="ana")
    assert counts(imported(house, "x user id,handle\n78,ana\n")) == (1, 0, 0, 0)
    assert everybody(house, "x_user_id") == [77, 78]


def test_the_same_person_by_id_and_by_handle_counts_once(house):
    house.customer(x_user_id=77, handle="ana")
    run = imported(house, "x user id,handle,tags\n77,,a\n,ana,b\n1,,c\n77,x,d\n")
    assert counts(run) == (0, 1, 0, 3)
    assert reasons(run) == {
        3: "This is the same customer as on line 2.",
        4: "There is no handle in this row, and no customer has its X user id.",
        5: "The file names this X user id on line 2 already.",
    }


def test_a_rounded_id_is_said_to_be_one(house):
    run = imported(house, "x user id,handle\n1.23457E+18,ana\n")
    assert reasons(run)[2].endswith("was rounded by a spreadsheet. Format the column as text.")


def test_another_workspaces_customers_are_nobody_here(house):
    other = factories.house()
    theirs = other.customer(x_user_id=77, handle="ana", tags=[])
    assert counts(imported(house, "x user id,handle,tags\n77,ana,prints\n")) == (1, 0, 0, 0)
    theirs.refresh_from_db()
    assert theirs.tags == []


# --- stops -----------------------------------------------------------------------------------


def test_whoever_said_stop_stays_stopped_whatever_a_file_says(house):
    ana = house.customer(handle="ana")
    customers.suppress(house.marketer, ana.pk, reason="said stop")
    before = list(Suppression.everywhere.values())
    imported(
        house,
        "handle,stop,permission,permission date,tags\nana,no,opted in,2026-01-01,prints\n",
    )
    assert list(Suppression.everywhere.values()) == before


def test_somebody_stopped_by_handle_stays_stopped_when_a_file_brings_their_id(house):
    imported(house, "handle,stop\nana,said stop on 4 May\n")
    run = imported(house, "handle,x user id\nAna,77\n")
    assert counts(run) == (0, 1, 0, 0)
    by_id = Suppression.everywhere.get(workspace=house.workspace, x_user_id=77)
    assert by_id.reason == "said stop on 4 May"


def test_a_stop_without_a_customer_holds_for_the_newcomer_with_its_handle(house):
    Suppression.objects.create(workspace=house.workspace, handle="ana", reason="by hand")
    imported(house, "handle,x user id\nana,77\n")
    assert Suppression.everywhere.filter(workspace=house.workspace, x_user_id=77).exists()


def test_a_stop_by_a_file_cancels_what_is_queued(house):
    to = house.customer(handle="ana")
    delivery = factories.delivery(house, to)
    run = imported(house, "handle,stop\nana,x\n")
    assert counts(run) == (0, 1, 0, 0)
    assert Delivery.everywhere.get(pk=delivery.pk).state == "cancelled"
    assert Suppression.everywhere.get(x_user_id=to.x_user_id).reason == (
        "Said stop, by the imported file."
    )


# --- columns ---------------------------------------------------------------------------------


def test_columns_are_remembered_for_this_workspace_alone(house):
    text = "Who,Rufname,Junk\n@ana,Ana,1\n"
    run = uploaded(house, text)
    assert run.targets == ["handle", "attribute:rufname", "attribute:junk"]
    actions.choose_columns(house.marketer, run.pk, ["handle", "first_name", ""], day_first=False)
    assert uploaded(house, text).targets == ["handle", "first_name", ""]
    assert uploaded(factories.house(), text).targets == run.targets


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (["name", "first_name", ""], "No column holds handles"),
        (["handle", "handle", ""], "Two columns are ‘Handle’."),
        (["handle", "given_on", ""], "There is a day of permission and no column"),
        (["handle", "basis", ""], "There is a permission and no column with its day."),
        (["handle", "made up", ""], "‘made up’ is nothing that a column can be."),
        (["handle"], "The columns are not those of the file."),
    ],
)
def test_columns_that_make_no_customers_are_refused(house, targets, words):
    run = uploaded(house, "a,b,c\n@ana,x,y\n")
    with pytest.raises(FileRefused, match=words):
        actions.choose_columns(house.marketer, run.pk, targets, day_first=True)
    assert fresh(run).stage == "columns"


def test_columns_can_be_corrected_after_counting(house):
    run = counted(house, "handle,who\nana,Ana\n")
    assert (run.targets, run.stage) == (["handle", "attribute:who"], "counted")
    actions.choose_columns(house.marketer, run.pk, ["handle", "name"], day_first=True)
    worked(run)
    actions.confirm(house.marketer, run.pk)
    worked(run)
    assert everybody(house, "handle", "name", "attributes") == [("ana", "Ana", {})]


# --- the run ---------------------------------------------------------------------------------


def test_customers_that_changed_since_the_count_are_counted_again(house):
    run = counted(house, "handle,tags\nana,prints\nbo,prints\n")
    factories.not_looked_up(house, "ana", tags=["prints"])
    actions.confirm(house.marketer, run.pk)
    run = worked(run)
    assert (counts(run), run.expected) == ((1, 0, 1, 0), {"new": 2, "changed": 0, "unchanged": 0})
    assert run.recounted


def test_confirming_twice_writes_once_and_before_the_count_is_refused(house):
    run = uploaded(house, "handle\nana\n")
    with pytest.raises(actions.NotNow):
        actions.confirm(house.marketer, run.pk)
    actions.choose_columns(house.marketer, run.pk, run.targets, day_first=True)
    worked(run)
    actions.confirm(house.marketer, run.pk)
    actions.confirm(house.marketer, run.pk)
    worked(run)
    actions.confirm(house.marketer, run.pk)
    assert running.work(run.pk) is False
    assert everybody(house, "handle") == ["ana"]


def test_cancelling_leaves_nothing_of_the_file(house):
    run = counted(house, "handle\nana\nbo bo\n")
    assert actions.cancel(house.marketer, run.pk)
    run = fresh(run)
    assert (run.state, run.stage) == ("cancelled", "ended")
    assert not ImportPiece.everywhere.exists()
    assert staging_tables() == []
    assert running.work(run.pk) is False
    assert everybody(house, "handle") == []
    assert not actions.cancel(house.marketer, run.pk)


def test_cancelling_while_rows_are_read_ends_it_after_the_step(house, monkeypatch):
    run = uploaded(house, "handle\nana\nbo\n")
    actions.choose_columns(house.marketer, run.pk, run.targets, day_first=True)
    real = running._copy

    def copy(*arguments, **options):
        real(*arguments, **options)
        assert actions.cancel(house.marketer, run.pk)

    monkeypatch.setattr(running, "_copy", copy)
    run = worked(run)
    assert (run.state, run.stage) == ("cancelled", "ended")
    assert (everybody(house, "handle"), staging_tables()) == ([], [])


def test_a_file_ends_with_its_run_and_refused_rows_some_days_later(house, clock):
    run = imported(house, "handle\nana\nbo bo\n")
    assert not ImportPiece.everywhere.exists()
    assert staging_tables() == []
    assert ImportRefusal.everywhere.count() == 1
    assert running.forget_old() == 0
    clock(8 * 86400)
    assert running.forget_old() == 1
    assert not ImportRefusal.everywhere.exists()
    assert (fresh(run).file_kept, counts(fresh(run))) == (False, (1, 0, 0, 1))


@pytest.mark.parametrize("until", [uploaded, counted])
def test_what_nobody_confirms_ends_by_itself(house, clock, until):
    run = until(house, "handle\nana\n")
    assert runs.waiting(ImportRun) == []
    assert running.work(run.pk) is False
    clock(8 * 86400)
    assert runs.waiting(ImportRun) == [run.pk]
    run = worked(run)
    assert (run.state, run.problem) == ("cancelled", "Nobody confirmed it within 7 days.")
    assert not ImportPiece.everywhere.exists()


def test_staged_rows_lost_in_a_crash_are_read_again(house):
    run = counted(house, "handle\nana\nbo\n")
    actions.confirm(house.marketer, run.pk)
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {staging.table_of(run.pk)}")
    for stage in ("counting", "writing", "ended"):
        run = worked(run)
        assert run.stage == stage
    assert (run.state, everybody(house, "handle")) == ("done", ["ana", "bo"])


def test_somebody_made_meanwhile_is_found_at_the_next_try(house, monkeypatch, clock):
    run = counted(house, "handle\nana\nbo\n")
    actions.confirm(house.marketer, run.pk)
    real = running.merging.merge

    def merge(*arguments):
        with transaction.atomic():
            factories.not_looked_up(house, "ana")
        real(*arguments)

    monkeypatch.setattr(running.merging, "merge", merge)
    run = worked(run)
    # The one that the test made is gone with the transaction, as nothing else may stay of it.
    assert (run.state, everybody(house, "handle")) == ("waiting", [])
    monkeypatch.setattr(running.merging, "merge", real)
    clock(5)
    assert worked(run).state == "done"
    assert everybody(house, "handle") == ["ana", "bo"]


def test_two_imports_of_one_workspace_write_one_after_the_other(house, clock):
    run = counted(house, "handle\nana\n")
    actions.confirm(house.marketer, run.pk)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            lock = [running.WRITER_LOCK, house.workspace.pk]
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", lock)
        run = worked(run)
        assert (run.state, run.stage, everybody(house, "handle")) == ("waiting", "writing", [])
    finally:
        other.close()
    assert running.work(run.pk) is False
    clock(5)
    assert worked(run).state == "done"
    assert everybody(house, "handle") == ["ana"]


def test_a_file_that_kills_its_workers_does_not_go_round_for_ever(house):
    run = actions.upload(house.marketer, "people.csv", [b"handle\nana\n"])
    ImportRun.everywhere.filter(pk=run.pk).update(tries=running.MOST_TRIES)
    run = worked(run)
    assert (run.state, run.stage) == ("failed", "ended")
    assert run.problem.startswith("It was begun 5 times")


def test_an_error_of_our_own_is_logged_without_the_words_and_tried_again(
    house, monkeypatch, caplog
):
    run = actions.upload(house.marketer, "people.csv", [b"handle\nana\n"])

    def look(file):
        raise RuntimeError("ana")

    monkeypatch.setattr(running.tables, "look", look)
    assert worked(run).state == "waiting"
    assert [record.getMessage() for record in caplog.records] == [
        f"import {run.pk}: RuntimeError at looking"
    ]


def test_what_is_done_is_audited(house):
    run = imported(house, "handle\nana\nbo bo\n")
    cancelled = uploaded(house, "handle\ncy\n")
    actions.cancel(house.marketer, cancelled.pk)
    events = AuditEvent.objects.filter(target_kind="import").order_by("pk")
    assert [(event.verb, event.target_id, event.actor_id) for event in events] == [
        ("import.uploaded", run.pk, house.marketer.user_id),
        ("import.confirmed", run.pk, house.marketer.user_id),
        ("import.ended", run.pk, house.marketer.user_id),
        ("import.uploaded", cancelled.pk, house.marketer.user_id),
        ("import.cancelled", cancelled.pk, house.marketer.user_id),
    ]
    ended = AuditDetail.objects.get(event=events[2])
    assert ended.details == {
        "file": "people.csv", "state": "done",
        "new": 1, "changed": 0, "unchanged": 0, "refused": 1,
    }  # fmt: skip


def test_too_many_open_at_once_and_too_big_are_refused_and_leave_nothing(house, settings):
    settings.IMPORT_MAX_BYTES = 2_000_000
    with pytest.raises(FileRefused, match="larger than 2 MB"):
        actions.upload(house.marketer, "big.csv", [b"x" * 1_500_000] * 2)
    for _ in range(actions.MOST_OPEN):
        uploaded(house, "handle\nana\n")
    with pytest.raises(FileRefused, match="5 imports are open already"):
        actions.upload(house.marketer, "people.csv", [b"handle\nana\n"])
    assert ImportRun.everywhere.count() == actions.MOST_OPEN


def test_another_workspaces_import_cannot_be_touched(house):
    run = counted(factories.house(), "handle\nana\n")
    with pytest.raises(ImportRun.DoesNotExist):
        actions.confirm(house.administrator, run.pk)
    with pytest.raises(ImportRun.DoesNotExist):
        actions.cancel(house.administrator, run.pk)
    with pytest.raises(ImportRun.DoesNotExist):
        actions.choose_columns(house.administrator, run.pk, ["handle"], day_first=True)
    assert fresh(run).stage == "counted"


def test_a_relationship_never_comes_from_a_file(house):
    imported(house, FULL)
    assert not Relationship.everywhere.exists()


def test_erasing_somebody_leaves_them_in_no_file_that_is_kept(house):
    other = factories.house()
    theirs = counted(other, "handle,name\nana_prado,Ana\n-,Ana\n")
    done = imported(house, "handle,name\nbo,Bo\n-,Ana Prado\n!,Cy\n@bo,@Ana_Prado\n")
    waits = counted(house, "handle,name\nana_prado,Ana\n-,Ana\n")
    looked = uploaded(house, "handle,name\nana_prado,Ana\n")
    with transaction.atomic():
        actions.forget_step(house.workspace.pk, ["ana_prado", "Ana Prado", ""])
    assert [fresh(run).state for run in (done, waits, looked)] == ["done", "cancelled", "cancelled"]
    kept = ImportRefusal.everywhere.filter(run__in=[done, waits, looked])
    assert list(kept.values_list("run_id", "line")) == [(done.pk, 4), (waits.pk, 3)]
    assert not ImportPiece.everywhere.exclude(run=theirs).exists()
    assert [fresh(run).shown for run in (done, waits, looked)] == [[], [], []]
    assert staging_tables() == [staging.table_of(theirs.pk)]
    assert fresh(theirs).stage == "counted"
