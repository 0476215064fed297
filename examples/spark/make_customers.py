"""Write made-up customers as CSV files, for `feature_transformation.py`. The same number gives the same rows.

python examples/spark/make_customers.py FOLDER [ROWS]
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

HEADER = [
    "customer_id",
    "country",
    "plan",
    "channel",
    "age",
    "tenure_months",
    "monthly_spend",
    "support_calls",
    "churned",
]
COUNTRIES = ["AT", "BR", "CA", "DE", "FR", "GB", "IN", "JP", "NL", "US"]
PLANS = ["basic", "family", "premium"]
CHANNELS = ["app", "partner", "shop", "web"]
FILES = 8


def make_customers(folder: Path, rows: int = 100_000) -> None:
    """Write the rows into eight files, so that instances can share the work."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(rows)
    for number in range(FILES):
        with (folder / f"customers-{number}.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            writer.writerows(_customer(identity, chance) for identity in range(number, rows, FILES))


def _customer(identity: int, chance: random.Random) -> list[object]:
    plan, calls, tenure = chance.choice(PLANS), chance.randrange(9), chance.randrange(120)
    spend = round(chance.gauss(20 if plan == "basic" else 45, 6), 2)
    churned = int(chance.random() < 0.05 + calls * 0.05 - tenure * 0.0004)
    return [
        *(identity, chance.choice(COUNTRIES), plan, chance.choice(CHANNELS)),
        *(chance.randrange(18, 91), tenure, spend, calls, churned),
    ]


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: make_customers.py FOLDER [ROWS]")
    rows = int(sys.argv[2]) if len(sys.argv) == 3 else 100_000
    make_customers(Path(sys.argv[1]), rows)
    print(f"{sys.argv[1]}: {rows} rows in {FILES} files")


if __name__ == "__main__":
    main()
