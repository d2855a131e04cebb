"""What rooms above do in the transactions of this one."""

from outreach.ground.hooks import Hook

# A workspace was created: (workspace id). Rooms above make its policy.
workspace_created: Hook[[int], None] = Hook("accounts.workspace_created")
