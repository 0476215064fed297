"""Loads botocore's models of the AWS APIs, once for the whole process."""

from __future__ import annotations

import functools
from typing import Any

__all__ = ["shared_loader"]


@functools.cache
def shared_loader() -> Any:
    """The botocore loader that all sessions share. Loading a service's model again for each role would be slow."""
    from botocore.loaders import create_loader

    return create_loader()
