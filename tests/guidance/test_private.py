"""Links that borrow or track, private data, tags, long sentences, other languages."""

import pytest

from outreach.guidance import Context, Recipient, Severity, Verdict, read
from tests.guidance.reports import MARIA, found, marked


@pytest.mark.parametrize(
    ("link", "plain"),
    [
        ("https://paypa1.com/x", "paypal"),
        ("https://apple.com.sign-in.example/x", "apple"),
        ("https://secure-netflix.example/x", "netflix"),
    ],
)
def test_an_address_that_borrows_a_name_is_warned_of(link, plain):
    (finding,) = found(f"The film: {link}", "link.look-alike")
    assert plain in finding.message


@pytest.mark.parametrize(
    "link", ["https://www.apple.com/x", "https://support.apple.com", "https://inkandloom.example"]
)
def test_an_address_under_its_own_name_is_not(link):
    assert found(f"The film: {link}", "link.look-alike") == []


def test_tracking_is_taken_out_at_a_click():
    text = "The film: https://a.example/x?utm_source=dm&id=7&fbclid=1#top, enjoy"
    (finding,) = found(text, "link.tracking")
    assert finding.fix is not None
    assert finding.fix.apply(text) == "The film: https://a.example/x?id=7#top, enjoy"
    assert found("The film: https://a.example/x?id=7", "link.tracking") == []


def test_a_link_by_itself_is_noted():
    assert marked("It is dry. inkandloom.example/fox", "link.bare") == ["inkandloom.example/fox"]
    assert marked("The film:\ninkandloom.example/fox", "link.bare") == []


def test_card_and_account_numbers_block():
    for text, rule in [
        ("Your card 4111 1111 1111 1111 was charged", "personal.card"),
        ("Pay to GB82 WEST 1234 5698 7654 32 please", "personal.account"),
    ]:
        (finding,) = found(text, rule)
        assert finding.severity is Severity.BLOCK
        assert read(text, MARIA).verdict is not Verdict.GOOD


@pytest.mark.parametrize(
    "text",
    [
        "Order 4111 1111 1111 1112 is packed",
        "Parcel 0000 0000 0000 0000 left",
        "Ref GB00 WEST 1234 5698 7654 32",
    ],
)
def test_other_long_numbers_do_not(text):
    assert found(text, "personal.card") == []
    assert found(text, "personal.account") == []


def test_mail_addresses_and_phone_numbers_are_noted():
    text = "Write to jo@inkandloom.example or call +44 20 7946 0958"
    assert marked(text, "personal.mail") == ["jo@inkandloom.example"]
    assert marked(text, "personal.phone") == ["+44 20 7946 0958"]
    assert found("It was 2024-05-04 at 10:30", "personal.phone") == []


def test_hashtags_and_mentions_of_others_are_out_of_place():
    context = Context(recipient=Recipient(name="Maria", handle="mariapaints"), brand="InkLoom")
    text = "Hi @mariapaints, @bob loves #foxes by @inkloom"
    assert marked(text, "form.hashtag", context) == ["#foxes"]
    assert marked(text, "form.mention", context) == ["@bob"]


def test_a_long_sentence_and_hard_words_are_quiet_notes():
    long = "Hi Maria, " + "the fox is dry and " * 9 + "which one is yours?"
    (finding,) = found(long, "form.long-sentence")
    assert finding.quiet
    hard = "Organisational considerations necessitate prioritisation of communication. " * 6
    (finding,) = found(hard, "form.hard")
    assert finding.quiet
    assert found("Hi Maria, the fox is dry. " * 10, "form.hard") == []


@pytest.mark.parametrize(
    "text", ["It is dry. — Tom", "It is dry. ^JR", "It is dry.\n\nTom", "It is dry. - Dr. Amy"]
)
def test_who_signs_is_praised(text):
    assert marked(text, "praise.signed") != []


@pytest.mark.parametrize(
    ("text", "tongue"),
    [
        ("Hola María, gracias por tu pedido. ¿Cuando puede llegar para el taller?", "Spanish"),
        ("Hallo Maria, danke für die Bestellung, wir haben sie mit Freude gedruckt.", "German"),
        ("Привет, Мария, спасибо за заказ", "another script"),
    ],
)
def test_another_language_is_said_and_gets_the_rules_that_hold(text, tongue):
    report = read(text + " http://192.168.7.1/x !!!", MARIA)
    rules = {finding.rule for finding in report.findings}
    assert {"language.other", "link.disguised", "shouting.marks"} <= rules
    assert not rules & {"call.none", "greeting.none", "speaking.to", "words.person"}
    assert any(tongue in finding.message for finding in report.findings)


@pytest.mark.parametrize(
    "text",
    ["Hi Maria, the café in Malmö is open", "lor wat time u reach ah", "Gracias Maria", "ok"],
)
def test_english_with_a_word_of_another_is_english(text):
    assert found(text, "language.other") == []
