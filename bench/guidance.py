"""Figures of guidance: letters a second, one very long letter, and beside its peers.

Times are of processors, so that a busy machine changes them less.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.registry import Measured, figure
from outreach.guidance import Context, Recipient, read

_MARIA = Context(recipient=Recipient(name="Maria Silva", handle="mariapaints"), brand="Ink & Loom")
_PARTS = (
    "Hi Maria, you asked which ink we use, so we filmed the whole run for you.",
    "Thanks for following! Check out my site for 20% off, today only.",
    "Sorry for the delay. Your parcel left the workshop this morning.",
    "Love your content! We help brands like yours grow. Open to a quick call?",
    "Tom picked the heron; which animal would you print next? Jo",
    "Congratulations, you have won a gift card: bit.ly/x!!!",
    "See https://inkandloom.example/fox for the film.",
    "mum says dinner is at seven, are you coming home tonight? lol",
)
_ROUNDS = 7
_BATCH = 20
_LETTERS = 1_000
_LENGTH = 140
_FOR_SPAMASSASSIN = 60


def letters(count: int = _LETTERS) -> list[str]:
    """Letters of about 140 characters, no two alike, always the same."""
    made = []
    for number in range(count):
        first, second = _PARTS[number % 8], _PARTS[(number // 8 + 3) % 8]
        made.append(f"{first} {second} No {number}."[: _LENGTH + 20])
    return made


@figure(goal=2000, better="higher")
def guidance_per_s() -> Measured:
    """Letters of about 140 characters read in one second by one process."""
    texts = letters()
    rate = _rate(lambda text: read(text, _MARIA), texts)
    mean = sum(map(len, texts)) / len(texts)
    return Measured(rate, {"characters_a_letter": round(mean)})


@figure(goal=20, better="lower")
def guidance_10k_ms() -> Measured:
    """Milliseconds to read a letter of 10,000 characters, the longest that X takes."""
    text = " ".join(letters(200))[:10_000]
    best = min(_time(lambda: read(text, _MARIA)) for _ in range(3 * _ROUNDS))
    return Measured(best * 1000, {"characters": len(text)})


@figure(goal=0.3, better="lower")
def guidance_start_s() -> Measured:
    """Seconds until `python -m outreach.guidance` has answered its first letter and ended."""
    line = json.dumps({"id": 1, "text": letters(1)[0]}).encode()
    times = []
    for _ in range(_ROUNDS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "outreach.guidance"], input=line, check=True, capture_output=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return Measured(min(times))


@figure(goal=1, better="higher")
def guidance_vs_peers() -> Measured:
    """Letters a second as a multiple of the fastest peer that is installed.

    proselint reads prose (pip install proselint); SpamAssassin's text rules run without network
    tests (apt-get install spamassassin). What is not installed is named in the detail.
    """
    texts = letters(200)
    ours = _rate(lambda text: read(text, _MARIA), texts)
    peers = {"proselint": _proselint(texts), "SpamAssassin": _spamassassin(texts)}
    rates = {name: rate for name, rate in peers.items() if rate is not None}
    detail = {
        "ours_per_s": round(ours),
        "peers_per_s": {name: round(rate) for name, rate in rates.items()},
        "ratios": {name: round(ours / rate, 1) for name, rate in rates.items()},
        "not_installed": sorted(peers.keys() - rates.keys()),
    }
    return Measured(ours / max(rates.values()) if rates else 0.0, detail)


def _time(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def _rate(act: Callable[[str], object], texts: list[str]) -> float:
    """Texts a second: each batch in its best of some rounds, after one round to warm up.

    Small batches, because on a machine that does other things no long stretch is undisturbed.
    """

    def over(batch: list[str]) -> None:
        for text in batch:
            act(text)

    over(texts)
    batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]
    return len(texts) / sum(
        min(_time(lambda: over(batch)) for _ in range(_ROUNDS))  # noqa: B023
        for batch in batches
    )


def _proselint(texts: list[str]) -> float | None:
    try:
        from proselint.checks import __register__
        from proselint.registry import CheckRegistry
        from proselint.tools import LintFile
    except ImportError:
        return None
    registry = CheckRegistry()
    if not registry.checks:
        registry.register_many(__register__)
    return _rate(lambda text: LintFile(source="letter", content=text).lint(), texts[:100])


def _spamassassin(texts: list[str]) -> float | None:
    """One process over a mailbox of letters, its start-up measured apart and taken off."""
    program = shutil.which("spamassassin")
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        one = _spamassassin_seconds(program, _mailbox(path / "one", texts[:1]))
        many = _spamassassin_seconds(program, _mailbox(path / "many", texts[:_FOR_SPAMASSASSIN]))
    return (_FOR_SPAMASSASSIN - 1) / max(1e-6, many - one)


def _mailbox(path: Path, texts: list[str]) -> Path:
    mails = [
        f"From a@example.com Mon Jan  1 00:00:00 2024\nFrom: a@example.com\nTo: b@example.com\n"
        f"Subject: letter\nMessage-Id: <{number}@example.com>\n\n{text}\n\n"
        for number, text in enumerate(texts)
    ]
    path.write_text("".join(mails), encoding="utf-8")
    return path


def _spamassassin_seconds(program: str, mailbox: Path) -> float:
    began = time.perf_counter()
    subprocess.run(
        [program, "--local", "--mbox", str(mailbox)], check=False, capture_output=True, timeout=300
    )
    return time.perf_counter() - began
