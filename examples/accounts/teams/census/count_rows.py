"""Count the rows of each CSV file that arrived."""

import csv
import json
from pathlib import Path

PROCESSING = Path("/opt/ml/processing")

counts = {}
for file in sorted((PROCESSING / "input").rglob("*.csv")):
    with file.open(newline="", encoding="utf-8") as rows:
        counts[file.name] = sum(1 for _ in csv.DictReader(rows))
(PROCESSING / "counts" / "counts.json").write_text(json.dumps(counts), encoding="utf-8")
print(f"{sum(counts.values())} rows in {len(counts)} files")
