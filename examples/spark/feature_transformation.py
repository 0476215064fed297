"""A Spark job that turns a table of customers into features: index, one-hot encode, assemble, split, write.

Reads CSV files with a header from the input channel; writes Parquet to the channels ``train`` and ``validation``, and a
CSV table of how often each category occurs to ``categories``. For a `PySparkProcessor`:

    smspark-submit feature_transformation.py --validation-share 0.2
"""

# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse

from pyspark.ml import Pipeline
from pyspark.ml.feature import OneHotEncoder, StringIndexer, VectorAssembler
from pyspark.sql import DataFrame, SparkSession, functions

CATEGORIES = ["country", "plan", "channel"]
NUMBERS = ["age", "tenure_months", "monthly_spend", "support_calls"]
LABEL = "churned"
# A path without file:// would be one on the cluster's HDFS. Every instance has its own copy of the input, and what each
# writes is uploaded.
FOLDER = "file:///opt/ml/processing"


def transform(rows: DataFrame) -> DataFrame:
    """Add a vector of all features to each row."""
    indexed, encoded = [f"{name}_index" for name in CATEGORIES], [f"{name}_vector" for name in CATEGORIES]
    stages = [
        StringIndexer(inputCols=CATEGORIES, outputCols=indexed, handleInvalid="keep", stringOrderType="alphabetAsc"),
        OneHotEncoder(inputCols=indexed, outputCols=encoded),
        VectorAssembler(inputCols=[*encoded, *NUMBERS], outputCol="features"),
    ]
    return Pipeline(stages=stages).fit(rows).transform(rows).select("customer_id", "features", LABEL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--validation-share", type=float, default=0.2)
    arguments = parser.parse_args()

    spark = SparkSession.builder.appName("feature-transformation").getOrCreate()
    columns = [f"{name} string" for name in CATEGORIES] + [f"{name} double" for name in NUMBERS]
    schema = ", ".join(["customer_id long", *columns, f"{LABEL} int"])
    rows = spark.read.csv(f"{FOLDER}/input/customers", header=True, schema=schema).na.drop().cache()

    train, validation = transform(rows).randomSplit([1 - arguments.validation_share, arguments.validation_share], 7)
    # The service has made the folders already, so there is something to overwrite.
    train.write.mode("overwrite").parquet(f"{FOLDER}/train")
    validation.write.mode("overwrite").parquet(f"{FOLDER}/validation")

    counts = [
        rows.groupBy(functions.col(name).alias("category")).count().withColumn("column", functions.lit(name))
        for name in CATEGORIES
    ]
    table = counts[0].union(counts[1]).union(counts[2]).select("column", "category", "count")
    table.coalesce(1).write.mode("overwrite").csv(f"{FOLDER}/categories", header=True)
    print(f"{rows.count()} rows transformed")
    spark.stop()


if __name__ == "__main__":
    main()
