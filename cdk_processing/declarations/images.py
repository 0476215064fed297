"""A container image, as a file names it beside a URI."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from cdk_processing.declarations.model_base import Declared, wrong

__all__ = ["Image"]


class Image(Declared):
    """An image in ECR by the name of its repository, or one that `cdk deploy` builds. A URI is written as text."""

    from_ecr_repository: str | None = Field(
        default=None, description="The name of a repository of the stack's account and region."
    )
    tag: str | None = Field(default=None, description="With from_ecr_repository. Left out beside digest: latest.")
    digest: str | None = Field(default=None, description="sha256:..., with from_ecr_repository.")
    from_build: str | None = Field(
        default=None, description="A folder with a Dockerfile, from the folder of this file. `cdk deploy` builds it."
    )
    build_args: dict[str, str] | None = Field(default=None, description="Arguments of the build, with from_build.")

    @model_validator(mode="after")
    def _one_source(self) -> Any:
        if (self.from_ecr_repository is None) == (self.from_build is None):
            raise wrong(
                "an image with from_ecr_repository or from_build", "give one of the two, or write a URI as text"
            )
        return self
