"""Families of phrases: what they mark, and the near misses that they leave alone."""

import pytest

from outreach.guidance import Severity, read
from outreach.guidance.language import language
from tests.guidance.reports import MARIA, found, marked, warned_of

MARKED = [
    ("automatic.thanks", "Thanks for following!", "Thanks for following"),
    ("automatic.thanks", "thank you so much for the follow :)", "thank you so much for the follow"),
    ("automatic.thanks", "Thx for connecting", "Thx for connecting"),
    ("automatic.thanks", "Hey, appreciate the follow.", "appreciate the follow"),
    ("automatic.look", "Check out my site", "Check out my site"),
    ("automatic.look", "come and CHECK OUT OUR NEW SHOP", "come and CHECK OUT OUR"),
    ("automatic.look", "Follow us on Instagram", "Follow us on Instagram"),
    ("automatic.look", "The link is in: link in bio", "link in bio"),
    ("link.click", "Click here for more", "Click here"),
    ("link.click", "Go to inkloom.example now", "Go to inkloom.example"),
    ("selling.services", "Logo design at an affordable price", "at an affordable price"),
    ("selling.ask", "Would you be open to learning more?", "Would you be open to learning"),
    ("selling.product", "We built a tool that saves hours", "We built a tool"),
    ("comment.promotion", "plz sub to my channel", "my channel"),
    ("comment.promotion", "Like and subscribe", "Like and subscribe"),
    ("job.offer", "A part time job for you", "part time job"),
    ("job.offer", "Salary is $300 daily", "Salary is $300"),
    ("gift.bait", "Here's a little gift for you", "Here's a little gift for"),
    ("gift.bait", "A gift is waiting for you", "gift is waiting for you"),
    ("account.alarm", "We temporarily locked it", "temporarily locked"),
    ("account.alarm", "Your parcel is on hold", "Your parcel is on hold"),
    ("adult.bait", "Come see my private pics", "see my private"),
    ("money.premium-rate", "Only 150p/msg", "150p/msg"),
    ("automatic.flattery", "Love your content!", "Love your content"),
    ("automatic.flattery", "I came across your profile today", "came across your profile"),
    ("generic.opener", "I hope this message finds you well.", "I hope this message finds you well"),
    ("generic.opener", "Just checking in.", "Just checking in"),
    ("generic.opener", "Quick question: are you there?", "Quick question"),
    ("generic.letter", "Dear Sir/Madam, we write", "Dear Sir"),
    ("generic.letter", "To whom it may concern", "To whom it may concern"),
    ("growth", "Grow your audience with me", "Grow your audience"),
    ("growth", "Follow for follow?", "Follow for follow"),
    ("selling.outright", "Buy now", "Buy now"),
    ("selling.outright", "Order yours today.", "Order yours today"),
    ("selling.outright", "Everything is 20% off", "20% off"),
    ("selling.outright", "Use code FOX10 for more", "Use code FOX10 for"),
    ("selling.pitch", "We help small businesses grow", "We help small businesses"),
    ("selling.pitch", "Hop on a quick call?", "Hop on a quick call"),
    ("selling.pitch", "Are you still struggling?", "Are you still struggling"),
    ("selling.join", "Be your own boss", "Be your own boss"),
    ("urgency", "Hurry, only 3 left", "only 3 left"),
    ("urgency", "Don't miss out", "Don't miss out"),
    ("urgency", "dont miss out", "dont miss out"),
    ("hype", "A once in a lifetime thing", "once in a lifetime"),
    ("hype", "Results guaranteed", "Results guaranteed"),
    ("money", "Earn $500 a week", "Earn $500"),
    ("money", "Join our crypto group", "crypto group"),
    ("prize", "You have won a cruise", "You have won"),
    ("prize", "Get a free gift card", "Get a free gift card"),
    ("phish", "Is this you in this video?", "Is this you in"),
    ("phish", "Your account has been suspended", "Your account has been suspended"),
    ("money.premium", "Txt WIN to 87121", "Txt WIN to 87121"),
    ("money.premium-number", "Call 09061701461 and listen", "09061701461"),
    ("selling.prospect", "Who handles your payroll at Meridian?", "Who handles your payroll at"),
    ("selling.prospect", "Are you taking on new patients?", "Are you taking on"),
    ("selling.claim", "We recently helped a bakery near you.", "We recently helped a"),
    ("selling.claim", "Firms like yours pay too much.", "Firms like yours"),
    ("selling.sample", "May I send you our rate card?", "May I send you"),
    ("selling.sample", "Mind if I share a draft?", "Mind if I share a"),
    ("selling.trade", "I help dentists fill their mornings.", "I help dentists"),
    ("selling.trade", "Our factory makes bottles.", "Our factory makes"),
    ("selling.interest", "Reply if interested.", "Reply if interested"),
    ("selling.scheme", "We are growing in your area.", "growing in your area"),
    ("automatic.welcome", "Welcome to the tribe!", "Welcome to the tribe"),
    ("automatic.welcome", "Let's grow together.", "Let's grow"),
    ("promotion", "Visit my Etsy shop.", "Visit my Etsy shop"),
    ("promotion", "My new single is out everywhere.", "My new single is"),
    ("collab", "We'd love to gift you a hat.", "We'd love to gift"),
    ("collab", "Post a photo and tag us.", "tag us"),
    ("money.made", "Multiply your savings with me.", "Multiply your savings"),
    (
        "phish.bait",
        "Someone posted a terrible thing about you",
        "Someone posted a terrible thing about you",
    ),
    ("job.bait", "Get paid $40 per review.", "paid $40 per review"),
    ("comment.audience", "Sub to me, I sub back", "Sub to me"),
    ("romance", "Add me on kik tonight", "Add me on kik"),
    ("account.notice", "You have an unpaid toll.", "unpaid toll"),
    ("gift.claim", "Fifty free spins for you", "free spins"),
]


