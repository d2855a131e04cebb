"""What `delivery` does in the transactions of this room."""

from datetime import datetime

from outreach.ground.hooks import Hook

# A revision was approved: (revision id, review id). The delivery is made.
approved: Hook[[int, int], None] = Hook("drafts.approved")

# An approval is taken back: (draft id, reason, actor's user id). What is queued is cancelled;
# raises drafts.errors.OnItsWay where the letter left already or is leaving now.
approval_withdrawn: Hook[[int, str, int | None], None] = Hook("drafts.approval_withdrawn")

# When a letter last left, or may be leaving now, for a person from any account of the workspace:
# (workspace id, X user id). None: never. Nothing is changed; it is asked for each reading.
last_letter: Hook[[int, int], datetime | None] = Hook("drafts.last_letter")
