"""What `manage.py doctor` looks at: is everything there that this installation needs?

Each check is one function that returns one finding and never raises for what it was sent to find.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

OLDEST_POSTGRES = 150000
CLOCK_SECONDS = 2.0
ANSWER_SECONDS = 10
WORKER_SECONDS = 3.0
# Several of X's keep-alives, which come every 20 s.
HEARD_SECONDS = 90


class State(StrEnum):
    """How a check ended. `UNCHECKED` says honestly that nobody looked."""

    OK = "ok"
    MEND = "mend"
    UNCHECKED = "not checked"


@dataclass(frozen=True)
class Found:
    """What one check found, and how to mend it."""

    state: State
    what: str
    how: str = ""


@dataclass(frozen=True)
class Result:
    """A finding with the name of its check."""

    name: str
    found: Found

    def as_dict(self) -> dict[str, str]:
        """For `--json`: name, state, what, how."""
        return {"name": self.name, **asdict(self.found)}


def ok(what: str) -> Found:
    """Nothing to do."""
    return Found(State.OK, what)


def mend(what: str, how: str) -> Found:
    """Something to do."""
    return Found(State.MEND, what, how)


def unchecked(what: str, how: str = "") -> Found:
    """Could not look, or had no need to."""
    return Found(State.UNCHECKED, what, how)


def environment() -> Found:
    """Settings themselves refuse a production installation that lacks a variable."""
    if settings.PRODUCTION:
        return ok("production; every variable that it needs is set")
    return ok("development (SECRET_KEY is not set); secrets and data are in VAR_DIR")


def token_keys() -> Found:
    """The keys that X's tokens are encrypted with (Fernet)."""
    from cryptography.fernet import Fernet

    how = (
        "make one: python -c 'from cryptography.fernet import Fernet; "
        "print(Fernet.generate_key().decode())'"
    )
    if not settings.TOKEN_KEYS:
        return mend("TOKEN_KEYS holds no key", how)
    for number, key in enumerate(settings.TOKEN_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            return mend(f"key {number} of TOKEN_KEYS is not a Fernet key", how)
    return ok(f"{len(settings.TOKEN_KEYS)} valid")


def public_url() -> Found:
    """The address that people and X are sent to."""
    address = urlsplit(settings.PUBLIC_URL)
    if not settings.PRODUCTION:
        return ok(settings.PUBLIC_URL)
    if address.scheme != "https" or not address.hostname:
        return mend(
            f"{settings.PUBLIC_URL} is not an https address",
            "set PUBLIC_URL to https://… and let a proxy serve it",
        )
    from django.http.request import validate_host

    if not validate_host(address.hostname, settings.ALLOWED_HOSTS):
        return mend(
            f"{address.hostname} is not among ALLOWED_HOSTS",
            f"add {address.hostname} to ALLOWED_HOSTS",
        )
    return ok(settings.PUBLIC_URL)


def static_files() -> Found:
    """Style sheets and scripts are served from what collectstatic gathered."""
    if (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return ok(f"collected in {settings.STATIC_ROOT}")
    return mend(f"not collected in {settings.STATIC_ROOT}", "manage.py collectstatic --no-input")


def database() -> Found:
    """PostgreSQL 15 or newer answers, and a commit is on the disk when it returns."""
    from django.db import DatabaseError, connection

    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('fsync'), current_setting('synchronous_commit'),"
                " current_setting('full_page_writes'), clock_timestamp()"
            )
            row = cursor.fetchone()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        return mend(f"PostgreSQL does not answer: {reason}", "check DATABASE_URL and the server")
    assert row is not None
    version, fsync, commit, pages, clock = row
    if version < OLDEST_POSTGRES:
        return mend(f"PostgreSQL {version // 10000} is too old", "use PostgreSQL 15 or newer")
    for name, value in (("fsync", fsync), ("full_page_writes", pages)):
        if value != "on":
            return mend(
                f"{name} is {value}: a crash may lose what was sent, and send it again",
                f"set {name} = on in postgresql.conf",
            )
    if commit not in {"on", "remote_apply"}:
        return mend(
            f"synchronous_commit is {commit}: a crash may lose a claim, and send a letter twice",
            "set synchronous_commit = on for this database and its user",
        )
    apart = abs((clock - datetime.now(UTC)).total_seconds())
    if apart > CLOCK_SECONDS:
        return mend(f"its clock is {apart:.0f} seconds from this machine's", "let both follow NTP")
    return ok(f"PostgreSQL {version // 10000}, fsync and synchronous_commit on")


def migrations() -> Found:
    """The database has the shape that the code expects."""
    from django.db import DatabaseError, connection
    from django.db.migrations.executor import MigrationExecutor

    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return unchecked("the database does not answer")
    if missing:
        return mend(f"{len(missing)} not applied", "manage.py migrate")
    return ok("all applied")


def redis_server() -> Found:
    """Redis or Valkey answers and throws no wake-up call away when it is full."""
    import redis

    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
        ) as client:
            client.ping()
            try:
                policy = client.config_get("maxmemory-policy")["maxmemory-policy"]
            except redis.ResponseError:
                return ok("answers (it does not tell its eviction policy; noeviction is right)")
    except (redis.RedisError, ValueError) as error:
        return mend(f"Redis does not answer: {error}", "check REDIS_URL and the server")
    if policy != "noeviction":
        return mend(
            f"its eviction policy is {policy}: full, it drops wake-up calls",
            "set maxmemory-policy noeviction",
        )
    return ok("answers, evicts nothing")


