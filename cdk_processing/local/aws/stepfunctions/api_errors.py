"""The words of the Step Functions API for what does not exist, in place of MiniStack's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["with_words_of_aws"]

# A code, MiniStack's message, and the words of AWS's message.
_MESSAGES = (
    ("StateMachineDoesNotExist", re.compile(r"State machine (?P<arn>.*) not found"), "State Machine Does Not Exist"),
    ("ExecutionDoesNotExist", re.compile(r"Execution (?P<arn>.*) not found"), "Execution Does Not Exist"),
)


def with_words_of_aws(make: Callable[..., Any]) -> Callable[..., Any]:
    """Name what does not exist as AWS does, and refuse what is no ARN."""

    def error_response_json(code: str, message: str, *status: int, **options: Any) -> Any:
        if message == "Task token not found":
            return make("InvalidToken", "Invalid Token: 'Invalid token'", *status, **options)
        for of_code, pattern, words in _MESSAGES:
            found = pattern.fullmatch(message) if code == of_code else None
            if found is not None and not found["arn"].startswith("arn:"):
                return make("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {found['arn']}'", *status, **options)
            if found is not None:
                return make(code, f"{words}: '{found['arn']}'", *status, **options)
        return make(code, message, *status, **options)

    return error_response_json
