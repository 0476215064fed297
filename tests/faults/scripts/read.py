"""Write down which files a run was given; then do what the environment says, or what the files do."""

import json
import os
import sys
import time
from pathlib import Path

ml = Path("/opt/ml/processing")
files = {
    str(path.relative_to(ml / "input/data")): path for path in sorted((ml / "input/data").rglob("*")) if path.is_file()
}
(ml / "output/seen.json").write_text(json.dumps({name: path.stat().st_size for name, path in files.items()}))
print("read", len(files), "files", flush=True)
if "FAIL" in os.environ:
    Path("/opt/ml/output").mkdir(parents=True, exist_ok=True)
    Path("/opt/ml/output/message").write_text(os.environ["FAIL"])
    sys.exit(3)
if any(path.read_bytes() == b"stay" for path in files.values()):
    # No clock decides: whoever stops the job ends it.
    while True:
        time.sleep(0.05)
