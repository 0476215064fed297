"""Access to MiniStack, which has no plug-in interface. All other modules access its internals through this package.

* ``names``: every private name of MiniStack in use, and the check that the installed release still has it;
* ``replacing``: replaces functions of MiniStack, each of them once;
* ``door``: MiniStack as a whole.

:mod:`cdk_processing.local.replacements` lists all replacements.
"""

from __future__ import annotations

from cdk_processing.local.ministack.door import (
    WireHandler,
    WireResponse,
    application,
    main_loop_call,
    register_service,
    request_scope,
    scope,
    serve_instead,
)
from cdk_processing.local.ministack.names import InternalsMovedError, internal, verify_internals
from cdk_processing.local.ministack.replacing import Replacement, replace_all

__all__ = [
    "InternalsMovedError",
    "Replacement",
    "WireHandler",
    "WireResponse",
    "application",
    "internal",
    "main_loop_call",
    "register_service",
    "replace_all",
    "request_scope",
    "scope",
    "serve_instead",
    "verify_internals",
]
