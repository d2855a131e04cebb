"""What rooms above do in the transactions of this one."""

from outreach.ground.hooks import Hook

# A person was suppressed: (workspace id, x user id, reason). Whatever is queued for them from
# any account of the workspace is cancelled. The customer's row is locked already.
suppressed: Hook[[int, int, str], None] = Hook("customers.suppressed")
