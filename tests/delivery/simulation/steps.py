"""What a step is called: a statement by its leading comment, or else by its verb and table."""

from __future__ import annotations

import re
from functools import lru_cache

_COMMENT = re.compile(r"\s*/\*\s*(.*?)\s*\*/", re.DOTALL)
_WORD = re.compile(r"\s*(\w+)")
_TABLE = re.compile(r'(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?"?([a-z_]\w*)"?', re.IGNORECASE)
_WRITES = re.compile(r"\b(?:UPDATE|INSERT|DELETE|EXECUTE)\b")
_CLOCK = re.compile(r"\s*SELECT outreach_now\(\)\s*$")

COMMIT = "commit"
BOOT_CLOCK = "look at the boot clock"
CLOCK = "look at the clock"


@lru_cache(maxsize=4096)
def name_of(sql: str) -> str:
    """The step's name. What differs from run to run (values, savepoints' names) is not in it."""
    comment = _COMMENT.match(sql)
    if comment:
        return comment[1]
    if _CLOCK.match(sql):
        return CLOCK
    word = _WORD.match(sql)
    verb = word[1].upper() if word else "?"
    if verb in ("SAVEPOINT", "RELEASE", "ROLLBACK"):
        return verb.lower()
    table = _TABLE.search(sql)
    locks = " and lock" if verb == "SELECT" and " FOR NO KEY UPDATE" in sql else ""
    return f"{verb}{locks} {table[1] if table else ''}".rstrip()


@lru_cache(maxsize=4096)
def may_wait(sql: str) -> bool:
    """Whether the statement may wait for somebody's lock: it writes, locks, or was prepared."""
    return _WRITES.search(sql) is not None
