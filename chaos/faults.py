"""What goes wrong at X while chaos runs: rules for the sandbox."""

from __future__ import annotations

from typing import Any

from chaos.scale import DELAY, LAG

# Endpoint → (fault, how often, options). Of the moments of a call at most one fault acts on each.
SENDS: list[tuple[str, float, dict[str, Any]]] = [
    ("error_before", 0.06, {"status": 503}),
    ("drop_before", 0.06, {"reset": True}),
    ("rate_limited", 0.05, {"seconds": 1}),
    ("error_after", 0.05, {"status": 502}),
    ("drop_after", 0.06, {"reset": False}),
    ("malformed", 0.05, {"how": "no_id"}),
    ("malformed", 0.05, {"how": "cut"}),
    ("malformed", 0.05, {"how": "html"}),
    ("delay", 0.05, {"seconds": DELAY}),
]
READS: list[tuple[str, float, dict[str, Any]]] = [
    ("error_before", 0.06, {"status": 500}),
    ("drop_before", 0.05, {"reset": False}),
    ("rate_limited", 0.05, {"seconds": 1}),
    ("error_after", 0.05, {"status": 504}),
    ("drop_after", 0.05, {"reset": True}),
    ("malformed", 0.05, {"how": "broken"}),
    ("malformed", 0.05, {"how": "cut"}),
    ("delay", 0.05, {"seconds": DELAY}),
    ("lag", 0.10, {"seconds": LAG}),
    ("partial", 0.05, {"how": "errors"}),
    ("partial", 0.05, {"how": "unanswered"}),
]
EVENTS: list[tuple[str, float, dict[str, Any]]] = [
    ("event_late", 0.08, {"seconds": 6}),
    ("event_twice", 0.08, {}),
    ("event_never", 0.08, {}),
]
# X asks to wait a minute after a stream it limits: that one fault would leave nothing to hear. A
# stream breaks some time after the event that the rule struck, for with each event one in twenty
# it would never come to the end of what it tells again.
STREAM: list[tuple[str, float, dict[str, Any]]] = [
    ("error_before", 0.06, {"status": 503}),
    ("drop_before", 0.06, {"reset": True}),
    ("stream_drop", 0.05, {"seconds": 26}),
]
EVENT_KINDS = ("dm.sent", "dm.received", "follow.unfollow")


def rules() -> list[dict[str, Any]]:
    """Every fault, where it may act."""
    wanted = (
        [("send_dm", item) for item in SENDS]
        + [(name, item) for name in ("dm_events_with", "dm_events") for item in READS[:9]]
        + [("users", item) for item in READS if item[0] != "lag"]
        + [(kind, item) for kind in EVENT_KINDS for item in EVENTS]
        + [("activity_stream", item) for item in STREAM]
    )
    return [
        {"endpoint": endpoint, "fault": fault, "probability": probability} | options
        for endpoint, (fault, probability, options) in wanted
    ]
