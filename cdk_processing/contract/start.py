"""The input of a start by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from cdk_processing.contract.redrive import RedriveEnvelope
from cdk_processing.contract.version import VERSION, VERSION_FIELD, read_version

__all__ = [
    "FOLDERS_FIELD",
    "FOLDER_FIELD",
    "PARAMETERS_FIELD",
    "RUN_KEY_FIELD",
    "TIME_FIELD",
    "StartInput",
    "is_start",
]

#: The field of the run key.
RUN_KEY_FIELD = "run_key"
#: The field of the parameters' values.
PARAMETERS_FIELD = "parameters"
#: The field of the run's time, which events of EventBridge have too.
TIME_FIELD = "time"
#: The field of the folder that the run reads, in place of that of a marker.
FOLDER_FIELD = "folder"
#: The field of the folders that the run reads, by the name of their source.
FOLDERS_FIELD = "folders"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class StartInput:
    """A start by hand.

    Attributes:
        parameters: Values of the job's parameters, by name.
        run_key: The run key; None for a new run.
        at: The run's time, with a timezone; None for the time of the start.
        folder: The folder in place of a marker's: ``s3://bucket/.../``; None for none.
        folders: The folders in place of those of several markers, by the name of their source.
        version: The contract's version. An input that somebody writes by hand need not name it.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    run_key: str | None = None
    at: datetime | None = None
    folder: str | None = None
    folders: Mapping[str, str] = field(default_factory=dict)
    version: int = VERSION

    def fields(self) -> dict[str, Any]:
        """The input as an object, without values that are left out."""
        request: dict[str, Any] = {VERSION_FIELD: self.version}
        if self.run_key is not None:
            request[RUN_KEY_FIELD] = self.run_key
        if self.at is not None:
            request[TIME_FIELD] = self.at.astimezone(timezone.utc).strftime(_TIME)
        if self.folder is not None:
            request[FOLDER_FIELD] = self.folder
        if self.folders:
            request[FOLDERS_FIELD] = dict(self.folders)
        return {**request, PARAMETERS_FIELD: dict(self.parameters)} if self.parameters else request

    def render(self) -> str:
        """The input as JSON."""
        return json.dumps(self.fields(), ensure_ascii=False)

    @classmethod
    def parse(cls, text: str) -> StartInput:
        """The start in an execution's input, or in the event that it redrives; an empty one if there is none.

        Raises:
            NewerContractError: A newer release wrote the input.
        """
        request: Any = json.loads(text or "{}")
        redrive = RedriveEnvelope.parse(request)
        found = request if redrive is None else redrive.event
        if not isinstance(found, dict):
            return cls()
        version = read_version(found, "the input of a start by hand")
        values, key = found.get(PARAMETERS_FIELD), found.get(RUN_KEY_FIELD)
        folder, folders = found.get(FOLDER_FIELD), found.get(FOLDERS_FIELD)
        return cls(
            values if isinstance(values, dict) else {},
            key if isinstance(key, str) else None,
            _time(found.get(TIME_FIELD)),
            folder if isinstance(folder, str) else None,
            folders if isinstance(folders, dict) else {},
            version,
        )


def _time(text: object) -> datetime | None:
    """A time as this library writes it; None for others, which somebody wrote by hand."""
    try:
        return datetime.strptime(str(text), _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


def is_start(event: object) -> bool:
    """Whether an execution's input is a start by hand, and no event."""
    known = {VERSION_FIELD, RUN_KEY_FIELD, PARAMETERS_FIELD, TIME_FIELD, FOLDER_FIELD, FOLDERS_FIELD}
    return isinstance(event, Mapping) and event.keys() <= known
