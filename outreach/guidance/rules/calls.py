"""The call to action: the one thing the reader is asked to do next."""

from __future__ import annotations

from collections.abc import Iterator

from outreach.guidance.rules.base import Mark, Reading

# From this many on, a reader no longer knows which of them is meant.
_SEVERAL = 3


def call_to_action(reading: Reading) -> Iterator[Mark]:
    """Exactly one call is praise, none a quiet note, several a warning.

    A question counts as the call where nothing else is asked. The line on how to stop and an open
    'let us know if …' are no calls.
    """
    view = reading.view
    if not view.tokens:
        return
    stops = {view.sentence_at(reading.span(hit)[0]) for hit in reading.cue("cue.stop")}
    calls = [
        hit
        for hit in reading.cue("cue.call")
        if view.sentence_at(reading.span(hit)[0]) not in stops
    ]
    in_sentences = {view.sentence_at(reading.span(hit)[0]) for hit in calls}
    questions = [sentence for sentence in view.sentences if sentence.question]
    if len(in_sentences) >= _SEVERAL:
        start, end = reading.span(calls[-1])
        yield Mark("call.several", start, end, values={"count": len(in_sentences)})
    elif not calls and not questions:
        if not reading.cue("praise.answer"):
            end = len(reading.text.rstrip())
            yield Mark("call.none", end, end)
    elif len(in_sentences) == 1 and reading.is_clean(calls[0]):
        start, end = reading.span(calls[0])
        yield Mark("call.one", start, end)
    elif not calls and len(questions) == 1 and questions[0] in reading.clean_sentences:
        yield Mark("call.one", questions[0].start, questions[0].end)
