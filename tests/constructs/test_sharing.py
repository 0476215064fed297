"""What the definitions of a stack's jobs have in common is in its template once, where there are many jobs."""

import json
import re

import pytest
from aws_cdk import App, CfnResource, Stack, Tags

from cdk_processing import (
    DataBucket,
    ExecutionVariables,
    OnObjectCreated,
    OnSchedule,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    ProcessingOutput,
    ScriptProcessor,
)
from cdk_processing.constructs import sharing
from cdk_processing.constructs.checks import TEMPLATE_BYTES
from cdk_processing.constructs.sharing import MAPPING, shared_parts

PROCESSOR = ScriptProcessor(
    image_uri="123456789012.dkr.ecr.eu-central-1.amazonaws.com/prep:1",
    command=["python3"],
    instance_type="ml.m5.xlarge",
    instance_count=1,
)
COMPACT = "@aws-cdk/core:suppressTemplateIndentation"


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "prep.py"
    path.write_text("print()\n", encoding="utf-8")
    return path


def usual_jobs(stack, script, count):
    """Jobs as most are: launched by arrivals and by a schedule."""
    raw, curated = DataBucket(stack, "Raw"), DataBucket(stack, "Curated")
    for number in range(count):
        inputs = [ProcessingInput(source=raw.at(f"in/{number}/"), destination="/opt/ml/processing/input")]
        output = ProcessingOutput(
            output_name="data", source="/opt/ml/processing/output", destination=curated.at(f"out/{number}/")
        )
        ProcessingJob(
            stack,
            f"Job{number}",
            PROCESSOR.run(code=str(script), inputs=inputs, outputs=[output]),
            triggers=[
                OnObjectCreated(raw.at(f"in/{number}/"), suffix=".csv"),
                OnSchedule("cron(0 6 * * ? *)", timezone="Europe/Berlin"),
            ],
        )


def odd_jobs(stack):
    """Jobs that have little in common."""
    raw = DataBucket(stack, "Raw")
    exact = ProcessingInput(source=ExecutionVariables.OBJECT_URI, destination="/opt/ml/processing/input")
    ProcessingJob(stack, "A", PROCESSOR.run(code="s3://code/a.py"))
    ProcessingJob(
        stack,
        "AA",
        PROCESSOR.run(code="s3://code/a.py", arguments=["$${x}", "${AWS::Region}", Parameter("day", default="${y}")]),
        triggers=[OnSchedule("rate(1 day)", overlap="queue")],
    )
    ProcessingJob(
        stack,
        "Exact",
        PROCESSOR.run(code="s3://code/a.py", inputs=[exact]),
        triggers=[OnObjectCreated(raw.at("in/"), newest_only=True)],
    )


def synthesized(tmp_path, jobs, *, context=None, **synth):
    # The limit of 500 resources would be reached before that of bytes.
    app = App(outdir=str(tmp_path), context={"@aws-cdk/core:stackResourceLimit": 0, **(context or {})})
    stack = Stack(app, "Census")
    jobs(stack)
    app.synth(**synth)
    return tmp_path / "Census.template.json"


def deployed_definitions(template):
    """The definitions as CloudFormation writes them, by job; what it learns at deployment as its reference."""

    def filled_in(value):
        if isinstance(value, str):
            return value
        ((function, argument),) = value.items()
        if function == "Fn::FindInMap":
            mapping, first, second = argument
            return template["Mappings"][mapping][first][second]
        if function != "Fn::Sub":
            return f"<{json.dumps(value)}>".replace('"', "'")
        text, values = argument if isinstance(argument, list) else (argument, {})

        def known(found):
            return f"${{{found[1][1:]}}}" if found[1][0] == "!" else filled_in(values.get(found[1], f"<{found[1]}>"))

        return re.sub(r"\$\{([^}]+)\}", known, text)

    return {
        resource["Metadata"]["cdk-processing"]["job"]: filled_in(resource["Properties"]["DefinitionString"])
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::StepFunctions::StateMachine"
    }


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


# -- what is deployed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["usual", "odd"])
def test_a_stack_that_shares_deploys_the_same_definitions(tmp_path, script, kind, monkeypatch):
    def jobs(stack):
        Tags.of(stack).add("team", "data")
        return usual_jobs(stack, script, 3) if kind == "usual" else odd_jobs(stack)

    apart = read(synthesized(tmp_path / "apart", jobs))
    monkeypatch.setattr(sharing, "SHARED_FROM", 0)
    shared = read(synthesized(tmp_path / "shared", jobs))

    assert MAPPING not in apart.get("Mappings", {})
    assert MAPPING in shared["Mappings"]
    assert deployed_definitions(shared) == deployed_definitions(apart)
    assert all(json.loads(text)["States"] for text in deployed_definitions(shared).values())
    assert len(json.dumps(shared)) < len(json.dumps(apart))


