"""How alike letters are."""

import json
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from outreach.guidance.alike import QUESTION, Letter, how_alike

NAMES = ["Maria", "Tom", "Aisha", "José", "The Mill"]


def letters(template, names=NAMES):
    return [
        Letter(index, template.format(name=name), {"name": name}, name)
        for index, name in enumerate(names)
    ]


def test_letters_that_differ_in_merge_values_alone_are_one_letter():
    report = how_alike(letters("Hi {name}, the fox print is dry. Which one is yours, {name}?"))
    assert (report.shared, report.alike, report.question) == (1.0, 1.0, QUESTION)
    assert [group.ids for group in report.near] == [(0, 1, 2, 3, 4)]


def test_letters_to_people_are_not_alike():
    report = how_alike(
        [
            Letter(1, "Hi Maria, your fox tee left the workshop this morning.", {"n": "Maria"}),
            Letter(2, "Tom, which ink did you think of for the heron?", {"n": "Tom"}),
        ]
    )
    assert (report.shared, report.alike, report.near, report.question) == (0, 0, (), None)


def test_what_half_of_the_text_has_in_common_is_half():
    report = how_alike(
        [
            Letter(1, "aaaa bbbb cccc dddd one two three four", recipient="a"),
            Letter(2, "aaaa bbbb cccc dddd five six seven eight", recipient="b"),
        ]
    )
    assert 0.4 < report.shared < 0.6
    assert report.question is None


def test_one_letter_that_differs_does_not_hide_the_rest():
    same = letters("Hi {name}, the fox print is dry. Which one is yours, tell us today?", NAMES * 4)
    other = Letter("x", "Aisha, thank you for the photo of the heron.", recipient="x")
    report = how_alike([*same, other])
    assert report.shared == 0
    assert report.alike > 0.8
    assert report.question == QUESTION


def test_a_word_or_two_changed_is_near():
    text = "we printed the fox on soft cotton in Porto this week and it looks lovely in the sun"
    report = how_alike([Letter(1, f"Hi, {text}."), Letter(2, f"Hello there, {text}!")])
    assert [group.ids for group in report.near] == [(1, 2)]
    assert report.near[0].alike >= 0.7


def test_the_same_person_told_the_same_again_is_named():
    report = how_alike(
        [
            Letter(1, "The fox print is dry and waits for you.", recipient="maria"),
            Letter(2, "Which heron do you like best of all?", recipient="maria"),
            Letter(3, "The fox print is dry and waits for you!", recipient="maria"),
            Letter(4, "The fox print is dry and waits for you.", recipient="tom"),
        ]
    )
    assert [(again.recipient, again.ids) for again in report.again] == [("maria", (1, 3))]


def test_a_single_letter_is_alike_to_nothing():
    assert how_alike([Letter(1, "The fox is dry.")]).question is None
    assert how_alike([]).letters == 0


def test_a_value_is_taken_out_as_a_word_and_not_inside_words():
    report = how_alike(
        [
            Letter(1, "A man has a plan for a map.", {"size": "a"}, "x"),
            Letter(2, "B man has b plan for b map.", {"size": "B"}, "y"),
        ]
    )
    assert report.shared < 1
    assert how_alike([Letter(1, "x"), Letter(2, "")]).shared == 0


@given(st.lists(st.text(max_size=60), max_size=8), st.text(max_size=5))
@settings(deadline=None)
def test_every_share_is_a_share(texts, value):
    made = [Letter(index, text, {"v": value}, value) for index, text in enumerate(texts)]
    report = how_alike(made)
    assert 0 <= report.shared <= report.alike <= 1
    assert report == how_alike(made)


def test_ten_thousand_letters_are_compared_in_seconds():
    many = [
        Letter(index, f"Hi {index}, note {index % 97} on ink {index % 89} and paper.", {}, index)
        for index in range(10_000)
    ]
    assert how_alike(many).letters == 10_000


def test_the_command_reads_lines_and_writes_one_report():
    lines = [
        {"id": 1, "text": "Hi Maria, the print is dry.", "values": {"first_name": "Maria"},
         "recipient": {"handle": "maria"}},
        {"id": 2, "text": "Hi Tom, the print is dry.", "values": {"first_name": "Tom", "x": None},
         "recipient": "tom"},
        {"id": 3, "text": 7},
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "outreach.guidance", "alike"],
        input="\n".join(json.dumps(line) for line in lines).encode(),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.decode() == 'line 3: "text" is not text\n'
    report = json.loads(done.stdout)
    assert list(report) == [
        "letters", "recipients", "shared", "alike", "near", "again", "question",
    ]  # fmt: skip
    assert (report["letters"], report["shared"], report["question"]) == (2, 1.0, QUESTION)
