"""X apps, the accounts connected through them, what they cost, and what X tells about them."""

from __future__ import annotations

import hashlib
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from outreach.ground.clock import Now
from outreach.ground.scope import WorkspaceRow
from outreach.x import scopes

ENCRYPTED = "encrypted (outreach/x/tokens.py)"


class XApp(models.Model):
    """The developer app that calls are made with. Its daily limit and cap are its accounts' common.

    `workspace` is None for the installation's own app, whose secrets are in the environment; the
    columns for them are then empty.
    """

    workspace = models.ForeignKey(
        "accounts.Workspace", null=True, on_delete=models.PROTECT, related_name="+"
    )
    name = models.CharField(max_length=100)
    client_id = models.CharField(max_length=200, blank=True, default="")
    client_secret = models.BinaryField(default=b"", help_text=ENCRYPTED)
    bearer_token = models.BinaryField(default=b"", help_text=ENCRYPTED)
    consumer_secret = models.BinaryField(default=b"", help_text=ENCRYPTED)
    monthly_cap = models.DecimalField(
        max_digits=9, decimal_places=2, default=Decimal(25), help_text="US dollars in a UTC month"
    )
    warn_percent = models.PositiveSmallIntegerField(
        default=80, help_text="of the cap: from here on a warning is shown and syncs stop"
    )
    warned_for = models.DateField(
        null=True, help_text="the month whose warning the administrators have been told"
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(workspace__isnull=True),
                name="one_installation_app_a_name",
            ),
            # The same app brought twice would have two budgets, where X counts one.
            models.UniqueConstraint(
                fields=["client_id"], condition=~Q(client_id=""), name="one_row_an_x_app"
            ),
            models.CheckConstraint(
                condition=Q(workspace__isnull=True) | ~Q(client_id=""), name="brought_app_is_named"
            ),
            models.CheckConstraint(
                condition=Q(monthly_cap__gte=0) & Q(warn_percent__range=(1, 100)),
                name="cap_and_warning_make_sense",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountState(models.TextChoices):
    CONNECTED = "connected", "healthy"
    PAUSED = "paused", "paused"
    DISCONNECTED = "disconnected", "not connected"


class PausedBy(models.TextChoices):
    """Who or what paused an account: connecting it again lifts what a connection mends."""

    NOBODY = "", "nobody"
    MEMBER = "member", "a member"
    TOKEN = "token", "X refused its token"
    KEY = "key", "its token cannot be read"
    REVOKED = "revoked", "the consent was revoked at X"
    LOCKED = "locked", "X locked it"
    REFUSALS = "refusals", "X refused letters as spam"


# What connecting an account again mends.
MENDED_BY_CONNECTING = frozenset({PausedBy.TOKEN, PausedBy.KEY, PausedBy.REVOKED})


class XAccount(WorkspaceRow):
    """A brand's account on X. Its row outlives its connection, so that no limit starts anew.

    Its tokens are in XToken, whose row is there while the account is connected.
    """

    workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.PROTECT, related_name="x_accounts"
    )
    app = models.ForeignKey(XApp, on_delete=models.PROTECT, related_name="accounts")
    x_user_id = models.BigIntegerField(unique=True)
    handle = models.CharField(max_length=50)
    name = models.CharField(max_length=100)
    avatar = models.BinaryField(default=b"", help_text="kept here: pages load nothing from X")
    avatar_type = models.CharField(max_length=20, blank=True, default="")
    state = models.CharField(max_length=16, choices=AccountState, default=AccountState.CONNECTED)
    paused_by = models.CharField(
        max_length=16, choices=PausedBy, blank=True, default=PausedBy.NOBODY
    )
    paused_reason = models.CharField(max_length=300, blank=True)
    connected_at = models.DateTimeField(db_default=Now())
    disconnected_at = models.DateTimeField(null=True)

    class Meta(WorkspaceRow.Meta):
        constraints = [
            models.UniqueConstraint(fields=["workspace", "id"], name="x_account_in_workspace"),
            models.CheckConstraint(
                condition=Q(state__in=AccountState.values), name="known_account_state"
            ),
            models.CheckConstraint(
                condition=Q(state=AccountState.PAUSED, paused_by__in=PausedBy.values[1:])
                & ~Q(paused_reason="")
                | ~Q(state=AccountState.PAUSED) & Q(paused_by=PausedBy.NOBODY, paused_reason=""),
                name="paused_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state=AccountState.DISCONNECTED, disconnected_at__isnull=False)
                | ~Q(state=AccountState.DISCONNECTED) & Q(disconnected_at__isnull=True),
                name="disconnected_knows_when",
            ),
        ]

    def __str__(self) -> str:
        return f"@{self.handle}"

    @property
    def mended_by_connecting(self) -> bool:
        """Whether it is paused for what only connecting it again mends."""
        return self.paused_by in MENDED_BY_CONNECTING


