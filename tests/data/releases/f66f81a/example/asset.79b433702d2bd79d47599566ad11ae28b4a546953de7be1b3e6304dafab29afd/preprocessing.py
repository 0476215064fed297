"""Split the rows of every CSV file that arrived into a training and a test set, and scale the features.

Runs inside a SageMaker Processing job with the scikit-learn image. Each file has a header, feature columns, and the
label last, in a column called ``target``.
"""

# ruff: noqa: T201 - what a job prints is its log

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

PROCESSING = Path("/opt/ml/processing")
MESSAGE = Path("/opt/ml/output/message")
TARGET = "target"
RANDOM_STATE = 42


class BadInputError(Exception):
    """The input cannot be processed; the text tells whoever sent it what to change."""


def read_rows(folder: Path) -> pd.DataFrame:
    """Every row of every CSV file below a folder."""
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise BadInputError(f"no CSV file below {folder}")
    frames = []
    for file in files:
        try:
            frame = pd.read_csv(file)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise BadInputError(f"{file.name} is not a CSV file: {error}") from None
        if frame.columns[-1] != TARGET:
            raise BadInputError(f"{file.name}: the last column must be {TARGET!r}, it is {frame.columns[-1]!r}")
        if frames and list(frame.columns) != list(frames[0].columns):
            raise BadInputError(f"{file.name} has other columns than {files[0].name}")
        text = [name for name in frame.columns[:-1] if not pd.api.types.is_numeric_dtype(frame[name])]
        if text:
            raise BadInputError(f"{file.name}: features must be numbers, these are not: {', '.join(text[:5])}")
        print(f"read {file.name}: {len(frame)} rows, {len(frame.columns) - 1} features", flush=True)
        frames.append(frame)
    rows = pd.concat(frames, ignore_index=True)
    complete = rows.dropna()
    if len(complete) < len(rows):
        print(f"left out {len(rows) - len(complete)} rows with empty fields", flush=True)
    return complete


def split(rows: pd.DataFrame, test_share: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows, the labels in both in the same proportion as in all rows."""
    if rows[TARGET].nunique() < 2:
        raise BadInputError(f"{TARGET} must have at least two values, it has {rows[TARGET].nunique()}")
    try:
        train, test = train_test_split(rows, test_size=test_share, stratify=rows[TARGET], random_state=RANDOM_STATE)
    except ValueError as error:  # Too few rows of a label to have one on each side.
        raise BadInputError(f"cannot split {len(rows)} rows by {test_share}: {error}") from None
    return train, test


def scale(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both with mean 0 and variance 1, as the training rows alone have it: the test set stays unseen."""
    features = [name for name in train.columns if name != TARGET]
    scaler = StandardScaler().fit(train[features])

    def scaled(rows: pd.DataFrame) -> pd.DataFrame:
        result = pd.DataFrame(scaler.transform(rows[features]), columns=features)
        result[TARGET] = rows[TARGET].to_numpy()
        return result

    return scaled(train), scaled(test)


def ratio(text: str) -> float:
    """A share between 0 and 1, both excluded."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def main() -> int:
    """Read, split, scale, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train-test-split-ratio", type=ratio, default=0.2, help="share of the rows for the test set")
    arguments = parser.parse_args()
    try:
        train, test = scale(*split(read_rows(PROCESSING / "input"), arguments.train_test_split_ratio))
    except BadInputError as error:
        # SageMaker shows the first KiB of this file as the job's exit message.
        MESSAGE.parent.mkdir(parents=True, exist_ok=True)
        MESSAGE.write_text(str(error), encoding="utf-8")
        print(f"bad input: {error}", file=sys.stderr, flush=True)
        return 1
    for name, rows in (("train", train), ("test", test)):
        file = PROCESSING / name / f"{name}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows.to_csv(file, index=False)
        print(f"wrote {name}.csv: {len(rows)} rows", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
