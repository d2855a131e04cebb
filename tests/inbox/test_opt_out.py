"""Which messages ask us to stop: those that say nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.inbox.opt_out import reads_as_stop, verdict

STOPS = {
    "en": ["STOP", "stop.", "Stop!!!", "please stop", "Stop, thanks", "sToP 🛑", "STOOOP", "“stop”",
           "stop stop stop", "S T O P", "s.t.o.p", "unsubscribe", "Opt-out", "opt out pls", "leave me alone",
           "Don’t message me again", "ok stop now please", "\u200bstop\ufe0f", "ＳＴＯＰ", "remove me from your list"],
    "ja": ["停止", "配信停止をお願いします", "やめてください。", "もう送らないでください！", "DMを送らないで", "ストップ"],
    "es": ["BAJA", "¡Basta ya!", "Para", "no me escriban más, por favor", "Darme de baja", "Déjenme en paz"],
    "pt": ["Pare", "SAIR", "não me mande mais mensagens", "Nao quero receber mais mensagens.", "me deixa em paz pfv"],
    "id": ["Berhenti", "tolong berhenti", "Jangan DM saya lagi", "stop dm", "nyahlanggan"],
    "ar": ["توقف", "إلغاء الاشتراك", "لا تُراسلني", "من فضلكم توقفوا", "لا تراسلوني مرة أخرى"],
    "fr": ["Arrêt", "ARRETEZ SVP", "ça suffit", "Désabonnez-moi, merci", "ne m’écrivez plus", "Laissez-moi tranquille !"],
    "tr": ["DUR", "dur lütfen", "İPTAL", "ıptal", "Bana mesaj atmayın", "rahatsız etmeyin"],
    "th": ["หยุด", "หยุดส่งข้อความครับ", "กรุณาหยุด", "อย่าส่งมาอีกนะคะ", "ยกเลิก"],
    "ko": ["그만", "그만 보내세요", "제발 그만해주세요", "수신거부", "연락하지 마세요."],
    "de": ["STOPP", "Bitte abmelden", "Hör auf", "Lasst mich in Ruhe!", "keine Nachrichten mehr, danke"],
}  # fmt: skip
NO = {
    "en": ["stop by the shop", "don't stop", "Don’t stop!", "non-stop", "I can't stop smiling", "Stop: hammer time",
           "when does the sale stop?", "bus stop", "full stop", "cancel my order", "the end of the world", "no thanks",
           "no", "", "🙂", "please", "thanks", "stopping by at six", "unstoppable", "hi", "STOPWATCH",
           "could you stop the print at 50?", "remove me a doubt: A4 or A3?"],
    "ja": ["停止線のポスターはありますか", "止められない面白さ", "なう", "ありがとうございます", "停止中ですか"],
    "es": ["para ti", "para mañana", "no pares", "parada de bus", "gracias", "la planta baja", "¿para cuándo?"],
    "pt": ["para sempre", "não pare", "parabéns", "vou sair agora", "para mim, por favor", "obrigado"],
    "id": ["jangan berhenti", "berhenti di toko", "terima kasih", "saya keluar sebentar"],
    "ar": ["لا تتوقف", "شكرا", "متى يتوقف العرض؟", "قف عند المتجر"],
    "fr": ["arrêt de bus", "n'arrêtez pas", "n'arrêtez jamais", "merci", "assez grand", "plus de messages comme ça !"],
    "tr": ["durmayın", "dur bakalım", "teşekkürler", "iptal etmedim", "dünya"],
    "th": ["อย่าหยุด", "ขอบคุณครับ", "วันหยุดเปิดไหม", "ร้านหยุดวันไหน"],
    "ko": ["그만큼 좋아요", "멈추지 마", "감사합니다", "정지 화면 포스터 있나요"],
    "de": ["nicht aufhören", "Bushaltestelle", "halt mal an der Ecke", "danke", "Stoppuhr"],
}  # fmt: skip
UNSURE = [
    "how do I unsubscribe from the paper one?",
    "I love the prints but please stop messaging me on Sundays",
    "Leave me alone or I report you to X, this is the third time",
    "¿cómo puedo darme de baja del boletín?",
    "Comment se désabonner de la lettre ?",
    "配信停止の方法を教えてくれませんか",
    "왜 계속 dm 보내지 마 라고 했는데",
    "Wie kann ich den Katalog abbestellen, nicht die DMs?",
    "Lütfen artık bana mesaj atmayın diye kaç kez söyledim",
]


def rows(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), rows(STOPS))
def test_a_message_that_is_nothing_but_stop_is_one(language, text):
    assert verdict(text) == "stop"


@pytest.mark.parametrize(("language", "text"), rows(NO))
def test_a_message_with_such_a_word_among_others_is_none(language, text):
    assert verdict(text) == "no"


@pytest.mark.parametrize("text", UNSURE)
def test_what_nobody_says_by_chance_in_a_longer_message_is_for_a_person(text):
    assert verdict(text) == "unsure"
    assert reads_as_stop(text) is None


def test_the_ten_most_used_languages_and_one_more_are_there():
    data = tomllib.loads(files("outreach.inbox").joinpath("opt_out.toml").read_text("utf-8"))
    assert set(data) == set(STOPS) == set(NO)
    for words in data.values():
        assert set(words) == {"whole", "within", "courtesy"}
        for each in words["whole"]:
            assert verdict(each) == "stop", each
        for each in words["courtesy"]:
            assert verdict(each) == "no", each


@given(st.text(max_size=200))
def test_any_text_has_a_verdict(text):
    assert verdict(text) in {"stop", "unsure", "no"}


@given(st.sampled_from([text for _, text in rows(STOPS)]), st.sampled_from(" .!?…🙏\n\t\u200b"))
def test_decoration_around_a_stop_changes_nothing(text, mark):
    assert verdict(f"{mark}{text}{mark}{mark}") == "stop"


@given(st.sampled_from([text for _, text in rows(STOPS)]))
def test_a_stop_that_is_taken_up_in_a_longer_sentence_is_no_stop(text):
    assert verdict(f"my friend wrote {text} on the blue poster") != "stop"


def test_a_very_long_message_is_read_soon():
    started = time.process_time()
    assert verdict("please " * 100_000 + "stop") == "no"
    assert verdict("stop " * 10 + "please " * 4) == "stop"
    assert time.process_time() - started < 2


# --- the command ------------------------------------------------------------------------------


def command(lines: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "outreach.inbox.opt_out", *arguments],
        input=lines,
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_command_answers_line_by_line():
    lines = [
        {"id": 1, "text": "STOP"},
        {"id": "b", "text": "don't stop"},
        {"id": 3, "text": "how do I unsubscribe?"},
        {"id": 4, "text": "やめてください"},
    ]
    done = command("\n".join(json.dumps(line, ensure_ascii=False) for line in lines).encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": 1, "verdict": "stop"},
        {"id": "b", "verdict": "no"},
        {"id": 3, "verdict": "unsure"},
        {"id": 4, "verdict": "stop"},
    ]


def test_a_line_that_cannot_be_read_is_named_and_the_others_are_answered():
    secret = "only between us"
    done = command(
        b'nonsense\n\n{"id": 1}\n{"text": "stop"}\n[1]\n'
        + json.dumps({"id": 2, "text": 5, "note": secret}).encode()
        + b'\n{"id": 3, "text": "stop"}\n'
    )
    assert done.returncode == 1
    assert [json.loads(line) for line in done.stdout.splitlines()] == [{"id": 3, "verdict": "stop"}]
    assert [line.split(b":")[0] for line in done.stderr.splitlines()] == [
        b"line 1", b"line 3", b"line 4", b"line 5", b"line 6",
    ]  # fmt: skip
    assert secret.encode() not in done.stderr


def test_the_command_explains_itself_and_refuses_what_it_does_not_know():
    assert command(b"", "--help").stdout.startswith(b"usage: python -m outreach.inbox.opt_out")
    assert command(b"", "--loud").returncode == 2


def test_it_needs_no_django():
    script = (
        "import sys, outreach.inbox.opt_out as o; o.verdict('x'); print('django' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"
