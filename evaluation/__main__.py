"""`python -m evaluation [FILE]`: measure by cross-validation, then fit the figures to all messages.

FILE is a JSON lines file of labelled messages (default ../shared/guidance/messages.jsonl). The
project's own messages (practice.jsonl, blind.jsonl) join every fit and are not measured. With
`--keep` nothing is written; with `--as-it-is` the messages are read with the figures there are, and
nothing is fitted: for labelled messages that no weight was fitted to.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path

from evaluation.evidence import Evidence, evidence
from evaluation.figures import (
    area_under_curve,
    precision_recall_f1,
    probability,
    reliability,
)
from evaluation.fitting import LEAST, Model, fit
from evaluation.hiding import WAYS
from evaluation.messages import FOLDS, GOOD_GROUPS, SPAM_GROUPS, Message, folds, load, sources
from outreach.guidance import Severity, read
from outreach.guidance.language import language
from outreach.guidance.rules.wording import FITTED_PERSON, FITTED_SPAM
from outreach.guidance.scoring import SPAM_FROM

MESSAGES = Path("../shared/guidance/messages.jsonl")
WEIGHTS = Path(__file__).parents[1] / "outreach" / "guidance" / "weights.json"
OURS = ("practice.jsonl", "blind.jsonl", "blind2.jsonl")
"""Messages of the project's own, beside this file, that every fit learns from too."""


