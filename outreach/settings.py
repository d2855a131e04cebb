"""Settings, read from the environment.

`SECRET_KEY` in the environment means production: then everything in `REQUIRED` must be
there as well, and what is missing is named at once. Without it this is development:
secrets are made once and kept in `var/`, and only loopback is served.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

X_API = "https://api.x.com"
X_AUTHORIZE = "https://x.com/i/oauth2/authorize"
REQUIRED = (
    "ALLOWED_HOSTS",
    "PUBLIC_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "TOKEN_KEYS",
    "X_CLIENT_ID",
    "X_CLIENT_SECRET",
    "EMAIL_URL",
    "DEFAULT_FROM_EMAIL",
)

PRODUCTION = bool(os.environ.get("SECRET_KEY"))
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))


def _development_secrets() -> dict[str, str]:
    """The secrets of a development installation, made once: tokens stay readable across starts."""
    from cryptography.fernet import Fernet

    path = VAR_DIR / "secrets.json"
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "TOKEN_KEYS": Fernet.generate_key().decode(),
        }
        # Written beside and linked into place: of two first starts, one wins and both read it.
        draft = path.with_name(f"secrets.{os.getpid()}.tmp")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            json.dump(made, handle)
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    stored: dict[str, str] = json.loads(path.read_text())
    return stored


if PRODUCTION:
    missing = [name for name in REQUIRED if not os.environ.get(name)]
    if missing:
        raise ImproperlyConfigured(
            f"Not set in the environment: {', '.join(missing)}. SECRET_KEY is set, so this is a "
            "production installation, which needs them all (docs/operating.md says what each is)."
        )
    SECRET_KEY = env.str("SECRET_KEY")
    TOKEN_KEYS = env.list("TOKEN_KEYS")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
    PUBLIC_URL = env.str("PUBLIC_URL").rstrip("/")
else:
    _made = _development_secrets()
    SECRET_KEY = _made["SECRET_KEY"]
    TOKEN_KEYS = env.list("TOKEN_KEYS", default=[_made["TOKEN_KEYS"]])
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env.list("ALLOWED_HOSTS", default=[])]
    PUBLIC_URL = env.str("PUBLIC_URL", default=f"http://127.0.0.1:{env.int('PORT', default=8000)}")

DEBUG = False

# --- X ---------------------------------------------------------------------------------------
_port = env.int("PORT", default=8000)
SANDBOX_PORT = env.int("SANDBOX_PORT", default=_port + 1)
SANDBOX_STATE = VAR_DIR / "sandbox.sqlite3"
X_API_URL = env.str(
    "X_API_URL", default=X_API if PRODUCTION else f"http://127.0.0.1:{SANDBOX_PORT}"
).rstrip("/")
# Nothing reaches X unless the API's address is X's own.
PRACTICE = X_API_URL not in {X_API, "https://api.twitter.com"}
X_AUTHORIZE_URL = env.str(
    "X_AUTHORIZE_URL", default=f"{X_API_URL}/i/oauth2/authorize" if PRACTICE else X_AUTHORIZE
)
# The installation's own X app. Where one practises, it is the sandbox's default one.
_practice_app = {
    "X_CLIENT_ID": "sandbox-client",
    "X_CLIENT_SECRET": "sandbox-secret",
    "X_BEARER_TOKEN": "sandbox-bearer",
    "X_CONSUMER_SECRET": "sandbox-consumer-secret",
}
_app = _practice_app if PRACTICE and not PRODUCTION else dict.fromkeys(_practice_app, "")
# Where links for people lead: X's own site, or the sandbox's pages of the same addresses.
X_SITE_URL = X_API_URL if PRACTICE else "https://x.com"
X_CLIENT_ID = env.str("X_CLIENT_ID", default=_app["X_CLIENT_ID"])
X_CLIENT_SECRET = env.str("X_CLIENT_SECRET", default=_app["X_CLIENT_SECRET"])
X_BEARER_TOKEN = env.str("X_BEARER_TOKEN", default=_app["X_BEARER_TOKEN"])
X_CONSUMER_SECRET = env.str("X_CONSUMER_SECRET", default=_app["X_CONSUMER_SECRET"])
# Seconds. How long before its end a token is refreshed; how long one process may take for it,
# which must be longer than a call's two totals; how long one waits after X did not answer; how
# long X's consent page may stay open.
X_REFRESH_BEFORE = env.float("X_REFRESH_BEFORE", default=600.0)
X_REFRESH_LEASE = env.float("X_REFRESH_LEASE", default=60.0)
X_REFRESH_RETRY = env.float("X_REFRESH_RETRY", default=15.0)
X_CONSENT_SECONDS = env.float("X_CONSENT_SECONDS", default=600.0)
# What X allows, as documented in August 2026: how many attempts in how many seconds. Any number
# of windows; settings, so that an operator can follow X and a test can run a day in seconds.
X_ACCOUNT_WINDOWS: list[tuple[int, int]] = [
    (int(count), int(seconds))
    for count, seconds in env.json("X_ACCOUNT_WINDOWS", default=[[15, 900], [1440, 86400]])
]
X_APP_WINDOWS: list[tuple[int, int]] = [
    (int(count), int(seconds))
    for count, seconds in env.json("X_APP_WINDOWS", default=[[1440, 86400]])
]
# US dollars a request or a resource, each list in force from its day on: as X published them in
# August 2026. A kind that a list does not name costs nothing.
X_PRICES: list[dict[str, Any]] = env.json(
    "X_PRICES",
    default=[
        {
            "from": "2026-02-01",
            "send_dm": "0.015",
            "user": "0.010",
            "follow": "0.010",
            # The same, where the account that reads owns the X app.
            "follow.owned": "0.001",
            "dm_event": "0.010",
            "dm.received": "0.010",
            "follow.follow": "0.010",
            "follow.unfollow": "0.010",
        }
    ],
)
# How many pages of 1,000 of a list, and how many look-ups of 100, X answers in how many seconds: for
# forecasts of how long a sync takes. What X itself says when it is reached holds it up.
X_PAGES_WINDOW: list[int] = env.json("X_PAGES_WINDOW", default=[300, 900])
X_LOOK_UPS_WINDOW: list[int] = env.json("X_LOOK_UPS_WINDOW", default=[900, 900])
# How many calls of GET /2/dm_events X answers an account in how many seconds.
X_DM_READS_WINDOW: list[int] = env.json("X_DM_READS_WINDOW", default=[15, 900])
# What an account is asked for at X's consent page. media.write, so that nobody must connect again
# when attachments come.
X_SCOPES = (
    "dm.write",
    "dm.read",
    "tweet.read",
    "users.read",
    "follows.read",
    "media.write",
    "offline.access",
)
# X's own bound: how many subscriptions an app may have.
X_SUBSCRIPTIONS_AN_APP = env.int("X_SUBSCRIPTIONS_AN_APP", default=1500)
# Have X deliver events to PUBLIC_URL too; it must be https, without a port, and open to X.
X_WEBHOOK = env.bool("X_WEBHOOK", default=False)

# --- customers ---------------------------------------------------------------------------------
# The largest file that may show a permission, in bytes. It is kept in the database.
EVIDENCE_BYTES = env.int("EVIDENCE_BYTES", default=5 * 1024 * 1024)

# --- sending (seconds) -----------------------------------------------------------------------
CALL_DEADLINE = env.float("CALL_DEADLINE", default=5.0)
# Totals: until the connection stands, and from there to the last byte of the answer.
CALL_CONNECT_TIMEOUT = env.float("CALL_CONNECT_TIMEOUT", default=4.0)
CALL_ANSWER_TIMEOUT = env.float("CALL_ANSWER_TIMEOUT", default=15.0)
UNDO_SECONDS = env.int("UNDO_SECONDS", default=10)
# How long X may take to show what it accepted, and how far two looks at a conversation are apart.
SETTLE_SECONDS = env.float("SETTLE_SECONDS", default=120.0)
SETTLE_BETWEEN_SECONDS = env.float("SETTLE_BETWEEN_SECONDS", default=600.0)

# --- imports ---------------------------------------------------------------------------------
# Bytes of a file; days for which a file that nobody confirmed, and rows left out, are kept.
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=300_000_000)
IMPORT_KEEP_DAYS = env.int("IMPORT_KEEP_DAYS", default=7)
IMPORT_SECONDS = env.float("IMPORT_SECONDS", default=5.0)
FILE_UPLOAD_HANDLERS = [
    "outreach.customers.imports.uploads.BoundedUploads",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Django ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "outreach.services",
    "outreach.ground",
    "outreach.audit",
    "accounts",
    "outreach.x",
    "outreach.customers",
    "outreach.drafts",
    "outreach.delivery",
    "outreach.inbox",
    "outreach.insights",
    "outreach.sandbox",
    "outreach.demo",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "accounts.middleware.ReaderTimeZoneMiddleware",
]
ROOT_URLCONF = "outreach.urls"
WSGI_APPLICATION = "outreach.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "outreach.insights.context.house",
            ],
        },
    },
]

# A command that needs no database (`help`, `collectstatic`) runs without one.
DATABASES = {
    "default": env.db_url("DATABASE_URL", default="postgres:///outreach")
    | {
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
# Seconds after which a transaction whose process says nothing any more is undone, with its locks.
IDLE_TRANSACTION_SECONDS = env.float("IDLE_TRANSACTION_SECONDS", default=15.0)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "outreach",
    }
}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "accounts:sign_in"

SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
# The form's token is read from the page, never from a cookie by a script.
CSRF_USE_SESSIONS = True
CSRF_FAILURE_VIEW = "accounts.errors.csrf_failure"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]


def _bootstrap() -> tuple[str, str]:
    """Bootstrap's files out of its pip package, served below `bootstrap/`."""
    from xstatic.pkg import bootstrap

    return ("bootstrap", bootstrap.BASE_DIR)


