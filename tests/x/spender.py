"""A process that opens a tab, spends on it and waits to be killed: `python -m tests.x.spender`.

Arguments: the app's and the account's ids, how much to reserve, how much to spend.
"""

from __future__ import annotations

import sys

import django


def main() -> None:
    django.setup()
    # Django has to be ready first.
    from outreach.x.expenses import open_tab

    app_id, account_id, reserve, spent = map(int, sys.argv[1:])
    tab = open_tab(app_id, account_id, "user", reserve)
    for _ in range(spent):
        tab.spend(1)
    sys.stdout.write("spent\n")
    sys.stdout.flush()
    sys.stdin.read()
    tab.close()


if __name__ == "__main__":
    main()