def test_a_stack_of_one_job_shares_nothing(tmp_path, script, monkeypatch):
    monkeypatch.setattr(sharing, "SHARED_FROM", 0)

    assert "Mappings" not in read(synthesized(tmp_path, lambda stack: usual_jobs(stack, script, 1)))


def test_each_synth_shares_what_there_is_then(tmp_path, script, monkeypatch):
    monkeypatch.setattr(sharing, "SHARED_FROM", 0)
    app = App(outdir=str(tmp_path))
    stack = Stack(app, "Census")
    usual_jobs(stack, script, 2)
    app.synth()
    before = deployed_definitions(read(tmp_path / "Census.template.json"))
    Tags.of(app).add("team", "data")
    app.synth(force=True)
    after = deployed_definitions(read(tmp_path / "Census.template.json"))

    tag = '{"Key":"team","Value":"data"},'
    assert {job: text.replace(tag, "") for job, text in after.items()} == before
    assert all(tag in text for text in after.values())


def test_a_definition_that_the_app_has_replaced_stays(tmp_path, script, monkeypatch):
    monkeypatch.setattr(sharing, "SHARED_FROM", 0)

    def jobs(stack):
        usual_jobs(stack, script, 3)
        machine = stack.node.find_child("Job1").node.default_child
        assert isinstance(machine, CfnResource)
        machine.add_property_override("DefinitionString", "theirs")

    definitions = deployed_definitions(read(synthesized(tmp_path, jobs)))

    assert definitions["Census/Job1"] == "theirs"
    assert json.loads(definitions["Census/Job2"])["StartAt"] == "Prepare"


def test_a_part_is_shared_by_definitions_that_have_it_between_others():
    common = "x" * 400
    texts = [f'"A":{{"Type":"{common}' + f'"B{n}":{{"Type":"{n}"' + f'"C":{{"Type":"{common}y' for n in range(2)]

    parts = shared_parts([(text, ()) for text in texts])

    assert sorted(parts) == [f'"A":{{"Type":"{common}', f'"C":{{"Type":"{common}y']


def test_no_part_holds_a_token_or_what_is_a_jobs_own():
    text = "a" * 400 + "${Token[X.1]}" + "b" * 400 + "mine" + "c" * 400 + "-1.8881545897087626e+289" + "d" * 10

    assert sorted(shared_parts([(text, ["mine"])] * 2)) == [letter * 400 for letter in "abc"]


# -- the room that a template has -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "budget"),
    [(2, 23_200), (40, 14_000)],
    ids=["a stack of few jobs", "a stack of many jobs"],
)
def test_a_further_job_takes_so_many_bytes_of_the_template(tmp_path, script, count, budget):
    few, more = (
        synthesized(tmp_path / str(number), lambda stack, number=number: usual_jobs(stack, script, number))
        for number in (count, count + 1)
    )

    assert budget - 1_000 < more.stat().st_size - few.stat().st_size <= budget


def test_a_template_that_is_too_large_is_refused_with_what_to_do(tmp_path, script):
    def jobs(stack):
        usual_jobs(stack, script, 75)

    with pytest.raises(RuntimeError) as caught:
        synthesized(tmp_path / "refused", jobs)
    size = synthesized(tmp_path / "told", jobs, skip_validation=True).stat().st_size

    told = re.search(
        rf"the template must have at most {TEMPLATE_BYTES:,} bytes, and its 75 jobs alone have ([0-9,]+); put the jobs "
        rf"into several stacks, which may share one ProcessingPlatform, and write it without indentation: set the "
        rf"context '{COMPACT}' to true",
        str(caught.value),
    )
    assert told
    assert TEMPLATE_BYTES < int(told[1].replace(",", "")) <= size
    assert int(told[1].replace(",", "")) > 0.95 * size


def test_the_same_jobs_fit_into_a_template_without_indentation(tmp_path, script):
    template = synthesized(tmp_path, lambda stack: usual_jobs(stack, script, 75), context={COMPACT: True})

    assert template.stat().st_size < TEMPLATE_BYTES