@pytest.mark.parametrize(("rule", "text", "words"), MARKED)
def test_a_phrase_is_marked_on_its_very_words(rule, text, words):
    assert words in marked(text, rule)
    for finding in found(text, rule):
        assert finding.severity is Severity.WARN
        assert finding.weight > 0
        assert finding.message
        assert finding.suggestion
        assert finding.source


def test_every_family_that_warns_is_tried():
    entries = language().entries
    families = {phrase.family for phrase in language().book.phrases() if phrase.family in entries}
    warning = {name for name in families if entries[name].severity is Severity.WARN}
    assert warning - {rule for rule, _, _ in MARKED} == set()


LEFT_ALONE = [
    "Hi Maria, thanks for the lovely photo of the tee.",
    "Hi Maria, thank you for your order. It follows tomorrow.",
    "Hi Maria, the site was down this morning. It is back.",
    "Hi Maria, check whether the parcel came?",
    "Hi Maria, I loved your drawing of the heron.",
    "Hi Maria, you asked which ink we use.",
    "Hi Maria, I'm printing your order today.",
    "Hi Maria, the book is about owls. Did you get it?",
    "Hi Maria, the heron won the vote by two to one.",
    "Hi Maria, there is no hurry at all.",
    "Hi Maria, we never ask for your password.",
    "Hi Maria, our shop is closed on Monday.",
    "Hi Maria, the class is free of noise.",
    "Hi Maria, the price tag fell off. How much was it?",
    "Hi Maria, may I ask which size you wear?",
    "Hi Maria, who looks after the cat while you are away?",
    "Hi Maria, shall I hold the blue one until Friday?",
    "Hi Maria, your sister said you moved. What is your new address?",
    "Hi Maria, the link on your page about owls leads nowhere.",
    "Hi Maria, our café is open until six.",
    "Hi Maria, the steps are here: help.inkandloom.example/wash",
]


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_near_misses_are_left_alone(text):
    assert warned_of(text) == set()


def test_a_phrase_does_not_reach_over_the_end_of_a_sentence():
    assert marked("I cannot buy. Now it rains.", "selling.outright") == []
    assert marked("I cannot buy now.", "selling.outright") == ["buy now"]


def test_a_sentence_that_only_says_the_phrase_can_be_left_out():
    text = "Hi Maria. Just checking in. Did the fox tee arrive?"
    (finding,) = found(text, "generic.opener")
    assert finding.fix is not None
    assert finding.fix.apply(text) == "Hi Maria. Did the fox tee arrive?"


def test_a_sentence_that_says_more_is_not_left_out_at_a_click():
    (finding,) = found("Hi Maria. Order yours today and it ships by Friday.", "selling.outright")
    assert finding.fix is None


def test_the_only_sentence_is_not_left_out_at_a_click():
    (finding,) = found("Just checking in.", "generic.opener")
    assert finding.fix is None


def test_praise_is_not_earned_in_a_sentence_of_spam():
    assert marked("Hi Maria. Have a great day.", "praise.answer") == ["Have a great day"]
    spam = "Hi Maria. Buy now and have a great day."
    assert marked(spam, "praise.answer") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Here's a short video for you.", "Here's a short video"),
        ("The second mug is on us.", "on us"),
        ("A look at how it's made", "look at how it's made"),
    ],
)
def test_something_given_is_praised(text, words):
    assert marked(text, "praise.gift") == [words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Looking forward to your reply.", "Looking forward to your"),
        ("Let us know if it fits.", "Let us know if"),
        ("Thank you for trusting us.", "Thank you for trusting"),
    ],
)
def test_thanks_wishes_and_invitations_are_praised(text, words):
    assert marked(text, "praise.answer") == [words]


@pytest.mark.parametrize(
    "text",
    [
        "Send me your password.",
        "Reply with your card number and CVV.",
        "What is your PIN?",
        "We need your bank details to go on.",
        "Confirm your social security number.",
    ],
)
def test_asking_for_a_secret_blocks(text):
    (finding, *_) = found(text, "secret.asked")
    assert finding.severity is Severity.BLOCK


@pytest.mark.parametrize(
    "text",
    [
        "Never send your password to anybody.",
        "We will not ask for your card number.",
        "You can reset your password on our site.",
        "Send us your address.",
        "I have a pin for your hat.",
    ],
)
def test_speaking_of_secrets_is_not_asking_for_them(text):
    assert found(text, "secret.asked") == []


def test_leading_to_a_help_page_is_an_answer():
    help_page, shop = "help.inkandloom.com", "shop.inkandloom.com"
    assert found(f"Please visit our site {help_page}", "automatic.look") == []
    assert found(f"Please visit our site {shop}", "automatic.look") != []


def test_a_time_is_no_price_of_a_text():
    assert found("The class begins at 7.15pm or 2:30 pm.", "money.premium-rate") == []
    assert found("Texts cost 150p/msg.", "money.premium-rate") != []


def test_words_of_letters_take_off_less_than_the_phrase_beside_them():
    findings = read("Thanks for your patience, hope you like it tomorrow, act now", MARIA).findings
    phrase = sum(each.weight for each in findings if each.rule == "urgency")
    letters = sum(each.weight for each in findings if each.rule == "words.often-letters")
    assert letters < 0
    assert phrase > -letters
