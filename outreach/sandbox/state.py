"""What the sandbox knows: users, who follows and blocks whom, apps, tokens and DMs, in one file.

Plain functions for whoever seeds it: the server's control interface, the demo and tests. Several
processes may hold the same file open; each write is one immediate transaction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from outreach.sandbox import windows
from outreach.sandbox.messages import Messages
from outreach.sandbox.records import (
    ACCOUNT_SCOPES,
    DEFAULT_APP,
    DM,
    HANDLE,
    LARGEST_ID,
    LONGEST_TEXT,
    SCOPES,
    SNOWFLAKE_EPOCH_MS,
    NotAllowed,
    Token,
    User,
)
from outreach.sandbox.schema import connect, empty
from outreach.sandbox.tokens import Tokens

# The whole face of the practice world, for whoever seeds it.
__all__ = [
    "ACCOUNT_SCOPES",
    "DEFAULT_APP",
    "DM",
    "HANDLE",
    "LARGEST_ID",
    "LONGEST_TEXT",
    "SCOPES",
    "SNOWFLAKE_EPOCH_MS",
    "NotAllowed",
    "State",
    "Token",
    "User",
    "open_state",
]


def open_state(path: str | Path) -> State:
    """Open the practice world kept in that file, making an empty one where there is none."""
    state = State(connect(Path(path)))
    if state.app(DEFAULT_APP) is None:
        with state.writing():
            state.add_default_app()
    return state


class State(Messages, Tokens):
    """The practice world. Methods that write raise NotAllowed or ValueError and change nothing."""

    def forget(self, user_id: int) -> None:
        """Take away all that ties a user to others: messages, follows, blocks and tokens."""
        with self.writing():
            for statement in (
                "DELETE FROM dms WHERE sender = :user OR recipient = :user",
                "DELETE FROM follows WHERE source = :user OR target = :user",
                "DELETE FROM blocks WHERE source = :user OR target = :user",
                "DELETE FROM mutes WHERE source = :user OR target = :user",
                "DELETE FROM codes WHERE user_id = :user",
                "DELETE FROM tokens WHERE user_id = :user",
            ):
                self.connection.execute(statement, {"user": user_id})

    def set_limits(self, document: Any) -> None:
        """Change limits: endpoint → windows; None brings the documented ones back.

        Raises ValueError for anything that is not limits.
        """
        if document is not None:
            windows.parse(document)
        self.store_setting(windows.SETTING, None if document is None else json.dumps(document))

    def reset(self) -> None:
        """Empty the world; the default app is there again afterwards."""
        with self.writing():
            empty(self.connection)
            self.add_default_app()
