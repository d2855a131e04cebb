"""The words that people are found by: folded in any script, and kept by the database itself."""

from __future__ import annotations

import pytest
from django.db import connection

from outreach.customers.finding.queries import search, tags_of
from outreach.customers.finding.ways import terms_of
from outreach.customers.models import Customer, Word
from tests import factories

pytestmark = pytest.mark.django_db


def words(customer) -> list[str]:
    return list(
        Word.everywhere.filter(customer_id=customer.pk)
        .order_by("word")
        .values_list("word", flat=True)
    )


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("José", "jose"),
        ("Jose", "josé"),
        ("JOSÉ", "JOSÉ"),
        ("Łukasz Żak", "lukasz zak"),
        ("Lukasz", "łuk"),
        ("Strauß", "strauss"),
        ("STRAUSS", "strauß"),
        ("Nguyễn", "nguyen"),
        ("İpek", "ipek"),
        ("Søren Ærø", "soren aero"),
        ("Μαρία", "μαρια"),
        ("Ёлка", "елка"),
        ("李雷", "李"),
        ("김민준", "김"),
        ("محمد", "مح"),
        ("मारिया देवी", "मारि"),
        ("Ann-Marie O’Brien", "marie obr"[:5]),
        ("Ann-Marie O’Brien", "brien"),
        ("Ｆｕｌｌ Width", "full"),
        ("Fox Lover, she/her", "her"),
        ("🌸 Ana", "🌸"),
        ("🌸Ana", "🌸a"),
    ],
)
def test_a_name_is_found_by_how_it_is_typed(house, name, typed):
    customer = house.customer(name=name, handle="someone", known=False)
    house.customer(name="Zed", handle="nobody", known=False)
    assert search(house.marketer, q=typed, older="", newer="", size=9).rows == [customer]


def test_a_handle_counts_whole_and_in_its_parts_and_a_tag_whole_behind_its_sign(house):
    customer = house.customer(name="Bo Bo", handle="Inky_Bo", tags=["Rare Tag", "x"])
    assert words(customer) == ["#Rare Tag", "#x", "bo", "inky", "inky_bo", "rare", "tag", "x"]


def test_words_follow_what_is_changed_moved_and_removed(house):
    customer = house.customer(name="Ana Lima", handle="al", tags=["fair"], known=False)
    other = house.customer(name="Ana", handle="other", known=False)
    Customer.everywhere.filter(pk=customer.pk).update(name="Ana Prado", tags=["shop"])
    assert words(customer) == ["#shop", "al", "ana", "prado", "shop"]
    Customer.everywhere.filter(pk=customer.pk).update(attributes={"size": "M"})
    assert words(customer) == ["#shop", "al", "ana", "prado", "shop"]
    customer.permissions.all().delete()
    customer.delete()
    assert words(customer) == []
    assert words(other) == ["ana", "other"]


def test_many_rows_of_one_statement_have_their_words(house):
    Customer.everywhere.bulk_create(
        Customer(workspace=house.workspace, x_user_id=n, handle=f"h{n}", name=f"Ana {n}")
        for n in range(1, 301)
    )
    assert Word.everywhere.filter(workspace=house.workspace, word="ana").count() == 300
    Customer.objects.of(house.marketer).update(name="Bo")
    assert Word.everywhere.filter(workspace=house.workspace, word="ana").count() == 0
    assert Word.everywhere.filter(workspace=house.workspace, word="bo").count() == 300


def test_a_word_as_long_as_unicode_makes_it_is_stored(house):
    customer = house.customer(name="\ufdfa" * 100, handle="x" * 50)
    assert search(house.marketer, q="\ufdfa" * 3, older="", newer="", size=9).rows == [customer]
    assert max(map(len, words(customer))) <= 40


@pytest.mark.parametrize(
    ("typed", "terms"),
    [
        ("@Ana_Lima", ["ana_lima"]),
        ("  ana   ANA bo ", ["ana", "bo"]),
        ("%", []),
        ("", []),
        ("'; --", []),
        ("a" * 90, ["a" * 40]),
    ],
)
def test_terms(db, typed, terms):
    assert terms_of(typed) == terms


def test_the_tags_of_a_workspace_are_its_own_and_each_once(house):
    factories.house().customer(tags=["elsewhere"])
    for tags in (["b", "a"], ["a"], ["Ä"]):
        house.customer(tags=tags)
    assert tags_of(house.marketer) == ["a", "b", "Ä"]
    assert tags_of(house.marketer, most=1) == ["a"]


def test_folding_is_immutable_to_postgresql(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT proname FROM pg_proc WHERE provolatile <> 'i' AND proname = ANY(%s)",
            [["customers_fold", "customers_words", "customers_terms", "customers_has_word"]],
        )
        assert cursor.fetchall() == []
