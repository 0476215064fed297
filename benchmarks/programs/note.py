"""What the jobs of the embedded benchmark run: note when this began, and for which object."""

import time

began = time.time()

if __name__ == "__main__":
    from pathlib import Path

    ml = Path("/opt/ml")
    names = [file.name for file in ml.glob("processing/input/**/*.txt")]
    noted = ml / "processing/noted"
    noted.mkdir(parents=True, exist_ok=True)
    (noted / "began.txt").write_text(" ".join([repr(began), *names]))
