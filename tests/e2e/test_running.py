"""`make run` itself: what it opens, what it says, what a page of it weighs."""

from __future__ import annotations

import pytest

from outreach.demo import cast

pytestmark = pytest.mark.e2e

HEAVIEST = 200_000  # bytes, compressed, with an empty cache


def test_it_listens_on_loopback_only(outreach):
    open_to = sorted((each.address, each.port) for each in outreach.listeners())
    ports = sorted([outreach.port, outreach.sandbox_port])
    assert sorted(set(open_to)) == [("127.0.0.1", port) for port in ports]


def test_it_prints_one_address_and_the_log_ins(outreach):
    addresses = [line for line in outreach.said if line.startswith("Outreach is at ")]
    assert addresses == [f"Outreach is at {outreach.url}"]
    for colleague in cast.COLLEAGUES:
        assert [line for line in outreach.said if line.strip().startswith(colleague.email)] != []


def test_a_second_run_on_its_port_says_so_in_one_line(outreach):
    with outreach.another() as second:
        try:
            said, _ = second.communicate(timeout=60)
        finally:
            second.terminate()
    assert said == (
        f"Port {outreach.port} is taken: Outreach already runs from this checkout at "
        f"{outreach.url}. Stop that one first (Ctrl-C where it runs).\n"
    )
    assert second.returncode == 1


def test_today_weighs_less_than_200_kb_on_its_first_load(jo, watch):
    client = jo.page.context.new_cdp_session(jo.page)
    client.send("Network.enable")
    received: list[float] = []
    client.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    jo.goto("")
    jo.page.wait_for_load_state("networkidle")
    watch.found()
    assert len(received) > 5
    assert sum(received) < HEAVIEST
