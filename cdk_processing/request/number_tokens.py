"""CDK's number tokens, by their form: a number that CloudFormation fills in is one far below any other.

Source: https://docs.aws.amazon.com/cdk/v2/guide/tokens.html
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["NUMBER_TOKEN", "is_number_token"]

_BELOW_ANY_OTHER = -1e280
#: A number token as text, be it JSON or an f-string; the CDK finds it there by the same form.
NUMBER_TOKEN: Final = re.compile(r"-1\.[0-9]{10,16}e\+289")


def is_number_token(value: object) -> bool:
    """Whether a number is a CDK token."""
    return isinstance(value, float) and value < _BELOW_ANY_OTHER
