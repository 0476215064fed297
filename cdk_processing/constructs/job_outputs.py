"""Where the outputs of a job go, as other jobs read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from cdk_processing.errors import DeclarationError, Problem
from cdk_processing.request.location import JobOutput, S3Location
from cdk_processing.request.markers import upstream_output
from cdk_processing.request.request import ProcessingRequest

__all__ = ["JobOutputs", "OutputPlace", "output_places"]


class OutputPlace(NamedTuple):
    """Where an output goes.

    Attributes:
        name: The output's name.
        location: Where one run writes, as it is declared; it may hold run-time values.
        shared: What the folders of all runs have in common, cut back to the last whole folder.
    """

    name: str
    location: S3Location
    shared: JobOutput

    @property
    def is_of_each_run(self) -> bool:
        """Whether each run writes to a place of its own."""
        return self.shared.key != _folder(self.location).key


def output_places(request: ProcessingRequest) -> Iterator[OutputPlace]:
    """Each output of a request that goes to S3."""
    for channel in request.named_outputs:
        if (location := channel.location) is not None:
            yield OutputPlace(channel.output_name or "", location, JobOutput(location.bucket, _shared(location)))


class JobOutputs(dict[str, JobOutput]):
    """The outputs of a job by name; asking for another is an error that lists them."""

    def __init__(self, job: str, request: ProcessingRequest) -> None:
        super().__init__((place.name, _read_by_others(place, job)) for place in output_places(request))
        self._job = job
        self._elsewhere = [name for each in request.named_outputs if (name := each.output_name) and name not in self]

    def __missing__(self, name: object) -> NoReturn:
        if name in self._elsewhere:
            allowed, fix = "an output that goes to S3", "the feature store is read by its own API"
        elif self:
            allowed, fix = f"one of {', '.join(map(repr, self))}", "take one of those"
        else:
            allowed, fix = "left out: the job has no outputs", "give its run() outputs=[ProcessingOutput(...)]"
        raise DeclarationError(self._job, [Problem("outputs[...]", name, allowed, fix).on(self._job)])


def _read_by_others(place: OutputPlace, job: str) -> JobOutput:
    if not place.is_of_each_run:
        return place.shared
    folder = place.shared
    rest = upstream_output(job, place.name, folder.key)
    slash = "" if place.location.key.endswith("/") else "/"
    return JobOutput(folder.bucket, f"{folder.key}{rest}{slash}")


def _folder(location: S3Location) -> S3Location:
    # SageMaker writes to <key>/<file>: without the slash, "train" would also be what lies in "train-old/".
    return S3Location(location.bucket, location.key).folder


def _shared(location: S3Location) -> str:
    folder = _folder(location)
    key = folder.fixed_key
    return key if key == folder.key or "/" not in key else key.rsplit("/", 1)[0] + "/"
