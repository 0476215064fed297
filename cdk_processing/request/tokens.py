"""CDK tokens as this pure folder sees them: by the form of their text or number, so that checks pass over them."""

from __future__ import annotations

from typing import Final, TypeGuard

from cdk_processing.request.number_tokens import NUMBER_TOKEN, is_number_token
from cdk_processing.request.runtime import has_run_time_value

__all__ = ["KNOWN_LATER", "LIST_TOKEN", "LOOKED_UP", "is_known", "is_list_token", "is_number_token", "is_token"]

#: Stands in a rendered request for a value that only CDK knows.
KNOWN_LATER: Final = "${Token[KNOWN.LATER]}"
#: CDK writes a token for a list as a list of one text that begins so:
#: https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
LIST_TOKEN: Final = "#{Token["
#: ``ssm.StringParameter.value_from_lookup`` returns such a text until the CLI has looked the value up. Synth must get
#: to its end with it: the CLI learns from the first synth what to look up.
LOOKED_UP: Final = "dummy-value-for-"


def is_token(value: object) -> bool:
    """Whether a text holds a CDK token of a text or of a number, or stands in for a value that the CDK CLI looks up."""
    return isinstance(value, str) and (
        "${Token[" in value or LOOKED_UP in value or ("e+289" in value and bool(NUMBER_TOKEN.search(value)))
    )


def is_list_token(value: object) -> bool:
    """Whether a list is a CDK token, whose items nobody knows at synth."""
    return isinstance(value, (list, tuple)) and any(isinstance(item, str) and LIST_TOKEN in item for item in value)


def is_known(value: object) -> TypeGuard[str]:
    """Whether a text is what the service gets: no token, no run-time value."""
    return isinstance(value, str) and not is_token(value) and not has_run_time_value(value)
