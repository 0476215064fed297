import sys
from pathlib import Path

files = sorted(Path("/opt/ml/processing/input").rglob("*"))
print(f"found {len(files)} files")
if not any(file.name == "good.txt" for file in files):
    message = Path("/opt/ml/output/message")
    message.parent.mkdir(parents=True, exist_ok=True)
    message.write_text("good.txt is missing")
    sys.exit(3)
