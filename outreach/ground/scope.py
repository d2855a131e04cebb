"""One mechanism that keeps every query inside its workspace.

A workspace's rows are read through `Model.objects.of(member)`; `Model.objects` offers nothing
else, so that forgetting the wall raises instead of leaking. Engines that work for all workspaces
(the sender, the sealer) say so in the open: `Model.everywhere`. Django's own machinery uses
`everywhere` too (`default_manager_name`). Composite foreign keys in the database hold the same
wall for what is written (`outreach/ground/sql.py`).
"""

from __future__ import annotations

from typing import Any, NoReturn, Protocol, TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)


class Unscoped(RuntimeError):  # noqa: N818  says what the query is
    """A workspace's rows were asked for without saying whose."""


class Scope(Protocol):
    """Whatever belongs to one workspace: a member, or a step's own scope."""

    @property
    def workspace_id(self) -> int: ...


class ScopedManager(models.Manager[M]):
    """`objects` of every model that belongs to a workspace."""

    def get_queryset(self) -> NoReturn:
        raise Unscoped(
            f"Say whose: {self.model.__name__}.objects.of(member), or .everywhere for an engine."
        )

    def of(self, scope: Scope) -> models.QuerySet[M, M]:
        """The rows of the scope's workspace, and no others."""
        return self._rows().filter(workspace_id=scope.workspace_id)

    def create(self, **values: Any) -> M:
        """Make a row; it names its workspace itself."""
        return self._rows().create(**values)

    def _rows(self) -> models.QuerySet[M, M]:
        return models.QuerySet(self.model, using=self._db)


class WorkspaceRow(models.Model):
    """What every model with a `workspace` is made of. Its Meta inherits this one's."""

    everywhere = models.Manager()
    objects = ScopedManager()

    class Meta:
        abstract = True
        default_manager_name = "everywhere"
        base_manager_name = "everywhere"
