"""`python -m outreach.guidance`: JSON lines in, JSON lines out."""

import json
import os
import resource
import subprocess
import sys

import pytest

from outreach.guidance.__main__ import answer
from outreach.guidance.lines import LineError


def run(stdin: bytes, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "outreach.guidance"],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_a_letter_is_answered_with_verdict_score_and_findings():
    text = "Hi Tom, thanks for following!"
    letter = {
        "id": "m1",
        "text": text,
        "recipient": {"name": "Maria", "handle": "maria"},
        "brand": "Ink & Loom",
    }
    done = run(json.dumps(letter).encode() + b"\n")
    assert (done.returncode, done.stderr) == (0, b"")
    (line,) = done.stdout.decode().splitlines()
    report = json.loads(line)
    assert list(report) == ["id", "verdict", "score", "findings"]
    assert (report["id"], report["verdict"]) == ("m1", "spam")
    assert 0.5 <= report["score"] <= 1
    keys = ["rule", "severity", "start", "end", "message", "suggestion", "source"]
    assert [list(finding) for finding in report["findings"]] == [keys] * len(report["findings"])
    spans = {f["rule"]: text[f["start"] : f["end"]] for f in report["findings"]}
    assert spans["greeting.other-name"] == "Tom"
    assert spans["automatic.thanks"] == "thanks for following"


def test_bad_lines_are_named_and_the_rest_is_answered():
    lines = [
        b'{"id": 1, "text": "Hi"}',
        b"{nonsense",
        b'["a list"]',
        b"",
        b'{"id": 2}',
        b'{"text": "Hi"}',
        b'{"id": 3, "text": 7}',
        b'{"id": 4, "text": "Hi", "recipient": "Maria"}',
        b'{"id": 5, "text": "Hi", "recipient": {"name": 1}}',
        b'{"id": 6, "text": "\xff"}',
        b'{"id": [], "text": "Hi"}',
        b"[" * 100_000,
        b'{"id": 7, "text": "Hi"}',
    ]
    done = run(b"\n".join(lines))
    assert done.returncode == 1
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 7]
    assert done.stderr.decode().splitlines() == [
        "line 2: not JSON at character 2: Expecting property name enclosed in double quotes",
        "line 3: not a JSON object",
        'line 5: "text" is missing',
        'line 6: "id" is missing',
        'line 7: "text" is not text',
        'line 8: "recipient" is not an object',
        'line 9: "name" is not text',
        "line 10: not UTF-8 at byte 20",
        'line 11: "id" is neither text nor a number',
        "line 12: not JSON that can be read: nested too deeply or a number too long",
    ]


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_it_speaks_utf_8_whatever_the_locale_says(locale):
    letter = json.dumps({"id": "é", "text": "Grüße 🔥🔥🔥"}, ensure_ascii=False).encode()
    done = run(letter, LC_ALL=locale, LANG=locale, PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    report = json.loads(done.stdout.decode("utf-8"))
    assert report["id"] == "é"
    (finding,) = [entry for entry in report["findings"] if entry["rule"] == "shouting.emoji"]
    assert finding["message"].startswith("🔥🔥🔥")
    assert (finding["start"], finding["end"]) == (6, 9)


def test_half_a_surrogate_pair_is_answered_too():
    line = answer(b'{"id": "\\ud83d", "text": "free \\ud83d"}')
    assert json.loads(line)["id"] == "\ud83d"


def test_a_number_serves_as_id_and_truth_does_not():
    assert json.loads(answer(b'{"id": 12, "text": "Hi"}'))["id"] == 12
    with pytest.raises(LineError):
        answer(b'{"id": true, "text": "Hi"}')


def test_each_answer_comes_before_the_next_letter_is_read():
    with subprocess.Popen(
        [sys.executable, "-m", "outreach.guidance"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for ident in range(3):
            process.stdin.write(json.dumps({"id": ident, "text": "Hi"}).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == ident
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_reader_that_goes_away_ends_it_quietly():
    with subprocess.Popen(
        [sys.executable, "-m", "outreach.guidance"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, errors = process.communicate(b'{"id": 1, "text": "Hi"}\n' * 10, timeout=30)
        assert (process.returncode, errors) == (141, b"")


def test_an_unknown_argument_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "outreach.guidance", "--nonsense"],
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[0] == "unknown argument: --nonsense"


def test_a_thousand_letters_take_less_than_three_seconds():
    lines = [
        json.dumps({"id": n, "text": f"Hi Maria, print {n} is dry. Check out my site bit.ly/x{n}!"})
        for n in range(1000)
    ]
    # The processor's time of that process, start-up and all: a busy machine does not count.
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = run("\n".join(lines).encode())
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == list(range(1000))
    assert took < 3


def test_it_imports_no_django_and_no_other_room():
    code = (
        "import sys, outreach.guidance.__main__\n"
        "rooms = {name.split('.')[1] for name in sys.modules if name.startswith('outreach.')}\n"
        "print(sorted(rooms), 'django' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.decode().strip() == "['guidance'] False"
