"""What rooms above do in the transactions of this one, and what it asks of them."""

from dataclasses import dataclass

from outreach.ground.hooks import Hook

# A person was suppressed: (workspace id, x user id, reason). Whatever is queued for them from
# any account of the workspace is cancelled. The customer's row is locked already.
suppressed: Hook[[int, int, str], None] = Hook("customers.suppressed")

# Whether a message asks us to stop: (its text). None: it may, so it must not count as a
# permission, and a person has to read it. Nothing is changed.
reads_as_stop: Hook[[str], bool | None] = Hook("customers.reads_as_stop")


@dataclass(frozen=True, slots=True)
class OptedIn:
    """Who accepted an invitation, and the draft that it asks for."""

    workspace_id: int
    x_account_id: int
    customer_id: int
    writer_id: int
    starting_words: str
    why_person: str


# A customer accepted an invitation for the first time: a draft to them is prepared.
opted_in: Hook[[OptedIn], None] = Hook("customers.opted_in")
