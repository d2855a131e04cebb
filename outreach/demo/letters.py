"""The letters of the demo: what was written to whom, and what became of it.

Invented for the demo: each tells one thing about how a print is made, and asks at most one thing.
A few are as letters should not be, so that guidance has something to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from outreach.demo.cast import JO, RUTH, SAM, Colleague


class Fate(Enum):
    """How far a letter has come."""

    DRAFT = "draft"
    IN_REVIEW = "in review"
    CHANGES_REQUESTED = "changes requested"
    REJECTED = "rejected"
    QUEUED = "approved, due later"
    WAITING = "approved, and waits for time to pass"
    SENT = "sent"
    BLOCKED = "held back at the gate"
    REFUSED = "X refused it"
    UNSURE = "X did not answer"
    CANCELLED = "cancelled by its author"
    STOPPED = "cancelled because the customer said stop"


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter. `ago`: when its author began it. `leaves_in`: when it is to leave, from now.

    `asked` and `second`: what the manager wanted changed, and the words that came back.
    `answer`: what the customer wrote back. `campaign`: the name of the one it belongs to, if any.
    `beside`: other words of ours that X shows in the conversation since an unsure letter was called.
    """

    to: str
    words: str
    fate: Fate
    ago: timedelta
    person: str = ""
    now: str = ""
    gift: str = ""
    by: Colleague = JO
    reviewer: Colleague = RUTH
    leaves_in: timedelta | None = None
    asked: str = ""
    second: str = ""
    comment: str = ""
    disagreement: str = ""
    answer: str = ""
    campaign: str = ""
    beside: str = ""


# Letters of one intention: how a print is made, to who asked.
FILMS = "How a print is made"


def days(number: float) -> timedelta:
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


