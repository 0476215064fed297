"""The README's own job and the README's own test of it, as a newcomer would type them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_job_and_the_test_of_the_readme_work_as_they_stand(tmp_path):
    app, test = re.findall(r"```python\n(from .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "app.py").write_text(app, encoding="utf-8")
    (tmp_path / "cdk.json").write_text(f'{{"app": "{sys.executable} app.py"}}', encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_census.py").write_text(test, encoding="utf-8")
    rows = "".join(f"{20 + number},{1000 * number},{number % 2}\n" for number in range(40))
    (tmp_path / "tests" / "census.csv").write_text(f"age,income,target\n{rows}", encoding="utf-8")
    shutil.copytree(ROOT / "jobs", tmp_path / "jobs")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)

    assert "1 passed" in done.stdout, done.stdout + done.stderr
