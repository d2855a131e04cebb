"""Approval → broker → a real worker → X, and what of it may be missing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from outreach.celery import app
from outreach.delivery.models import Attempt, Delivery
from outreach.delivery.tasks import wake
from outreach.x.tokens import decrypt
from tests import factories
from tests.delivery.conftest import BRAND, MARIA
from tests.delivery.doomed import CHECKOUT
from tests.delivery.meanwhile import queued, wait_until

SECRETS = ["which ink we use", "recipe", "how it prints"]


class Process:
    """A Celery process that says everything it can into a file."""

    def __init__(self, environment: dict[str, str], log: Path, *arguments: str) -> None:
        self.log = log
        with log.open("wb") as handle:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.delivery.loud", *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdout=handle,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def worker(outside, tmp_path_factory):
    app.control.purge()
    log = tmp_path_factory.mktemp("worker") / "log"
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    process = Process(outside, log, "worker", "--pool=solo", "--loglevel=DEBUG", *quiet)
    wait_until(lambda: " ready." in process.said())
    yield process
    process.end()


@pytest.fixture
def at_work(worker, world):
    """The worker, which is at rest again before the test's rows are taken away."""
    yield worker
    wait_until(lambda: queued() == 0)
    # One that works on a task does not answer.
    wait_until(lambda: app.control.ping(timeout=0.2))


@pytest.fixture
def beat(at_work, outside, tmp_path):
    schedule = f"--schedule={tmp_path / 'schedule'}"
    environment = outside | {"TICK_SECONDS": "0.3"}
    process = Process(environment, tmp_path / "log", "beat", "--loglevel=DEBUG", schedule)
    yield process
    process.end()


def approved(house) -> Delivery:
    revision = factories.submitted(house, house.customers[0])
    return Delivery.everywhere.get(approval=factories.decided(house, revision))


def is_sent(delivery: Delivery) -> bool:
    delivery.refresh_from_db()
    return delivery.state == "sent"


def test_an_approval_alone_wakes_the_worker_that_sends_it(world, sandbox, at_work, settings):
    settings.UNDO_SECONDS = 0
    delivery = approved(world)
    wait_until(lambda: is_sent(delivery))
    (dm,) = sandbox.dms()
    assert (dm["sender"], dm["recipient"]) == (str(BRAND), str(MARIA))
    assert (dm["text"], dm["id"]) == (delivery.text, str(delivery.dm_event_id))


def test_a_letter_whose_wake_up_was_flushed_away_is_found_by_the_tick(
    world, sandbox, beat, settings
):
    wait_until(lambda: "Sending due task" in beat.said())
    # Nobody is woken for what is more than a minute away, so this one is the tick's alone.
    settings.UNDO_SECONDS = 61
    delivery = approved(world)
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        channel.client.flushall()
    Delivery.everywhere.update(due_at=delivery.created_at, look_at=delivery.created_at)
    wait_until(lambda: is_sent(delivery))
    assert [dm["text"] for dm in sandbox.dms()] == [delivery.text]
    assert Attempt.objects.count() == 1


def test_twenty_wake_ups_for_one_letter_send_it_once(world, sandbox, at_work, settings):
    settings.UNDO_SECONDS = 0
    delivery = approved(world)
    for _ in range(20):
        wake(world.account.pk, 0)
    wait_until(lambda: is_sent(delivery))
    wait_until(lambda: queued() == 0)
    assert len(sandbox.dms()) == 1


def test_with_the_broker_down_an_approval_succeeds_and_soon(outside, world):
    """In a process of its own, as the web server would meet it."""
    revision = factories.submitted(world, world.customers[0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = listener.getsockname()[1]
    decide = (
        "import django, time; django.setup()\n"
        "from accounts.access import member_of\n"
        "from accounts.models import User\n"
        "from outreach.drafts import actions, models\n"
        f"user = User.objects.get(pk={world.manager.user_id})\n"
        f"member = member_of(user, {world.slug!r})\n"
        "started = time.monotonic()\n"
        f"actions.decide(member, {revision.pk}, decision=models.Decision.APPROVE,\n"
        f"    text_sha256={revision.text_sha256!r})\n"
        "print(time.monotonic() - started)\n"
    )
    answered = subprocess.run(
        [sys.executable, "-c", decide],
        cwd=CHECKOUT,
        env=outside | {"REDIS_URL": f"redis://127.0.0.1:{closed_port}/0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answered.returncode == 0, answered.stderr
    assert float(answered.stdout) < 4
    assert "the tick will find it" in answered.stderr
    assert Delivery.everywhere.get().state == "queued"


def test_nothing_that_the_worker_said_holds_words_or_tokens(world, sandbox, at_work, settings):
    settings.UNDO_SECONDS = 0
    delivery = approved(world)
    wait_until(lambda: is_sent(delivery))
    wait_until(lambda: at_work.said().count("succeeded in"))
    said = at_work.said()
    assert "DEBUG" in said
    assert "POST /2/dm_conversations/with/:participant_id/messages: 201" in said
    secrets = [*SECRETS, decrypt(world.account.token.access_token), "Bearer "]
    assert [secret for secret in secrets if secret in said] == []
