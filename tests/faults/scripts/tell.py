"""Write the arguments down."""

import json
import sys
from pathlib import Path

Path("/opt/ml/processing/output/told.json").write_text(json.dumps(sys.argv[1:]), encoding="utf-8")
