"""Do nothing, or fail while the environment says so."""

import os
import sys

sys.exit(3 if "FAIL" in os.environ else 0)