LETTERS = (
    # Sent
    Letter(
        "mariasousa_pt",
        "Hi Maria, you asked which ink holds for 40 washes. We filmed the whole otter run for you. "
        "Which animal should we cut next?",
        Fate.SENT, days(8.2),
        "She asked which ink we use on the otter.", "The otter was printed again this week.",
        "A film of the print run, 40 seconds.",
        answer="a heron! please a heron",
    ),
    Letter(
        "daria_koval",
        "Hi Дарʼя, the gold of the moth is pulled twice, very slowly, before anybody has had "
        "coffee. Shall I send you the film of it?",
        Fate.SENT, days(11.4),
        "She asked how the gold gets so even.", "A new batch of moths is drying.",
        "A film of how the gold is pulled.", reviewer=SAM,
        answer="Так! Yes please.",
        campaign=FILMS,
    ),
    Letter(
        "leila_haddad_",
        "Hi ليلى, your scarf is woven on a 1950s loom in Guimarães. I drew you its pattern card. "
        "May I send you the drawing?",
        Fate.SENT, days(6.8),
        "She asked what her scarf is woven on.", "I was at the mill on Tuesday.",
        "A drawing of the pattern card of her scarf.",
        answer="Yes please, I would frame it.",
    ),
    Letter(
        "tearohangata",
        "Kia ora Te Aroha, the fern you like was cut from one block, no second try. "
        "I kept the first proof for you. Where may I post it?",
        Fate.SENT, days(10.1),
        "She said that the fern reminds her of home.", "The block is worn and will be put away.",
        "The first proof of the fern.", by=RUTH, reviewer=SAM,
        answer="You are kidding. I am in Raglan, sending you the address.",
    ),
    Letter(
        "benokafor",
        "Hi Ben, the badger on your tote has 61 hairs; I counted while cutting. "
        "Here is how one is cut: inkandloom.example/badger. What do you carry in it?",
        Fate.SENT, days(5.3),
        "He bought the badger tote.", "The film of the cutting is ready.", "The film.",
    ),
    Letter(
        "karlvoss_",
        "Hi Karl, any two-hole button of 15 mm fits your strap. I put one in an envelope for you. "
        "Is your address still the one in Leipzig?",
        Fate.SENT, days(3.1),
        "His tote lost its button.", "He wrote three days ago.", "The button, free.",
        answer="It is. That is kind, thank you.",
    ),
    Letter(
        "aoi_paper",
        "葵さん、こんにちは。夜汽車の版画は三枚の版で刷っています。その工程を短い動画にしました。"
        "ご覧になりますか？",
        Fate.SENT, days(2.2),
        "She owns the night train print.", "The film of its three screens is ready.",
        "A film in which each screen is pulled.",
        campaign=FILMS,
    ),
    Letter(
        "chloemartin_fr",
        "Hi Chloé, at the fair you asked why the night is green. We mix black from green and red; "
        "here is the test strip. Shall I post you one?",
        Fate.SENT, hours(20),
        "She asked at the fair about the green night.", "We mixed the black anew yesterday.",
        "A test strip of the ink.",
    ),
    Letter(
        "minseo_threads",
        "Hi 민서, the beetle on your tee is printed with three greens, light to dark. "
        "We took a photo after each. Want to see them?",
        Fate.SENT, hours(7),
        "Bought the beetle tee.", "The beetle is on the press this week.",
        "Three photos of one beetle.",
        asked="“Our finest beetle yet” is about us. What does 민서 get?",
        second="Hi 민서, the beetle on your tee is printed with three greens, light to dark. "
        "We took a photo after each one for you. Want to see them?",
    ),
    # In review
    Letter(
        "hannahberg",
        "Hi Hannah, you told us the fox is faint. Sorry about that! A new tee is on its way to "
        "you. Would you tell me how it looks?",
        Fate.IN_REVIEW, hours(26),
        "Her fox tee came out faint.", "The new one left this morning.", "A new tee, free.",
        asked="“Sorry about that” says nothing. Whose fault was it, and what does it cost her?",
        second="Hi Hannah, you told us the fox is faint. That is our screen, not you. A new tee "
        "is on its way, free. Would you tell me how it looks?",
    ),
    Letter(
        "aishanoor_k",
        "Hi Aisha, we swept up a kilo of lino offcuts for your ten-year-olds. They cost nothing. "
        "Where in Karachi may we post them?",
        Fate.IN_REVIEW, hours(5.5),
        "She teaches printing and asked for offcuts.", "The bin is full.",
        "A kilo of offcuts, free.",
    ),
    Letter(
        "priyaraman_",
        "Hello, our new moth scarf is here and we are proud of it!! It is the best one so far: "
        "inkandloom.example/moth-scarf",
        Fate.IN_REVIEW, hours(4.2),
        "She bought the last moth scarf.", "The new one is out.", "",
    ),
    Letter(
        "gracewanjiru_",
        "NEW SEASON SALE!!! 20% off everything, today only. Order now, limited stock! Click the "
        "link and follow us for more amazing offers.",
        Fate.IN_REVIEW, hours(3.4),
        "She has bought a heron tee.", "The season begins.", "20 % off.",
        disagreement="It is short and everybody likes a sale. Let us try it once.",
    ),
    Letter(
        "sunita_thapa_",
        "Hi Sunita, pins for the shop in Patan: yes. I put twelve beetles on a card for you to "
        "try. Which colour shall the card be?",
        Fate.IN_REVIEW, hours(2.6),
        "She asked for pins for her shop.", "Twelve beetles were left over.",
        "A card of twelve pins to try.", by=RUTH,
    ),
    Letter(
        "yusuf_prints",
        "Hi Yusuf, we do take one intern in summer. You would mix indigo on the first day. "
        "Would you send me one drawing of yours?",
        Fate.IN_REVIEW, hours(1.3),
        "He asked about interns.", "We plan the summer now.", "An honest answer.",
        leaves_in=days(1.5),
    ),
    # Back to its author
    Letter(
        "siobhan_byrne",
        "Hi Siobhán, the otter towel is printed by hand. We are proud of every one of them. "
        "Would you like to visit the workshop?",
        Fate.CHANGES_REQUESTED, hours(29),
        "She has the otter tea towel.", "The open day is in two weeks.", "A visit.",
        comment="The second sentence speaks about us. Tell her what she would see on the day.",
    ),
    Letter(
        "mateoquispe",
        "Hi Mateo, the fox you wear was drawn in one evening. Here is the pencil sketch: "
        "inkandloom.example/fox-sketch. What should he carry in winter?",
        Fate.CHANGES_REQUESTED, hours(8.5),
        "He bought the fox tee at the fair.", "We draw the winter fox.", "The pencil sketch.",
        comment="Lovely. Say that he met the fox at the Ghent fair, so he knows we remember.",
    ),
    Letter(
        "oskar_lind_",
        "Hi Oskar, you have not ordered for a while and we miss you. Come back and take a look "
        "at what is new.",
        Fate.REJECTED, days(4.4),
        "He has not ordered for a while.", "", "",
        comment="There is nothing in it for Oskar. Write again when we have something of his.",
    ),
    # Still with its author
    Letter(
        "thandiwe_m",
        "Hi Thandiwe, you asked for a protea. I cut a small one in lino last night, just to see. "
        "Shall I ",
        Fate.DRAFT, hours(1.1), "She asked for a protea.", "", "The first proof.",
    ),
    Letter(
        "thuha_sketches",
        "Hi {first_name|there}, the {favourite_print} you like is being cut again. "
        "Want to see the first proof?",
        Fate.DRAFT, hours(0.7), "She bought the beetle tee.", "We cut a new block.", "A proof.",
    ),
    Letter(
        "wkealoha",
        "Aloha {first_name}, the whale on your tee swims left on purpose. May I tell you why?",
        Fate.DRAFT, hours(0.4), "He bought the whale tee.", "", "The story of the whale.",
    ),
    # On their way
    Letter(
        "meitan_draws",
        "Hi Mei, the fern on your apron takes two days to dry. We filmed both in 30 seconds. "
        "Shall I send you the film?",
        Fate.QUEUED, days(1.2),
        "She bought the fern apron.", "The film is ready on Thursday.", "The film.",
        leaves_in=days(1.1),
        campaign=FILMS,
    ),
    Letter(
        "lenapappa",
        "Hi Λένα, we mixed a green for your beetle: two parts fern, one part night. "
        "Shall I keep the first green pin for you?",
        Fate.QUEUED, hours(23),
        "She asked for a green beetle.", "The first ones are ready next week.",
        "The first green pin.", leaves_in=days(2.3),
    ),
    Letter(
        "amara_diallo_",
        "Hi Amara, the indigo of your heron scarf was mixed on a rainy Monday. I wrote down how. "
        "Would you like the recipe?",
        Fate.QUEUED, hours(9.5),
        "She bought the heron scarf.", "The next vat is set up on Monday.", "The indigo recipe.",
        reviewer=SAM, leaves_in=hours(30),
        campaign=FILMS,
    ),
    Letter(
        "karlvoss_",
        "Hi Karl, your button is in the post. It is cut from the same beech as our print frames. "
        "How does the strap hold?",
        Fate.WAITING, hours(6.2),
        "The button was posted.", "It should arrive this week.", "News of his button.",
    ),
    # Not sent, or unsure
    Letter(
        "tomreyes",
        "Hi Tom, the whale is back on a tea towel, as you asked. I kept the first one for you. "
        "Shall I post it?",
        Fate.BLOCKED, days(1.9),
        "He asked for the whale towel.", "It was printed yesterday.", "The first towel.",
    ),
    Letter(
        "elifaydin",
        "Hi Elif, at the fair you watched us pull the heron. We filmed the rest for you. "
        "May I send it?",
        Fate.BLOCKED, hours(15),
        "She watched us print at the fair.", "The film is ready.", "The film.", reviewer=SAM,
    ),
    Letter(
        "lukasz_tea",
        "Hi Łukasz, the moth on your scarf is drawn from one that slept on our window. "
        "Want to see the photo?",
        Fate.BLOCKED, days(2.7),
        "He bought the moth scarf.", "We found the photo again.", "The photo.",
    ),
    Letter(
        "jonas_petr",
        "Hi Jonas, flash sale today only! 30% off all night train tees. Order now before they "
        "are gone: bit.ly/night-train-30",
        Fate.REFUSED, days(3.8),
        "He bought the night train tee.", "The sale.", "30 % off.", reviewer=SAM,
        disagreement="Jonas likes a bargain, he told me so at the fair.",
    ),
    Letter(
        "anaprado",
        "Hi Ana, you asked whether the blue is real indigo. It is, and on Monday we filmed how it "
        "turns from green to blue. Shall I send you the film?",
        Fate.UNSURE, hours(11),
        "She asked about the indigo.", "We mixed a vat on Monday.", "The film of the vat.",
        beside="Hi Ana, one more thing: the vat is blue at last. Greetings from the workshop, Jo",
    ),
    Letter(
        "pedrosalgado_",
        "Hi Pedro, come and see the badger printed on Thursday at three. There is tea. "
        "May I keep you a chair?",
        Fate.CANCELLED, days(2.4),
        "He signed the list at the fair.", "We print on Thursday.", "A chair and tea.",
        leaves_in=hours(20),
    ),
    Letter(
        "ingridsolheim",
        "Hi Ingrid, the fox has a winter coat now. I drew it with yours in mind. "
        "Want to see the drawing?",
        Fate.STOPPED, days(1.6),
        "She bought the fox tee.", "The winter fox is drawn.", "The drawing.",
        leaves_in=hours(26),
    ),
)  # fmt: skip