def main(arguments: list[str]) -> int:
    """Run as a command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="evaluation", description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=MESSAGES)
    parser.add_argument("--keep", action="store_true", help="write no figures")
    parser.add_argument("--as-it-is", action="store_true", help="fit nothing")
    asked = parser.parse_args(arguments)
    if not asked.file.exists():
        sys.stderr.write(f"There is no file {asked.file}. Name one: python -m evaluation FILE\n")
        return 2
    messages = load(asked.file)
    found = [evidence(message.text, message.context) for message in messages]
    parted = sources(messages)
    fold_of = folds(parted)
    ours = [message for name in OURS for message in load(Path(__file__).with_name(name))]
    ours_found = [] if asked.as_it_is else [evidence(each.text, each.context) for each in ours]
    ours_parted = sources(ours)
    models = []
    for fold in range(FOLDS):
        if asked.as_it_is:
            models.append(_model_as_it_is())
            continue
        kept = [index for index, other in enumerate(fold_of) if other != fold]
        models.append(
            fit(
                [*(messages[index] for index in kept), *ours],
                [*(found[index] for index in kept), *ours_found],
                [*(parted[index] for index in kept), *ours_parted],
            )
        )
    how = "with the figures as they are" if asked.as_it_is else f"{FOLDS} folds, grouped by source"
    out = sys.stdout.write
    out(f"{len(messages)} messages of {len(set(parted))} sources, {how}\n")
    out("\n" if asked.as_it_is else f"{len(ours)} messages of our own learned from\n\n")
    scores = [
        probability(models[fold].log_odds(row)) for fold, row in zip(fold_of, found, strict=True)
    ]
    out(_report(messages, scores))
    out(_hidden(messages, fold_of, models))
    out(_pairs(messages, parted, scores))
    if asked.as_it_is:
        return 0
    model = fit([*messages, *ours], [*found, *ours_found], [*parted, *ours_parted])
    out(_size(model))
    if not asked.keep:
        WEIGHTS.write_text(_written(model), encoding="utf-8")
        language.cache_clear()
        out(_reasons(messages))
    return 0


def _model_as_it_is() -> Model:
    words = language()
    rules = {rule: entry.weight for rule, entry in words.entries.items()}
    return Model(words.figures, rules, dict(words.words.of))


def _report(messages: list[Message], scores: list[float]) -> str:
    judged = [
        (message, score)
        for message, score in zip(messages, scores, strict=True)
        if message.label != "mend"
    ]
    spam = [message.is_spam for message, _ in judged]
    precision, recall, f1 = precision_recall_f1([s >= SPAM_FROM for _, s in judged], spam)
    area = area_under_curve(
        [score for message, score in judged if message.is_spam],
        [score for message, score in judged if not message.is_spam],
    )
    lines = [
        f"precision {precision:.3f}  recall {recall:.3f}  F1 {f1:.3f}  ROC AUC {area:.4f}",
        "",
        "group        messages  called spam",
    ]
    by_group: dict[str, list[float]] = defaultdict(list)
    for message, score in zip(messages, scores, strict=True):
        by_group[message.group].append(score)
    order = [*SPAM_GROUPS, *GOOD_GROUPS, *sorted(set(by_group) - {*SPAM_GROUPS, *GOOD_GROUPS})]
    for group in order:
        if group in by_group:
            share = sum(s >= SPAM_FROM for s in by_group[group]) / len(by_group[group])
            lines.append(f"{group:<12} {len(by_group[group]):>8}  {share:>11.3f}")
    lines += ["", "score        messages  mean score  spam"]
    for low, high, count, mean, share in reliability([s for _, s in judged], spam):
        lines.append(f"{low:.1f} to {high:.1f}   {count:>8}  {mean:>10.3f}  {share:.3f}")
    return "\n".join([*lines, "", ""])


def _hidden(messages: list[Message], fold_of: list[int], models: list[Model]) -> str:
    lines = ["hidden spam  dm-spam  other-spam  (called spam)"]
    for way, hide in WAYS.items():
        shares = []
        for group in SPAM_GROUPS:
            caught = [
                models[fold].log_odds(_evidence_of(hide(message.text), message)) >= 0
                for message, fold in zip(messages, fold_of, strict=True)
                if message.group == group
            ]
            shares.append(sum(caught) / max(1, len(caught)))
        lines.append(f"{way:<12} {shares[0]:>7.3f}  {shares[1]:>10.3f}")
    return "\n".join([*lines, "", ""])


def _evidence_of(text: str, message: Message) -> Evidence:
    return evidence(text, message.context)


def _pairs(messages: list[Message], parted: list[str], scores: list[float]) -> str:
    """Bad and good of one kind from one source: the nearest there is to one intention, twice."""
    groups: dict[tuple[str, str], list[tuple[str, float]]] = defaultdict(list)
    for message, source, score in zip(messages, parted, scores, strict=True):
        if message.group in ("dm-spam", "mend", "good"):
            groups[source, message.kind].append((message.label, score))
    for worse in ("spam", "mend"):
        total = right = 0
        for rows in groups.values():
            for label, bad in rows:
                for other, good in rows:
                    if label == worse and other == "good":
                        total += 1
                        right += bad > good
        if worse == "mend":
            line = f"pairs (mend above good, same source and kind): {right} of {total}\n"
            return line + "\n"
    return ""


def _size(model: Model) -> str:
    return f"fitted: {len(model.rules)} rules, {len(model.words)} words and pairs\n"


def _written(model: Model) -> str:
    """The figures as their file has them. Findings on fitted words weigh what their words weigh."""
    figures = {
        "figures": {
            "start": model.figures.start,
            "praise_most": model.figures.praise_most,
            "praise_gone": model.figures.praise_gone,
        },
        "rules": dict(sorted((model.rules | {FITTED_SPAM: LEAST, FITTED_PERSON: -LEAST}).items())),
        "words": model.words,
    }
    return json.dumps(figures, ensure_ascii=False, indent=1) + "\n"


def _reasons(messages: list[Message]) -> str:
    """How many verdicts of spam rest on words that weigh alone, without a rule that names a fault."""
    spam = named = 0
    counts = []
    for message in messages:
        report = read(message.text, message.context)
        counts.append(len(report.findings))
        if report.score < SPAM_FROM:
            continue
        spam += 1
        named += any(
            finding.severity is not Severity.PRAISE and not finding.quiet
            for finding in report.findings
        )
    mean = sum(counts) / max(1, len(counts))
    return f"verdicts of spam with a finding that is no quiet note: {named} of {spam}; {mean:.1f} findings a message\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
