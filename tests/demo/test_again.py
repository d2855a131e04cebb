"""Loading the demo a second time, and where it is not wanted."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts.access import member_of
from accounts.models import User, Workspace
from outreach.customers.models import Customer
from outreach.demo import cast, loading
from outreach.sandbox.state import open_state
from outreach.x import connections
from outreach.x.models import XAccount
from outreach.x.tokens import decrypt
from tests import factories


def rows() -> dict[str, int]:
    """How many rows each table holds."""
    return {model._meta.label: model._base_manager.count() for model in apps.get_models()}


EVERYTHING = ("users", "follows", "blocks", "tokens", "dms")


def world(path, tables=EVERYTHING) -> list[tuple[object, ...]]:
    """What the sandbox's file holds."""
    state = open_state(path)
    held = [
        tuple(row)
        for table in tables
        for row in state.connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")
    ]
    state.close()
    return held


def test_a_second_run_changes_nothing_and_says_so(demo, sandbox_file):
    before, held = rows(), world(sandbox_file)
    said = StringIO()
    call_command("load_demo", stdout=said)
    assert "nothing was changed" in said.getvalue()
    assert rows() == before
    assert world(sandbox_file) == held


def test_a_second_run_costs_a_handful_of_queries(demo, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        assert loading.load().done == "unchanged"


def test_the_log_ins_are_printed_each_time(demo):
    said = StringIO()
    call_command("load_demo", stdout=said)
    assert cast.PASSWORD in said.getvalue()
    assert all(person.email in said.getvalue() for person in cast.COLLEAGUES)


def test_the_log_ins_can_be_read_by_a_program(db, sandbox_file):
    said = StringIO()
    call_command("load_demo", "--json", stdout=said)
    document = json.loads(said.getvalue())
    assert document["done"] == "loaded"
    assert len(document["password"]) >= 12
    assert [person["role"] for person in document["members"]] == [
        "marketer", "manager", "administrator",
    ]  # fmt: skip


def test_a_sandbox_that_is_gone_is_filled_from_the_database(demo, sandbox_file):
    whole = world(sandbox_file, ("dms",))
    for part in sandbox_file.parent.glob("sandbox.sqlite3*"):
        part.unlink()
    before = rows()
    assert loading.load().done == "mended"
    assert world(sandbox_file, ("dms",)) == whole
    account = XAccount.objects.of(demo).get()
    state = open_state(sandbox_file)
    token = state.token(decrypt(account.token.access_token))
    state.close()
    assert token is not None
    assert token.user_id == account.x_user_id
    changed = {name for name, count in rows().items() if count != before[name]}
    assert changed == {"audit.AuditEvent", "audit.AuditDetail", "audit.AuditUnsealed"}
    assert loading.load().done == "unchanged"


def test_a_token_that_no_key_opens_is_replaced(demo, settings):
    from cryptography.fernet import Fernet

    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    assert loading.load().done == "mended"
    assert loading.load().done == "unchanged"


def test_an_account_that_was_disconnected_stays_so(demo, sandbox_file):
    account = XAccount.objects.of(demo).get()
    sam = member_of(User.objects.get(email=cast.SAM.email), demo.slug)
    connections.erase_tokens(sam, account.pk)
    before = world(sandbox_file, ("dms",))
    assert loading.load().done == "unchanged"
    assert world(sandbox_file, ("dms",)) == before


def test_a_new_database_beside_an_old_sandbox_starts_its_story_anew(db, sandbox_file):
    state = open_state(sandbox_file)
    state.add_user(cast.X_USER_ID, cast.HANDLE, "Of an earlier demo")
    state.add_user(7, "passer_by", "Passer-by")
    state.send_dm(cast.X_USER_ID, 7, "from an earlier demo", None)
    state.close()
    loading.load()
    state = open_state(sandbox_file)
    assert not state.dms(participant=7)
    assert state.user(7) is not None
    state.close()


def test_it_is_refused_in_production(db, sandbox_file, settings):
    settings.PRODUCTION = True
    before = rows()
    with pytest.raises(CommandError) as refused:
        call_command("load_demo")
    assert "production" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert rows() == before
    assert not sandbox_file.exists()


def test_somebody_elses_workspace_of_that_name_is_left_alone(db, sandbox_file):
    workspace = factories.workspace("Demo")
    assert workspace.slug == cast.SLUG
    with pytest.raises(CommandError, match="is not the demo"):
        call_command("load_demo")
    assert Workspace.objects.get(slug=cast.SLUG) == workspace
    assert not Customer.objects.of(workspace).exists()


def test_somebodys_log_in_is_left_alone(db, sandbox_file):
    User.objects.create_user(cast.JO.email, "their own password", name="Joanna")
    with pytest.raises(CommandError, match=cast.JO.email):
        call_command("load_demo")
    assert User.objects.get(email=cast.JO.email).check_password("their own password")
    assert not world(sandbox_file)
