"""Helpers for tests that read letters."""

from outreach.guidance import Context, Finding, Recipient, Severity, read

MARIA = Context(recipient=Recipient(name="Maria Silva", handle="mariapaints"))


def found(text: str, rule: str, context: Context = MARIA) -> list[Finding]:
    """The findings of one rule."""
    return [finding for finding in read(text, context).findings if finding.rule == rule]


def marked(text: str, rule: str, context: Context = MARIA) -> list[str]:
    """The very words that one rule marks."""
    return [text[finding.start : finding.end] for finding in found(text, rule, context)]


def warned_of(text: str, context: Context = MARIA) -> set[str]:
    """The rules that block or warn, quiet notes apart."""
    return {
        finding.rule
        for finding in read(text, context).findings
        if finding.severity is not Severity.PRAISE and not finding.quiet
    }
