"""How tests wait: for a state, never for a time.

A machine whose cores are all busy takes ten times as long. The ceiling here is far above that; it is there only so that
a test that waits in vain fails, with what it saw last, before pytest-timeout ends it.
"""

import time

__all__ = ["FOREVER", "PATIENCE", "until"]

#: Seconds that a test waits for a state before it fails.
PATIENCE = 240.0
#: Seconds that a process sleeps which the test must see ended by something else.
FOREVER = 86_400


def until(look, good=bool, *, every=0.02, within=PATIENCE):
    """Look again and again until what is seen is good, and return it.

    Args:
        look: Called without arguments.
        good: Says of what was seen whether it is what the test waits for.
        every: Seconds between looks.
        within: Seconds after which the test fails.
    """
    deadline = time.monotonic() + within
    while True:
        found = look()
        if good(found):
            return found
        assert time.monotonic() < deadline, f"after {within:g} s still {found!r}"
        time.sleep(every)
