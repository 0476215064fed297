"""Write the breast cancer data set that comes with scikit-learn as a CSV file: features, then ``target``.

Needs an interpreter that has scikit-learn and pandas, which the one of `cdk_processing` need not be: the demo runs this
with the interpreter of the embedded scikit-learn environment.

    python examples/make_dataset.py raw.csv
"""

from __future__ import annotations

import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: make_dataset.py FILE.csv")
    file = Path(sys.argv[1])
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = load_breast_cancer(as_frame=True).frame
    rows.to_csv(file, index=False)
    print(f"{file}: {len(rows)} rows, {len(rows.columns) - 1} features")


if __name__ == "__main__":
    main()
