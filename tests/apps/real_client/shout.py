"""Copy every text in upper case."""

from pathlib import Path

for file in Path("/opt/ml/processing/input").glob("*.txt"):
    Path("/opt/ml/processing/loud", file.name).write_text(file.read_text().upper())
