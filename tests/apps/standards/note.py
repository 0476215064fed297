"""Writes one file."""

from pathlib import Path

Path("/opt/ml/processing/note/note.txt").write_text("done", encoding="utf-8")
