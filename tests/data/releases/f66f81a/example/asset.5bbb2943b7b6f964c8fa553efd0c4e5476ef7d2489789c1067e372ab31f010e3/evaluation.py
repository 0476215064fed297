"""Train a logistic regression on the training set and tell how well it does on the test set.

Runs inside a SageMaker Processing job with the scikit-learn image, after ``preprocessing.py``. The report has the shape
that SageMaker's model quality metrics have:
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-model-quality-metrics.html
"""

# ruff: noqa: T201 - what a job prints is its log

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

PROCESSING = Path("/opt/ml/processing")
MESSAGE = Path("/opt/ml/output/message")
TARGET = "target"


class BadInputError(Exception):
    """The input cannot be evaluated; the text says why."""


def read_rows(name: str) -> pd.DataFrame:
    """Every row of the CSV files of a channel."""
    files = sorted((PROCESSING / name).rglob("*.csv"))
    if not files:
        raise BadInputError(f"no CSV file in the {name} channel")
    rows = pd.concat((pd.read_csv(file) for file in files), ignore_index=True)
    if TARGET not in rows.columns:
        raise BadInputError(f"the {name} channel has no column {TARGET!r}")
    print(f"{name}: {len(rows)} rows of {len(files)} file{'s' if len(files) > 1 else ''}", flush=True)
    return rows


def evaluate(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, Any]:
    """The report."""
    model = LogisticRegression(max_iter=1000).fit(train.drop(columns=TARGET), train[TARGET])
    features, truth = test[train.drop(columns=TARGET).columns], test[TARGET]
    predicted = model.predict(features)
    scores = {
        "accuracy": accuracy_score(truth, predicted),
        "precision": precision_score(truth, predicted),
        "recall": recall_score(truth, predicted),
        "f1": f1_score(truth, predicted),
        "auc": roc_auc_score(truth, model.predict_proba(features)[:, 1]),
    }
    return {
        "binary_classification_metrics": {
            name: {"value": float(value), "standard_deviation": "NaN"} for name, value in scores.items()
        }
    }


def main() -> int:
    """Read, train, evaluate, write."""
    try:
        report = evaluate(read_rows("train"), read_rows("test"))
    except (BadInputError, ValueError) as error:  # scikit-learn's own complaint about the values is a ValueError.
        MESSAGE.parent.mkdir(parents=True, exist_ok=True)
        MESSAGE.write_text(str(error), encoding="utf-8")
        print(f"bad input: {error}", file=sys.stderr, flush=True)
        return 1
    file = PROCESSING / "evaluation" / "evaluation.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=2), encoding="utf-8")
    for name, metric in report["binary_classification_metrics"].items():
        print(f"{name}: {metric['value']:.4f}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
