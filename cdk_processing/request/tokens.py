"""What this pure folder needs to know of CDK tokens: how their text looks, so that checks can leave it alone."""

from __future__ import annotations

from typing import Any, Final

from cdk_processing.request.runtime import has_run_time_value

__all__ = ["KNOWN_LATER", "is_known", "is_token"]

#: Stands in a rendered request for what only CDK could say.
KNOWN_LATER: Final = "${Token[KNOWN.LATER]}"


def is_token(value: Any) -> bool:
    """Whether a text holds a CDK token, or is something that only CDK can read."""
    return isinstance(value, str) and "${Token[" in value


def is_known(value: Any) -> bool:
    """Whether a text is what the service will see: no token, no run-time value."""
    return isinstance(value, str) and not is_token(value) and not has_run_time_value(value)
