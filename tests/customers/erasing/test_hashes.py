"""What is left of an erased person tells nobody who they were, and still keeps them out."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import transaction

from outreach.customers.erasing import actions, hashes
from outreach.customers.erasing.queries import erased_among
from outreach.customers.models import ErasedPerson, ErasureKey
from outreach.drafts.errors import CannotBeWrittenTo
from outreach.services import checks
from outreach.x.tokens import TokenKeyMissing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def erased(house):
    customer = house.customer()
    actions.erase(house.manager, customer.pk)
    return customer.x_user_id


def test_the_hash_is_keyed_with_a_key_that_no_dump_shows(house, erased):
    (row,) = ErasedPerson.everywhere.all()
    secret = hashes.key()
    assert secret is not None
    assert len(secret) == 32
    expected = hmac.new(secret, str(erased).encode(), hashlib.sha256).digest()
    assert bytes(row.person_hash) == expected
    stored = bytes(ErasureKey.objects.get().key)
    assert secret not in stored
    assert secret.hex().encode() not in stored


def test_where_nobody_was_erased_nobody_is_refused_and_no_key_is_made(house):
    assert erased_among(house.workspace.pk, range(1000)) == set()
    assert ErasureKey.objects.count() == 0


def test_the_key_is_made_once(house, erased):
    before = hashes.key()
    with transaction.atomic():
        assert hashes.key_made() == before
    actions.erase(house.manager, house.customer().pk)
    assert hashes.key() == before


def test_rotating_keys_keeps_out_whoever_was_erased(house, erased, settings, capsys):
    old = settings.TOKEN_KEYS[0]
    settings.TOKEN_KEYS = [Fernet.generate_key().decode(), old]
    call_command("rotate_token_keys")
    assert "erasure key: 1 encrypted anew" in capsys.readouterr().out
    settings.TOKEN_KEYS = settings.TOKEN_KEYS[:1]
    assert erased_among(house.workspace.pk, [erased]) == {erased}


def test_without_the_key_nobody_is_let_in(house, erased, settings):
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(TokenKeyMissing):
        erased_among(house.workspace.pk, [99])


def test_without_the_key_no_letter_is_begun_and_the_page_says_why(house, erased, settings):
    customer = house.customer()
    settings.TOKEN_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CannotBeWrittenTo, match="the key for that is missing"):
        factories.draft(house, customer)
    found = checks.stored_tokens()
    assert (found.state, "no key opens" in found.what) == (checks.State.MEND, True)


def test_another_workspace_may_write_to_them(house, erased):
    other = factories.house()
    assert erased_among(other.workspace.pk, [erased]) == set()


def test_asking_about_many_is_two_queries(house, erased, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert erased_among(house.workspace.pk, [*range(5000), erased]) == {erased}
