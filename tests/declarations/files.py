"""Files that are as they should be, for tests that change them."""

ENVIRONMENTS = """\
defaults:
  region: eu-central-1
  platform:
    alert_emails: [on-call@example.com]
  standards:
    preset: strict
    instance_types: ["ml.m5.*"]
    max_run_cost: 20
  prices: prices.yaml
  tags: {data-class: internal}
  cost_center: "4711"
  budgets:
    census: {monthly_limit: 500}
environments:
  test:
    account: "111122223333"
    platform: {name: data, log_retention_days: 30}
    variables: {stage: test, workers: 1}
  prod:
    account: "012345678901"
    region: eu-west-1
    prices: {PRICES_OF_PROD}
    platform: {name: data}
    standards:
      max_run_cost: 50
      exemptions:
        - job: Census/Geocode
          rule: network_isolation
          reason: calls an API
          until: 2099-03-31
    budgets:
      census: {monthly_limit: 2000, alert_emails: [census@example.com], thresholds: [50, 100], forecast: false}
      sales: {monthly_limit: 100.5}
    variables: {stage: prod, workers: 4, nightly: true}
""".replace("{PRICES_OF_PROD}", "prices-prod.json")

PRICES = "region: eu-central-1\ncurrency: USD\nprices:\n  ml.m5.xlarge: 0.23\n"
PRICES_OF_PROD = '{"prices": {"ml.m5.xlarge": 0.25, "ml.m5.2xlarge": 0.5}}'

JOBS = """\
buckets:
  raw:
  curated: {bucket_name: "census-{variables.stage}"}
  landing: {from_bucket_name: company-landing}
processors:
  sklearn:
    SKLearnProcessor:
      framework_version: 1.4-2
      instance_type: [ml.m5.xlarge, ml.m4.xlarge]
      instance_count: "{variables.workers}"
      env: {STAGE: "{variables.stage}"}
jobs:
  Evaluate:
    processor: sklearn
    run:
      code: prep.py
      inputs:
        - source: "{jobs.Preprocess.outputs.train}"
          destination: /opt/ml/processing/input
      arguments: [--day, "{parameters.day}"]
    triggers:
      - OnSuccessOf: {job: Preprocess, parameters: {day: {EventField: $.detail.trigger_time}}}
    parameters:
      day: {default: today}
  Preprocess:
    processor: sklearn
    run:
      code: prep.py
      inputs:
        - source: "{buckets.raw}/census/"
          destination: /opt/ml/processing/input
      outputs:
        - output_name: train
          source: /opt/ml/processing/train
          destination: "{buckets.curated}/train/{TRIGGER_TIME in Europe/Berlin - 1 day:%Y/%m/%d}/"
      arguments: [--ratio, "{parameters.ratio}", --braces, "{{x}}"]
    parameters:
      ratio: {default: 0.2, type: float, enum_values: [0.2, 0.3]}
    triggers:
      - OnObjectCreated: {location: "{buckets.raw}/census/", suffix: .csv, expect_within: 1 day}
      - OnSchedule:
          expression: cron(0 6 * * ? *)
          timezone: Europe/Berlin
          start: 2030-01-01T00:00:00Z
          overlap: skip
  Train:
    processor:
      FrameworkProcessor:
        estimator_cls: PyTorch
        framework_version: "2.1"
        py_version: py310
        instance_type: ml.m5.xlarge
        instance_count: 1
        network_config: {subnets: [subnet-1], security_group_ids: [sg-1], enable_network_isolation: false}
        tags: {kind: training}
    run:
      code: train.py
      source_dir: .
      inputs:
        - dataset_definition:
            local_path: /opt/ml/processing/query
            athena_dataset_definition:
              catalog: AwsDataCatalog
              database: census
              query_string: "select * from census where day = '{TRIGGER_TIME:%Y-%m-%d}'"
              output_s3_uri: "{buckets.curated}/queries/"
              output_format: PARQUET
    triggers:
      - OnDeploy: {every_time: true}
  Spark:
    processor:
      PySparkProcessor:
        framework_version: "3.5"
        instance_type: ml.m5.xlarge
        instance_count: 2
        image_uri: {from_ecr_repository: spark, tag: "1"}
    run:
      submit_app: prep.py
      submit_py_files: [prep.py]
      configuration:
        - Classification: spark-defaults
          Properties: {spark.executor.memory: 2g}
      spark_event_logs_s3_uri: "{buckets.curated}/events/"
    launch_policy: {attempts: 2}
    triggers:
      - OnEvent: {pattern: {source: [my.app], detail: {old: [null]}}, run_key: {EventField: $.detail.id}}
"""
JOBS += """\
  Join:
    processor: sklearn
    run:
      code: prep.py
      inputs:
        - {source: "{FOLDER_URI[orders]}", destination: /opt/ml/processing/orders}
        - {source: "{FOLDER_URI[stock]}", destination: /opt/ml/processing/stock}
      arguments: [--day, "{PARTITION[day]}"]
    triggers:
      - OnAll:
          markers:
            orders: {OnMarker: {location: "{buckets.landing}/orders/day="}}
            stock: {OnMarker: {location: "{buckets.landing}/stock/day=", name: _DONE}}
          by: [day]
  Fold:
    processor: sklearn
    run:
      code: prep.py
      inputs:
        - {source: "{FOLDER_URI}", destination: /opt/ml/processing/input}
    triggers:
      - OnMarker: {location: "{buckets.raw}/day=", expect_within: 2 days}
"""
VARIABLES = {"stage": "test", "workers": 2}


def write(folder):
    """All files, in a folder."""
    (folder / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    (folder / "prices.yaml").write_text(PRICES, encoding="utf-8")
    (folder / "prices-prod.json").write_text(PRICES_OF_PROD, encoding="utf-8")
    (folder / "jobs.yaml").write_text(JOBS, encoding="utf-8")
    for name in ("prep.py", "train.py"):
        (folder / name).write_text("print('hello')\n", encoding="utf-8")
    return folder
