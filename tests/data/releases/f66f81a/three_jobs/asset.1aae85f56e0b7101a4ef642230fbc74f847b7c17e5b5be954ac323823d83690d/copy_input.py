import sys
from pathlib import Path

suffix = sys.argv[sys.argv.index("--suffix") + 1]
result = Path("/opt/ml/processing/result")
result.mkdir(parents=True, exist_ok=True)
for file in sorted(Path("/opt/ml/processing/input").rglob("*.txt")):
    (result / f"{file.stem}{suffix}.txt").write_text(file.read_text())
    print(f"copied {file.name}")
