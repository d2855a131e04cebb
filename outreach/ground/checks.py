"""System checks: a hook that nobody filled stops the start."""

from __future__ import annotations

from typing import Any

from django.core.checks import Error, register

from outreach.ground.hooks import Hook


@register()
def every_hook_is_filled(app_configs: Any, **kwargs: Any) -> list[Error]:
    """One error for each declared hook that no room filled."""
    return [
        Error(
            f"Nobody filled the hook {hook.name}.",
            hint="The room above fills it in its AppConfig.ready().",
            id="ground.E001",
        )
        for hook in Hook.declared
        if not hook.is_filled
    ]
