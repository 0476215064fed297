"""The README's app that forwards events, deployed: its two stacks in one account, and in two regions of it."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def declared():
    """The app as the README has it."""
    blocks = re.findall(r"```python\n(from .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    [found] = [block for block in blocks if "from_event_bus_arn" in block]
    return found


@pytest.fixture(scope="module")
def deployed(embedded, declared, tmp_path_factory):
    """``deployed(region)`` deploys the app with its bucket in a region, and the job in the embedded AWS's own."""

    def deploy(region):
        folder = tmp_path_factory.mktemp("app")
        here = embedded.aws.region
        text = declared.replace('DATA = Environment(account="444455556666", region="eu-central-1")', "DATA = THERE")
        text = text.replace('JOBS = Environment(account="111122223333", region="eu-central-1")', "JOBS = HERE")
        text = text.replace('"s3://my-code/count.py"', '"count.py"')
        for word in ("Jobs", "Data", "census"):  # each deployment is of its own
            text = text.replace(f'"{word}"', f'"{word}{region}"').replace(f"{word}-", f"{word}-{region}-")
        account = embedded.aws.account_id
        places = f'HERE = Environment(account="{account}", region="{here}")\n'
        places += f'THERE = Environment(account="{account}", region="{region}")\n'
        assert [word in text for word in ("DATA = THERE", "JOBS = HERE", '"count.py"')] == [True] * 3
        (folder / "app.py").write_text(text.replace("DATA = THERE", f"{places}DATA = THERE"), encoding="utf-8")
        (folder / "count.py").write_text(
            "from pathlib import Path\n"
            "for file in Path('/opt/ml/processing/input').rglob('*.csv'):\n"
            "    print(file.name, len(file.read_text().splitlines()))\n"
        )
        embedded.deploy("python app.py", folder=folder)

    return deploy


@pytest.mark.parametrize("where", ["same region", "another region"])
def test_an_arrival_elsewhere_launches_the_job_with_the_object(embedded, deployed, where):
    region = embedded.aws.region if where == "same region" else "eu-west-1"
    deployed(region)
    s3 = embedded.client("s3")

    s3.put_object(Bucket=f"census-{region}-444455556666", Key="in/a.csv", Body=b"1\n2\n")
    s3.put_object(Bucket=f"census-{region}-444455556666", Key="other/b.csv", Body=b"1\n")
    run = embedded.wait_for_run(f"Jobs{region}/Count")

    assert run.outcome.status == "Completed"
    told = embedded.client("logs").filter_log_events(logGroupName="/aws/sagemaker/ProcessingJobs")["events"]
    own = [event["message"].strip() for event in told if event["logStreamName"].startswith(run.outcome.job_name)]
    assert own == ["a.csv 2"]


def test_the_policy_that_admits_the_other_account_is_on_the_bus(embedded, deployed):
    deployed(embedded.aws.region)

    bus = embedded.client("events").describe_event_bus(Name=f"census-{embedded.aws.region}-arrivals")

    [statement] = json.loads(bus["Policy"])["Statement"]
    assert statement["Action"] == "events:PutEvents"
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{embedded.aws.account_id}:root"}