class XToken(models.Model):
    """The tokens of a connected account; disconnecting removes the row.

    `generation` goes up with each new pair. `lease` names the one process that refreshes now, until
    `leased_until`: no transaction is open while X is asked. Encrypted anew under another key, a pair
    keeps its generation.
    """

    account = models.OneToOneField(
        XAccount, primary_key=True, on_delete=models.CASCADE, related_name="token"
    )
    access_token = models.BinaryField(help_text=ENCRYPTED)
    refresh_token = models.BinaryField(default=b"", help_text=ENCRYPTED)
    scopes = ArrayField(models.CharField(max_length=32), default=list)
    expires_at = models.DateTimeField(null=True, help_text="null: X did not say")
    generation = models.PositiveBigIntegerField(default=1)
    stored_at = models.DateTimeField(db_default=Now())
    refused_at = models.DateTimeField(
        null=True, help_text="when X last refused a pair before its end"
    )
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease__isnull=True, leased_until__isnull=True)
                | Q(lease__isnull=False, leased_until__isnull=False),
                name="lease_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"token {self.generation} of account {self.account_id}"

    @property
    def may(self) -> list[str]:
        """What it allows, in plain words."""
        return scopes.in_words(self.scopes)


class Consent(WorkspaceRow):
    """One way to X's consent page and back: made when Connect is pressed, used up by the answer."""

    workspace = models.ForeignKey("accounts.Workspace", on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    app = models.ForeignKey(XApp, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(
        XAccount, null=True, on_delete=models.CASCADE, related_name="+", help_text="to reconnect"
    )
    state_sha256 = models.BinaryField(unique=True)
    verifier = models.BinaryField(help_text=ENCRYPTED)
    started_at = models.DateTimeField(db_default=Now())
    used_at = models.DateTimeField(null=True)

    class Meta(WorkspaceRow.Meta):
        indexes = [models.Index(fields=["started_at"], name="consent_by_age")]

    def __str__(self) -> str:
        return f"consent {self.pk} for workspace {self.workspace_id}"

    @staticmethod
    def hashed(state: str) -> bytes:
        """What is kept of the state that X sends back."""
        return hashlib.sha256(state.encode()).digest()


class AccountHealth(models.Model):
    """How the last calls of an account went. Advisory: written now and then, never in a send's way.

    `limits`: call → {"at": ISO time, "windows": [{"scope", "limit", "remaining", "reset"}]}.
    """

    account = models.OneToOneField(
        XAccount, primary_key=True, on_delete=models.CASCADE, related_name="health"
    )
    last_success_at = models.DateTimeField(null=True)
    last_success_call = models.CharField(max_length=80, blank=True, default="")
    last_error_at = models.DateTimeField(null=True)
    last_error_call = models.CharField(max_length=80, blank=True, default="")
    last_error_kind = models.CharField(max_length=48, blank=True, default="")
    last_error_request_id = models.CharField(max_length=100, blank=True, default="")
    limits = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"health of account {self.account_id}"


class Expense(models.Model):
    """What a batch of reads or events costs at X. A send's price stands on its attempt.

    Reserved before X is asked and reckoned up afterwards, so that a killed process may only make
    the month look dearer than it was.
    """

    app = models.ForeignKey(XApp, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(XAccount, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32, help_text="a name of settings.X_PRICES")
    day = models.DateField(help_text="UTC")
    unit_price = models.DecimalField(max_digits=9, decimal_places=5, help_text="US dollars")
    reserved = models.PositiveIntegerField()
    used = models.PositiveIntegerField(null=True, help_text="null: not reckoned up yet")
    cost = models.GeneratedField(
        expression=Coalesce("used", "reserved") * models.F("unit_price"),
        output_field=models.DecimalField(max_digits=14, decimal_places=5),
        db_persist=True,
    )
    opened_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used__isnull=True) | Q(used__lte=models.F("reserved")),
                name="spent_no_more_than_reserved",
            ),
        ]
        indexes = [
            models.Index(
                fields=["app", "day"], include=["account", "kind", "cost"], name="expense_by_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


class Subscription(models.Model):
    """One kind of event that X tells us about one account; X knows it as `x_subscription_id`."""

    account = models.ForeignKey(XAccount, on_delete=models.CASCADE, related_name="subscriptions")
    kind = models.CharField(max_length=32, help_text="such as follow.follow")
    direction = models.CharField(
        max_length=8, blank=True, default="", help_text="inbound, outbound"
    )
    x_subscription_id = models.CharField(max_length=19)
    made_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "direction"], name="one_subscription_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of account {self.account_id}"


class Via(models.TextChoices):
    STREAM = "stream", "the activity stream"
    WEBHOOK = "webhook", "the webhook"
    READ = "read", "a reading of its messages"


# Kinds that have a person at each end; where it names them is known (payloads.people_of).
BETWEEN_TWO = ("follow.follow", "follow.unfollow", "dm.received", "dm.sent", "dm.read")


class ActivityEvent(models.Model):
    """One thing that X said happened to an account, stored once, whichever way and how often it came.

    The payload may hold the words of a DM: it is never logged.
    """

    event_uuid = models.CharField(max_length=64)
    app = models.ForeignKey(XApp, on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey(XAccount, null=True, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=48)
    payload = models.JSONField()
    via = models.CharField(max_length=8, choices=Via)
    received_at = models.DateTimeField(db_default=Now())
    took_effect_at = models.DateTimeField(
        null=True, help_text="in the transaction that stored it, where hooks.on_store has a part"
    )
    handled_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    try_at = models.DateTimeField(null=True, help_text="not before; null: at once")
    failure = models.CharField(
        max_length=100, blank=True, default="", help_text="of the last try; stays where we gave up"
    )

    class Meta:
        constraints = [
            # X does not say that one event has another name for each account or app that it is
            # told about: a follow between two of ours is told twice.
            models.UniqueConstraint(
                fields=["event_uuid", "app", "account", "kind"],
                nulls_distinct=False,
                name="one_row_an_event",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "id"],
                condition=Q(handled_at__isnull=True),
                name="event_waiting",
            ),
            models.Index(fields=["account", "kind", "-id"], name="event_of_account"),
            # Whoever asks what is known about them, or to be forgotten, is at an end of some.
            GinIndex(fields=["payload"], opclasses=["jsonb_path_ops"], name="event_by_content"),
            models.Index(
                fields=["account", "app"],
                condition=~Q(kind__in=BETWEEN_TWO),
                name="event_of_no_two",
            ),
            models.Index(
                fields=["id"],
                condition=Q(handled_at__isnull=False) & ~Q(failure=""),
                name="event_given_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_uuid}"


class HeardDM(models.Model):
    """A message of an account that we know of: told or read, in or out, it counts once.

    Kept as long as X may still tell or show it (dm_reading.FORGOTTEN_AFTER).
    """

    # The constraint's index serves it.
    account = models.ForeignKey(
        XAccount, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    dm_event_id = models.BigIntegerField()
    x_user_id = models.BigIntegerField(null=True, help_text="the other end; null: a group")
    heard_at = models.DateTimeField(db_default=Now())
    read_on = models.DateField(
        null=True, help_text="the UTC day for which X charged a reading of it last"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "dm_event_id"], name="one_row_a_dm"),
        ]
        indexes = [
            models.Index(fields=["account", "x_user_id"], name="dm_of_person"),
            models.Index(fields=["heard_at"], name="dm_by_age"),
        ]

    def __str__(self) -> str:
        return f"DM {self.dm_event_id} of account {self.account_id}"


class DMReading(models.Model):
    """How far the reading of an account's messages is that X did not tell of.

    `lease` names the one process that reads, until `leased_until`: no transaction is open while X
    is asked. `began_at`: just before the first call of a reading that is not complete yet, which
    goes on at `page_token`.
    """

    account = models.OneToOneField(
        XAccount, primary_key=True, on_delete=models.CASCADE, related_name="dm_reading"
    )
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    began_at = models.DateTimeField(null=True)
    page_token = models.TextField(blank=True, default="")
    calls = ArrayField(
        models.DateTimeField(), default=list, help_text="when X was called within its window"
    )
    again_at = models.DateTimeField(null=True, help_text="not before; null: at once")
    tries = models.PositiveSmallIntegerField(default=0, help_text="that failed in a row")
    unreadable = models.PositiveSmallIntegerField(
        default=0, help_text="how often X showed less than it counted"
    )
    failure = models.CharField(max_length=200, blank=True, default="", help_text="in words")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lease__isnull=True, leased_until__isnull=True)
                | Q(lease__isnull=False, leased_until__isnull=False),
                name="reading_lease_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(page_token="") | Q(began_at__isnull=False),
                name="reading_goes_on_where_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"reading of account {self.account_id}"


class Stream(models.Model):
    """The activity stream of one X app: who holds it, and when anything was last heard on it.

    `heard_at` moves with keep-alives too. The holder's lease ends by itself when it dies.
    """

    app = models.OneToOneField(
        XApp, primary_key=True, on_delete=models.CASCADE, related_name="stream"
    )
    holder = models.UUIDField(null=True)
    held_until = models.DateTimeField(null=True)
    connected_at = models.DateTimeField(null=True, help_text="null: no connection stands")
    heard_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True, default="")

    def __str__(self) -> str:
        return f"stream of app {self.app_id}"


class Gap(models.Model):
    """A time in which an app's events may have been missed; a reader of dm_events can fill it.

    `ended_at` null: still open. `filled_at` null: nobody has read what was missed.
    """

    app = models.ForeignKey(XApp, on_delete=models.CASCADE, related_name="gaps")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    filled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["app"], condition=Q(ended_at__isnull=True), name="one_open_gap"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("began_at")),
                name="gap_ends_after_it_began",
            ),
        ]
        indexes = [
            # Whoever is about to write asks for these.
            models.Index(
                fields=["app"],
                include=["began_at", "ended_at"],
                condition=Q(filled_at__isnull=True),
                name="gap_unfilled",
            ),
        ]

    def __str__(self) -> str:
        return f"gap of app {self.app_id} since {self.began_at:%Y-%m-%d %H:%M}"
