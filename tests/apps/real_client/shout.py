"""Copy every text in upper case, and say what reference data came along."""

from pathlib import Path

reference = Path("/opt/ml/processing/reference")
loud = Path("/opt/ml/processing/loud")
for file in Path("/opt/ml/processing/input").glob("*.txt"):
    (loud / file.name).write_text(file.read_text().upper())
names = sorted(path.relative_to(reference).as_posix() for path in reference.rglob("*") if path.is_file())
(loud / "reference.lst").write_text("\n".join(names))