def stored_tokens() -> Found:
    """Every stored token and secret opens with one of TOKEN_KEYS."""
    from cryptography.fernet import Fernet, InvalidToken, MultiFernet
    from django.apps import apps
    from django.db import DatabaseError

    columns = {
        "x.XToken": ("access_token", "refresh_token"),
        "x.XApp": ("client_secret", "bearer_token", "consumer_secret"),
        "customers.ErasureKey": ("key",),
    }
    try:
        box = MultiFernet([Fernet(key) for key in settings.TOKEN_KEYS])
        rows = [
            bytes(sealed)
            for model, names in columns.items()
            for row in apps.get_model(model)._default_manager.values_list(*names)
            for sealed in row
            if bytes(sealed)
        ]
    except ValueError:
        return unchecked("TOKEN_KEYS is of no use")
    except DatabaseError:
        return unchecked("the database does not answer, or is not migrated")
    shut = 0
    for sealed in rows:
        try:
            box.decrypt(sealed)
        except InvalidToken:
            shut += 1
    if shut:
        return mend(
            f"no key opens {shut} of {len(rows)}",
            "add the key they were encrypted with at the end of TOKEN_KEYS, "
            "or connect the accounts again",
        )
    return ok(f"{len(rows)}, all open")


def worker() -> Found:
    """Somebody is there to send letters."""
    from kombu.exceptions import OperationalError

    from outreach.celery import app

    try:
        answers = app.control.inspect(timeout=WORKER_SECONDS).active_queues()
    except (OperationalError, OSError):
        return unchecked("Redis does not answer")
    if not answers:
        return mend(
            f"no worker answered within {WORKER_SECONDS:.0f} seconds",
            "make run" if not settings.PRODUCTION else "start: celery -A outreach worker",
        )
    served = {queue["name"] for queues in answers.values() for queue in queues}
    for name in (settings.CELERY_TASK_DEFAULT_QUEUE, settings.SEND_QUEUE):
        if name not in served:
            return mend(
                f"no worker serves the queue ‘{name}’",
                f"start one: celery -A outreach worker --queues {name}",
            )
    return ok(f"{len(answers)} answer{'s' if len(answers) == 1 else ''}")


def beat() -> Found:
    """Due letters are looked for; the tick leaves its time in the cache."""
    from django.core.cache import cache
    from redis.exceptions import RedisError

    length = float(settings.TICK_SECONDS)
    try:
        last = cache.get(settings.HEARTBEAT)
    except RedisError:
        return unchecked("Redis does not answer")
    start = "make run" if not settings.PRODUCTION else "start one: celery -A outreach beat"
    if last is None:
        return mend("nobody ever looked for due letters", start)
    ago = datetime.now(UTC).timestamp() - float(last)
    if ago > length + ANSWER_SECONDS:
        return mend(f"nobody looked for due letters for {ago:,.0f} seconds", start)
    return ok(f"looks for due letters every {length:g} seconds")


