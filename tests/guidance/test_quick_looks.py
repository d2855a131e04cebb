"""A quick look before a slow expression never overlooks what the expression would find."""

from importlib import import_module

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# By name: the package's names for rules hide its modules of the same names.
disguise = import_module("outreach.guidance.disguise")
form = import_module("outreach.guidance.rules.form")
links = import_module("outreach.guidance.rules.links")
personal = import_module("outreach.guidance.rules.personal")
said = import_module("outreach.guidance.rules.said")

LOOKS = {
    "mixed": (disguise._MIXED, disguise._MAY_BE_MIXED.search),
    "apart": (disguise._APART, disguise._MAY_BE_APART.search),
    "card": (personal._CARD, personal._MANY_DIGITS.search),
    "phone": (personal._PHONE, personal._MANY_DIGITS.search),
    "signed": (form._SIGNED, form._MAY_BE_SIGNED.search),
    "print": (said._SMALL_PRINT, said._may_hold_print),
    "broken": (links._BROKEN, links._may_be_broken),
}
FOUND = {
    "mixed": ["fr33", "c@sh", "cl!ck", "b4", "4u", "m0ney!", "wi|l"],
    "apart": ["f r e e", "f.r.e.e", "a  b  c", "$ 5 0", "f*r - e e, b*u*y"],
    "card": ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"],
    "phone": ["+44 20 7946 0958", "(020) 7946 0958", "0044.20.7946.0958", "020 (7946) 0958"],
    "signed": ["Your print is dry. - Tom", "^JL", "Dry now, Tom!", "\u2014 Tom Fox", "Tom"],
    "print": [
        "150p/msg", "20 p per min", "10pm", "\u00a31.50 per week", "gbp 3/wk", "txt win to 87121",
        "reply a b c to 12345", "p.o. box 7", "pobox 12", "t&c's", "t and c", "tandc", "t n cs", "tnc",
        "18+", "16 yrs", "18 only", "16 & over", "stop1234", "call87121", "msg rcvd", "std rates",
    ],
    "broken": ["site[.]com", "site (dot) net", "site DOT org", "site(.)io", "hXXps://a.co"],
}  # fmt: skip
pieces = st.one_of(
    st.sampled_from([text for texts in FOUND.values() for text in texts]),
    st.sampled_from(
        ["a", "I", " ", "  ", ".", ",", "-", "_", "'", "1", "50", "p", "t", "c", "&", "@"]
    ),
    st.text(max_size=3),
)
texts = st.lists(pieces, max_size=6).map("".join)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind in FOUND for text in FOUND[kind]])
def test_an_expression_finds_its_examples(kind, text):
    expression, may_find = LOOKS[kind]
    assert expression.search(text)
    assert may_find(text)


@given(texts)
@settings(deadline=None, max_examples=400)
def test_a_quick_look_overlooks_nothing(text):
    for kind, (expression, may_find) in LOOKS.items():
        for written in (text, text.lower()):
            if expression.search(written):
                assert may_find(written), kind
