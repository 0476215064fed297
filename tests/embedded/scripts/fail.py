"""Fail, and say why."""

import sys
from pathlib import Path

Path("/opt/ml/output/message").write_text("the input has no column 'target'", encoding="utf-8")
print("about to fail")
sys.exit(3)
