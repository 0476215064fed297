"""Botocore's models of the AWS APIs, read once for the whole process."""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["shared_loader"]


@functools.cache
def shared_loader() -> Any:
    """Botocore's loader, one for all sessions: reading a service's model again for each role would be slow."""
    from botocore.loaders import create_loader

    return create_loader()