def listener() -> Found:
    """What X tells about connected accounts is heard: stops, unfollows, messages that went out."""
    from django.apps import apps
    from django.db import DatabaseError

    accounts = apps.get_model("x", "XAccount")._default_manager
    streams = apps.get_model("x", "Stream")._default_manager
    try:
        connected = accounts.exclude(state="disconnected").values_list("app_id", flat=True)
        wanted = set(connected)
        there = {stream.pk: stream for stream in streams.filter(pk__in=wanted)}
    except DatabaseError:
        return unchecked("the database does not answer, or is not migrated")
    if not wanted:
        return unchecked("no X account is connected")
    start = "make run" if not settings.PRODUCTION else "start one: manage.py listen"
    for app_id in sorted(wanted):
        stream = there.get(app_id)
        if stream is not None and stream.failure:
            return mend(f"X app {app_id}: {stream.failure}", "see above, or wait if it says so")
        if stream is None or stream.heard_at is None:
            return mend(f"nothing was ever heard from X through app {app_id}", start)
        ago = (datetime.now(UTC) - stream.heard_at).total_seconds()
        if ago > HEARD_SECONDS:
            return mend(f"nothing was heard from X for {ago:,.0f} seconds", start)
    return ok(f"hears X for {len(wanted)} app{'s' if len(wanted) > 1 else ''}")


def replies() -> Found:
    """Letters leave only from accounts whose incoming messages are heard: told by X, or read."""
    from django.apps import apps
    from django.db import DatabaseError

    paces = apps.get_model("delivery", "AccountPace")._default_manager
    readings = apps.get_model("x", "DMReading")._default_manager
    try:
        waiting = list(paces.filter(held_code="not_heard").values_list("pk", flat=True))
        failing = readings.filter(pk__in=waiting).exclude(failure="").order_by("-again_at").first()
    except DatabaseError:
        return unchecked("the database does not answer, or is not migrated")
    if not waiting:
        return ok("heard wherever letters are due")
    accounts = "1 account" if len(waiting) == 1 else f"{len(waiting):,} accounts"
    found = f"letters of {accounts} wait, since nobody hears the replies"
    if failing is not None:
        return mend(f"{found}. {failing.failure}", "the account’s page says more")
    start = "make run" if not settings.PRODUCTION else "see listener, worker and beat above"
    return mend(found, start)


def events() -> Found:
    """What X told took effect."""
    from django.apps import apps
    from django.db import DatabaseError

    rows = apps.get_model("x", "ActivityEvent")._default_manager
    try:
        given_up = rows.filter(handled_at__isnull=False).exclude(failure="")
        count, last = given_up.count(), given_up.order_by("-id").first()
    except DatabaseError:
        return unchecked("the database does not answer, or is not migrated")
    if last is not None:
        return mend(
            f"{count} given up, the last a {last.kind} ({last.failure})",
            "the log says more; tell whoever keeps the program",
        )
    return ok("all took effect")


def x_api() -> Found:
    """Whatever speaks X API v2 for us can be reached; any answer will do."""
    import requests

    name = "the sandbox" if settings.PRACTICE else "X"
    try:
        answer = requests.get(settings.X_API_URL, timeout=ANSWER_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return mend(
            f"{settings.X_API_URL} ({name}) does not answer: {type(error).__name__}",
            "make run" if not settings.PRODUCTION else "check X_API_URL and the way out",
        )
    return ok(f"{settings.X_API_URL} ({name}) answers ({answer.status_code})")


def email() -> Found:
    """Invitations and warnings go out by e-mail."""
    from django.core.mail import get_connection

    backend = settings.EMAIL_BACKEND.rsplit(".", 2)[-2]
    if backend != "smtp":
        if settings.PRODUCTION:
            return mend(f"goes to {backend}, to nobody", "set EMAIL_URL to smtp+tls://…")
        return ok(f"goes to {backend} (development)")
    try:
        connection = get_connection(timeout=ANSWER_SECONDS)
        connection.open()
        connection.close()
    except OSError as error:
        return mend(f"{settings.EMAIL_HOST} refuses: {error}", "check EMAIL_URL")
    return ok(f"{settings.EMAIL_HOST} lets us in")


CHECKS: dict[str, Callable[[], Found]] = {
    "environment": environment,
    "TOKEN_KEYS": token_keys,
    "PUBLIC_URL": public_url,
    "static files": static_files,
    "database": database,
    "migrations": migrations,
    "stored tokens": stored_tokens,
    "Redis": redis_server,
    "worker": worker,
    "beat": beat,
    "X API": x_api,
    "listener": listener,
    "replies": replies,
    "events": events,
    "e-mail": email,
}


def examine() -> list[Result]:
    """Run every check, in the order in which one would mend."""
    return [Result(name, check()) for name, check in CHECKS.items()]
