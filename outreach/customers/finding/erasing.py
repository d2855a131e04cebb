"""What finding people keeps of a person: saved searches, and walks, in which they are named."""

from __future__ import annotations

from typing import Any

from outreach.customers.erasing.naming import Names
from outreach.customers.finding.criteria import of_query
from outreach.customers.hooks import Erasure, Whom
from outreach.customers.models import Segment, Sweep
from outreach.ground.scope import Scope
from outreach.ground.writes import step


@step
def erase_searches(erasure: Erasure) -> None:
    """Segments and sweeps that name a person go: without the name they would find others."""
    names = Names(erasure.whom.names)
    segments = [each.pk for each in _segments(erasure.whom, names)]
    Segment.objects.of(erasure.whom).filter(pk__in=segments).delete()
    sweeps = [
        each.pk for each in Sweep.objects.of(erasure.whom) if names.stand_in(*_said(each.query))
    ]
    Sweep.objects.of(erasure.whom).filter(pk__in=sweeps).delete()
    erasure.gone["segments"] = len(segments)
    erasure.gone["sweeps"] = len(sweeps)


def searches_for(whom: Whom) -> dict[str, Any]:
    """The saved searches that name somebody. One query."""
    return {
        "segments": [
            {
                "name": each.name,
                "asks_for": _said(each.query),
                "made_by": each.made_by.name,
                "made_at": each.made_at.isoformat(),
            }
            for each in _segments(whom, Names(whom.names))
        ]
    }


def _segments(scope: Scope, names: Names) -> list[Segment]:
    rows = Segment.objects.of(scope).select_related("made_by").order_by("pk")
    return [each for each in rows if names.stand_in(each.name, *_said(each.query))]


def _said(query: str) -> list[str]:
    """What was typed into a search and its filters."""
    criteria = of_query(query)
    return [criteria.q, *criteria.tags, *(value for pair in criteria.attributes for value in pair)]
