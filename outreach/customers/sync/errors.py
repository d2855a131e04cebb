"""Why a sync is not begun. `str()` is a sentence for whoever pressed the button."""


class SyncRefused(Exception):  # noqa: N818  says what happened
    """Nothing was begun; the words say why and what to do."""


class SyncUnderWay(SyncRefused):
    """One sync of an account at a time."""


class PriceChanged(SyncRefused):
    """What was shown is not what it would cost now."""


class NotCounted(SyncRefused):
    """X does not say how long the lists are, so nobody knows what reading them costs."""
