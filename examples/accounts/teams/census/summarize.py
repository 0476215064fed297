"""Write the counts of a run as text."""

import argparse
import json
from pathlib import Path

PROCESSING = Path("/opt/ml/processing")

parser = argparse.ArgumentParser()
parser.add_argument("--title", required=True)
title = parser.parse_args().title
lines = [title]
for file in sorted((PROCESSING / "counts").rglob("counts.json")):
    counts = json.loads(file.read_text(encoding="utf-8"))
    lines += [f"{name}: {count} rows" for name, count in counts.items()]
(PROCESSING / "summary" / "summary.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
print("\n".join(lines))
