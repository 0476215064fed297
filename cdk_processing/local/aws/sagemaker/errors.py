"""The errors of the SageMaker API as the embedded AWS raises them."""

from __future__ import annotations

__all__ = ["ServiceError", "in_use", "limit_exceeded", "not_found", "unsupported", "validation"]


class ServiceError(Exception):
    """An API error: a code from the service model (or from AWS's common errors) and AWS's message."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def validation(message: str) -> ServiceError:
    """The request is not valid."""
    return ServiceError("ValidationException", message)


def unsupported(problem: str) -> ServiceError:
    """The request is valid in AWS, but the embedded AWS does not support it."""
    return validation(f"AWS accepts this, the embedded AWS does not: {problem}")


def in_use(arn: str) -> ServiceError:
    """The job name is taken. SageMaker never frees it."""
    return ServiceError(
        "ResourceInUse",
        f"Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})",
    )


def limit_exceeded(message: str) -> ServiceError:
    """A quota of the account is reached."""
    return ServiceError("ResourceLimitExceeded", message)


def not_found(message: str) -> ServiceError:
    """There is no such job."""
    return ServiceError("ResourceNotFound", message)