STATICFILES_DIRS.append(_bootstrap())
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "outreach.ground.static_files.StaticFiles"},
}

CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    _https = PUBLIC_URL.startswith("https://")
    SECURE_SSL_REDIRECT = _https
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
    SESSION_COOKIE_SECURE = _https
    CSRF_COOKIE_SECURE = _https
    SECURE_HSTS_SECONDS = 365 * 86400 if _https else 0
    SECURE_HSTS_INCLUDE_SUBDOMAINS = _https
    SECURE_HSTS_PRELOAD = _https
    CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="outreach@localhost")
# A mail server that hangs must not hold a worker.
EMAIL_TIMEOUT = 10

# --- Celery: wake-up calls only; the truth is in PostgreSQL ----------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A broker that is down must not hold up an approval: the tick finds what no wake-up announced.
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}
CELERY_TIMEZONE = "UTC"
# Letters have a queue of their own, so that no import or sync is ever in their way. A worker that is
# told no queue serves both.
SEND_QUEUE = "send"
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_QUEUES = [Queue(CELERY_TASK_DEFAULT_QUEUE), Queue(SEND_QUEUE)]
CELERY_TASK_ROUTES = {"outreach.delivery.tasks.*": {"queue": SEND_QUEUE}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
TICK_SECONDS = env.float("TICK_SECONDS", default=2.0)
# The cache key under which the tick leaves its time, in seconds of Unix time.
HEARTBEAT = "delivery.tick"
COME_BACK_SECONDS = env.float("COME_BACK_SECONDS", default=15.0)
SEAL_SECONDS = env.float("SEAL_SECONDS", default=5.0)
REFRESH_SECONDS = env.float("REFRESH_SECONDS", default=60.0)
WARN_SECONDS = env.float("WARN_SECONDS", default=60.0)
EVENT_SECONDS = env.float("EVENT_SECONDS", default=5.0)
SUBSCRIBE_SECONDS = env.float("SUBSCRIBE_SECONDS", default=30.0)
# Finds reading of histories that no wake-up announced, or whose worker died.
# How often somebody looks whom nobody hears, to read their messages.
HEAR_SECONDS = env.float("HEAR_SECONDS", default=60.0)
HISTORY_SECONDS = env.float("HISTORY_SECONDS", default=5.0)
COMPARE_SECONDS = env.float("COMPARE_SECONDS", default=600.0)
SWEEP_SECONDS = env.float("SWEEP_SECONDS", default=10.0)
SYNC_SECONDS = env.float("SYNC_SECONDS", default=5.0)
FORGET_SECONDS = env.float("FORGET_SECONDS", default=600.0)


def _every(seconds: float, task: str) -> dict[str, Any]:
    """A wake-up nobody picked up within its own length is worth nothing: the next one looks anew."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(seconds, 1.0)}}


CELERY_BEAT_SCHEDULE = {
    "find-due-letters": _every(TICK_SECONDS, "outreach.delivery.tasks.tick"),
    "queue-what-is-free-again": _every(COME_BACK_SECONDS, "outreach.delivery.tasks.come_back"),
    # So that an account stays connected though nobody writes from it.
    "refresh-x-tokens": _every(REFRESH_SECONDS, "outreach.x.tasks.refresh_soon"),
    "warn-of-caps": _every(WARN_SECONDS, "outreach.x.tasks.warn_of_caps"),
    "hand-on-events": _every(EVENT_SECONDS, "outreach.x.tasks.hand_on_waiting"),
    "subscribe-missing": _every(SUBSCRIBE_SECONDS, "outreach.x.tasks.subscribe_missing"),
    "compare-subscriptions": _every(COMPARE_SECONDS, "outreach.x.tasks.compare_subscriptions"),
    "hear-by-reading": _every(HEAR_SECONDS, "outreach.delivery.hearing.tasks.tick"),
    "read-histories": _every(HISTORY_SECONDS, "outreach.customers.history.tasks.tick"),
    "go-on-with-imports": _every(IMPORT_SECONDS, "outreach.customers.imports.tasks.tick"),
    "take-up-sweeps": _every(SWEEP_SECONDS, "outreach.customers.finding.tasks.take_up_sweeps"),
    "find-syncs": _every(SYNC_SECONDS, "outreach.customers.sync.tasks.tick"),
    "forget-heard-messages": _every(FORGET_SECONDS, "outreach.x.tasks.forget_messages"),
    "forget-shown-messages": _every(FORGET_SECONDS, "outreach.delivery.tasks.forget_messages"),
    "forget-mutuals": _every(FORGET_SECONDS, "outreach.customers.sync.tasks.forget"),
    "seal-audit-events": _every(SEAL_SECONDS, "outreach.audit.tasks.seal"),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "outreach.ground.logs.QuietFormatter",
            "format": "%(levelname)s %(name)s %(message)s",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        # Requests to X are logged by the X room, with X's request id and without the words.
        "urllib3": {"level": "WARNING"},
        "tweepy": {"level": "WARNING"},
        "django.server": {"level": "WARNING"},
    },
}
