"""The form of a workspace's guidance policy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from outreach.drafts import policy as words
from outreach.guidance.policy import Exemption, Level, Policy, RuleInfo, has_words

# Below this no letter fits; above it X takes none.
SHORTEST, LONGEST = 20, 10_000
PHRASES, PHRASE_LENGTH = 200, 100
EXCEPTIONS, EMPTY_ROWS = 50, 2


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule and the field that sets it."""

    rule: RuleInfo
    field: BoundField
    name: str


@dataclass(frozen=True, slots=True)
class FamilyRows:
    """A heading, its rules, and how many of them are set to something of the workspace's own."""

    name: str
    rows: list[RuleRow]
    set_here: int
    open: bool


@dataclass(frozen=True, slots=True)
class ExceptionRow:
    """The three fields of one exception."""

    number: int
    rule: BoundField
    words: BoundField
    reason: BoundField


class PhrasesField(forms.CharField):
    """Phrases, one a line; gives a tuple without doubles."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            required=False,
            strip=False,
            max_length=PHRASES * (PHRASE_LENGTH + 2),
            widget=forms.Textarea(attrs={"rows": 5, "dir": "auto"}),
            **options,
        )

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, tuple) else value

    def clean(self, value: Any) -> tuple[str, ...]:
        """Raises ValidationError for what is too long, too many, or no words."""
        lines = [" ".join(line.split()) for line in super().clean(value).splitlines()]
        phrases = {line.casefold(): line for line in reversed(lines) if line}
        found = tuple(reversed(phrases.values()))
        if len(found) > PHRASES:
            raise ValidationError(f"Keep to {PHRASES} phrases; these are {len(found):,}.")
        for phrase in found:
            if len(phrase) > PHRASE_LENGTH:
                raise ValidationError(
                    f"Keep each phrase to {PHRASE_LENGTH} characters: ‘{phrase[:40]}…’ is longer."
                )
            if not has_words(phrase):
                raise ValidationError(f"‘{phrase}’ has no words to look for.")
        return found


class PolicyForm(forms.Form):
    """House limit, brand, phrases; one field for each rule; a row of three for each exception."""

    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    exceptions = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)
    house_limit = forms.IntegerField(
        min_value=SHORTEST,
        max_value=LONGEST,
        label="House limit",
        help_text="In characters. Within it a letter is praised, up to twice of it there is a "
        "quiet note, beyond that a warning. The line on how to stop does not count.",
        error_messages={
            "required": "Give a number of characters, such as 140.",
            "invalid": "Give a whole number of characters, such as 140.",
            "min_value": "Give at least %(limit_value)d characters.",
            "max_value": "X takes 10,000 characters. Give no more than that.",
        },
    )
    brand = forms.CharField(
        max_length=100,
        required=False,
        label="Brand name",
        help_text="As letters say it. Empty: the workspace’s name.",
        error_messages={"max_length": "Say it in 100 characters; it has %(show_value)d."},
    )
    avoid = PhrasesField(
        label="Phrases to avoid",
        help_text="One a line. Guidance warns of them as of its own.",
    )
    welcome = PhrasesField(
        label="Phrases to welcome",
        help_text="One a line. Nothing within them is warned of.",
    )

    def __init__(self, data: Any = None, *, policy: Policy) -> None:
        super().__init__(
            data,
            initial={
                "version": policy.version,
                "house_limit": policy.house_limit,
                "brand": policy.brand,
                "avoid": policy.avoid,
                "welcome": policy.welcome,
            },
        )
        self.policy = policy
        self.count = self._rows(data)
        self.initial["exceptions"] = self.count
        for family in words.families():
            for rule in family.rules:
                self.fields[_field_of(rule)] = self._level(rule)
        for number in range(self.count):
            self._exception(number)

    def _rows(self, data: Any) -> int:
        """How many exceptions the form has room for: as many as it was shown with."""
        if data is None:
            return min(len(self.policy.exceptions) + EMPTY_ROWS, EXCEPTIONS)
        posted = str(data.get("exceptions", ""))
        given = int(posted) if posted.isascii() and posted.isdigit() and len(posted) < 4 else 0
        return min(given, EXCEPTIONS)

    def _level(self, rule: RuleInfo) -> forms.ChoiceField:
        level = self.policy.severities.get(rule.rule)
        return forms.ChoiceField(
            label=rule.says,
            required=False,
            initial=level.value if level else "",
            choices=[
                ("", f"{words.usual(rule).capitalize()} (default)"),
                *(
                    (each.value, said.capitalize())
                    for each, said in words.LEVEL_WORDS.items()
                    if each.value != rule.severity.value
                ),
            ],
            error_messages={"invalid_choice": "Choose one of the list."},
            widget=forms.Select(attrs={"class": "form-select"}),
        )

    def _exception(self, number: int) -> None:
        kept = self.policy.exceptions[number] if number < len(self.policy.exceptions) else None
        shown = Exemption("", "", "") if kept is None else kept
        choices = words.choices()
        if shown.rule and not any(shown.rule == name for _, rules in choices for name, _ in rules):
            # A rule that guidance lost, or that praises now: the exception stays as it was.
            choices.append(("Other", [(shown.rule, words.title_of(shown.rule))]))
        self.fields[f"exception-{number}-rule"] = forms.ChoiceField(
            label="Finding",
            required=False,
            initial=shown.rule,
            choices=[("", "Choose"), *choices],
            error_messages={"invalid_choice": "Choose one of the list."},
        )
        for name, label, longest, said in (
            ("words", "Words", PHRASE_LENGTH, shown.words),
            ("reason", "Reason", 200, shown.reason),
        ):
            self.fields[f"exception-{number}-{name}"] = forms.CharField(
                label=label,
                required=False,
                max_length=longest,
                initial=said,
                error_messages={
                    "max_length": f"Say it in {longest} characters; it has %(show_value)d."
                },
            )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        avoided = {phrase.casefold() for phrase in data.get("avoid", ())}
        both = [phrase for phrase in data.get("welcome", ()) if phrase.casefold() in avoided]
        if both:
            self.add_error("welcome", f"‘{both[0]}’ is to be avoided, too. Leave one of them out.")
        for number in range(self.count):
            self._check_exception(number, data)
        return data

    def _check_exception(self, number: int, data: dict[str, Any]) -> None:
        """All three or none; what is wrong is said at the field."""
        names = {name: f"exception-{number}-{name}" for name in ("rule", "words", "reason")}
        given = {name: data.get(field) for name, field in names.items()}
        if not any(given.values()):
            return
        missing = {
            "rule": "Choose which finding it is about, or empty the other two.",
            "words": "Give the words that are no case of it.",
            "reason": "Say why, for whoever reads this later.",
        }
        for name, field in names.items():
            if not given[name] and field not in self.errors:
                self.add_error(field, missing[name])
        if given["words"] and not has_words(given["words"]):
            self.add_error(names["words"], "There are no words to look for.")

    def changed_policy(self) -> Policy:
        """The policy that was set, of a form that is valid; its version is the one it was read as."""
        data = self.cleaned_data
        # What is set for rules that the form does not show is kept: guidance may have them again.
        severities = {
            rule: level
            for rule, level in self.policy.severities.items()
            if not words.may_be_set(rule)
        }
        for family in words.families():
            for rule in family.rules:
                if level := data.get(_field_of(rule)):
                    severities[rule.rule] = Level(level)
        return Policy(
            version=data["version"],
            house_limit=data["house_limit"],
            brand=data["brand"],
            severities=severities,
            avoid=data["avoid"],
            welcome=data["welcome"],
            exceptions=tuple(self._exceptions(data)),
        )

    def _exceptions(self, data: dict[str, Any]) -> Iterator[Exemption]:
        for number in range(self.count):
            rule, said, reason = (
                data[f"exception-{number}-{name}"] for name in ("rule", "words", "reason")
            )
            if rule:
                yield Exemption(rule, said, reason)

    # --- what the page shows -----------------------------------------------------------------

    def family_rows(self) -> list[FamilyRows]:
        """The rules by family, each with its field; a family in which one is wrong is open."""
        found = []
        for family in words.families():
            rows = [
                RuleRow(rule, self[_field_of(rule)], words.title_of(rule.rule))
                for rule in family.rules
            ]
            set_here = sum(bool(row.field.value()) for row in rows)
            wrong = any(row.field.errors for row in rows) if self.is_bound else False
            found.append(FamilyRows(family.name, rows, set_here, wrong))
        return found

    def exception_rows(self) -> list[ExceptionRow]:
        return [
            ExceptionRow(
                number + 1,
                self[f"exception-{number}-rule"],
                self[f"exception-{number}-words"],
                self[f"exception-{number}-reason"],
            )
            for number in range(self.count)
        ]


def _field_of(rule: RuleInfo) -> str:
    return f"rule-{rule.rule}"
