"""What rooms above do in the transactions of this one."""

from datetime import timedelta

from outreach.ground.hooks import Hook

# A person was suppressed: (workspace id, x user id, reason). Whatever is queued for them from
# any account of the workspace is cancelled. The customer's row is locked already.
suppressed: Hook[[int, int, str], None] = Hook("customers.suppressed")

# X user ids of those to whom letters of an X account are queued, the soonest first: (account id).
# Nothing is changed; it is asked for each page of syncs.
about_to_be_written_to: Hook[[int], list[int]] = Hook("customers.about_to_be_written_to")

# How old what X said of a relationship may be when a letter leaves: (workspace id).
fresh_for: Hook[[int], timedelta] = Hook("customers.fresh_for")
