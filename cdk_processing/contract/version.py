"""The contract's version, and the refusal of forms of newer releases.

A new release reads everything that an older one wrote. Increase :data:`VERSION` when the meaning of a form changes, or
when an older reader would misunderstand it. A new field that older readers may ignore needs no new version.

| version | since |
|---|---|
| 1 | the first release; its forms name no version |
| 2 | forms name their version; a job's parameters are declared in a comment of its definition |
| 3 | a job may have an identity of its own (``job_id``), from which its run ids are computed |

The output of a run and the input of a start and of a redrive name their version since a later release than the other
forms of version 2; without it they are read as version 1, which means the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_processing.errors import NewerContractError, Problem

__all__ = ["VERSION", "VERSION_FIELD", "read_version", "refuse_newer", "version_of"]

#: The version of the forms that this release writes.
VERSION = 3
#: The field that holds the version, in every form that is a JSON object.
VERSION_FIELD = "contract"


def read_version(form: Mapping[str, Any], what: str, field: str = VERSION_FIELD) -> int:
    """The version of a form; 1 if it names none.

    Args:
        form: The form.
        what: What it is, for the error: ``the dead letter of Census/Preprocess``.
        field: The field that holds the version.

    Raises:
        NewerContractError: A newer release wrote it.
    """
    version = version_of(form, field)
    refuse_newer(version, what)
    return version


def version_of(form: Mapping[str, Any], field: str = VERSION_FIELD) -> int:
    """The version of a form, whether or not this release reads it; 1 where it names none, 0 where that is no number."""
    found = str(form.get(field, 1))
    return int(found) if found.isascii() and found.isdigit() else 0


def refuse_newer(version: int, what: str) -> None:
    """Refuse a version that this release does not read.

    Raises:
        NewerContractError: A newer release wrote the form.
    """
    if not 1 <= version <= VERSION:
        allowed = f"a version that this release of cdk-processing reads, 1-{VERSION}"
        fix = "install the release that deployed the job, or a newer one"
        raise NewerContractError(Problem("contract", version, allowed, fix, what))
