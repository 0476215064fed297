import json
import re
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from cdk_processing import (
    DataBucket,
    DeclarationError,
    ExecutionVariables,
    NetworkConfig,
    OnObjectCreated,
    Parameter,
    ProcessingInput,
    ProcessingJob,
    PySparkProcessor,
    S3Location,
    SKLearnProcessor,
)

V = ExecutionVariables
GIVEN = "arn:aws:iam::111122223333:role/Given"


def sklearn(**change):
    return SKLearnProcessor("1.4-2", instance_count=1, instance_type="ml.m5.xlarge", **change)


def run_job(definition, template):
    return definition(template, "Preprocess")["States"]["RunJob"]["Arguments"]


def test_the_role_trusts_sagemaker_for_this_account_alone(job, stack, synth, resources):
    roles = resources(synth(stack), "AWS::IAM::Role")
    [role] = [role for name, role in roles.items() if name.startswith("PreprocessExecutionRole")]

    assert role["Properties"]["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
        }
    ]
    assert role["Properties"]["Description"] == "Runs Census/Preprocess"


def test_the_role_has_just_what_the_job_needs(job, stack, synth, statements):
    assert list(statements(synth(stack), "PreprocessExecutionRole")) == [
        "ReadInputs",
        "ListInputs",
        "ListInputs2",
        "WriteOutputs",
        "PullImage",
        "LogInToRegistry",
        "WriteLogs",
        "MakeLogs",
        "WriteMetrics",
    ]


def test_the_reason_for_each_wildcard_is_acknowledged_on_the_role(job, stack, synth, resources, flat):
    import cdk_nag  # noqa: F401  an app without it has nothing to acknowledge

    template = synth(stack)
    for name in ("ExecutionRole", "WorkflowRole"):
        [role] = [r for logical, r in resources(template, "AWS::IAM::Role").items() if f"Preprocess{name}" in logical]
        [policy] = role["Properties"]["Policies"]
        named = [statement["Resource"] for statement in policy["PolicyDocument"]["Statement"]]
        each = [flat(one) for many in named for one in (many if isinstance(many, list) else [many])]
        wide = {f"Annotation::AwsSolutions-IAM5[Resource::{resource}]" for resource in each if "*" in resource}
        entries = [e for e in job.node.find_child(name).node.metadata if e.type == "aws:cdk:acknowledged-rules"]
        reasons = {rule: reason for entry in entries for rule, reason in entry.data.items()}

        about_wildcards = {rule for rule in reasons if "IAM5" in rule}
        assert about_wildcards == wide, name
        assert {rule.rpartition("-")[2] for rule in set(reasons) - wide} == {"IAMNoInlinePolicy"}
        assert all(len(reason) > 20 for reason in reasons.values())


def test_the_objects_of_a_manifest_may_be_read_and_their_key_used(stack, raw, request_for, synth, statements, flat):
    images = DataBucket(stack, "Images", encryption_key=kms.Key(stack, "Key"))
    manifest = ProcessingInput(
        raw.at("m.json"), "/opt/ml/processing/input", s3_data_type="ManifestFile", objects=[images.at("cats/")]
    )
    ProcessingJob(stack, "Preprocess", request_for(inputs=[manifest]))

    allowed = statements(synth(stack), "PreprocessExecutionRole")

    read = [re.sub("^.*>", "", flat(resource)) for resource in allowed["ReadInputs"]["Resource"]]
    assert read == ["/m.json*", ":s3:::code/prep.py*", "/cats/*"]
    assert allowed["ListInputs3"]["Condition"] == {"StringLike": {"s3:prefix": "cats/*"}}
    assert allowed["DecryptInputs"]["Action"] == "kms:Decrypt"


def test_a_given_role_is_used_and_given_what_the_job_needs(stack, raw, request_for, synth, definition, resources):
    role = iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    job = ProcessingJob(stack, "Preprocess", request_for(raw.at("in/"), processor=sklearn(role=role)))

    template = synth(stack)
    [policy] = resources(template, "AWS::IAM::Policy").values()

    assert job.execution_role is role
    assert run_job(definition, template)["RoleArn"] == f"<{stack.get_logical_id(role.node.default_child)}.Arn>"
    assert not any(name.startswith("PreprocessExecutionRole") for name in template["Resources"])
    sids = [statement["Sid"] for statement in policy["Properties"]["PolicyDocument"]["Statement"]]
    assert {"ReadInputs", "PullImage", "WriteLogs"} <= set(sids)


def test_a_given_role_may_read_what_a_trigger_added_later_brings(stack, raw, request_for, synth, resources):
    role = iam.Role(stack, "Mine", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    job = ProcessingJob(stack, "Preprocess", request_for(V.OBJECT_URI, processor=sklearn(role=role)))

    job.add_trigger(OnObjectCreated(raw.at("later/")))

    policies = resources(synth(stack), "AWS::IAM::Policy")
    assert "/later/*" in json.dumps(policies)


def test_a_role_given_by_its_arn_is_left_to_its_owner(stack, raw, request_for, synth, definition, resources):
    job = ProcessingJob(stack, "Preprocess", request_for(raw.at("in/"), processor=sklearn(role=GIVEN)))

    template = synth(stack)

    assert run_job(definition, template)["RoleArn"] == GIVEN
    assert resources(template, "AWS::IAM::Policy") == {}
    assert not any(name.startswith("PreprocessExecutionRole") for name in template["Resources"])
    assert job.execution_role.role_arn == GIVEN


@pytest.mark.parametrize("role", [GIVEN, None])
def test_the_state_machine_may_pass_just_the_role_in_use(stack, request_for, synth, statements, role):
    ProcessingJob(stack, "Preprocess", request_for(processor=sklearn(role=role)))

    passed = statements(synth(stack), "PreprocessWorkflowRole")["PassExecutionRole"]

    assert passed["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    if role is None:
        assert passed["Resource"]["Fn::GetAtt"][0].startswith("PreprocessExecutionRole")
    else:
        assert passed["Resource"] == GIVEN


def test_keys_are_taken_as_constructs_or_arns(stack, curated, request_for, synth, definition, statements):
    key = kms.Key(stack, "Key")
    arn = "arn:aws:kms:eu-central-1:111122223333:key/k"
    processor = sklearn(volume_kms_key=key, output_kms_key=arn)
    ProcessingJob(stack, "Preprocess", request_for(destination=curated.at("out/"), processor=processor))

    template = synth(stack)
    sent, found = run_job(definition, template), statements(template, "PreprocessExecutionRole")

    assert sent["ProcessingResources"]["ClusterConfig"]["VolumeKmsKeyId"].endswith(".Arn>")
    assert sent["ProcessingOutputConfig"]["KmsKeyId"] == arn
    assert found["EncryptVolumes"]["Resource"]["Fn::GetAtt"][0].startswith("Key")
    assert found["EncryptOutputs"]["Resource"] == arn


@pytest.mark.parametrize("imported", [False, True])
def test_a_key_named_by_a_construct_of_its_alias_is_granted(stack, request_for, synth, statements, flat, imported):
    if imported:
        alias = kms.Alias.from_alias_name(stack, "Alias", "alias/data")
    else:
        alias = kms.Key(stack, "Key").add_alias("alias/data")
    ProcessingJob(stack, "Preprocess", request_for(processor=sklearn(volume_kms_key=alias)))

    found = statements(synth(stack), "PreprocessExecutionRole")

    if imported:
        grant = found["EncryptVolumesByAlias"]
        assert flat(grant["Resource"]).endswith(":key/*")
        assert grant["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": ["alias/data"]}
    else:
        assert found["EncryptVolumes"]["Resource"]["Fn::GetAtt"][0].startswith("Key")


def test_a_bucket_encrypted_by_an_imported_alias_is_read_by_the_keys_alias(stack, request_for, synth, statements):
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/data")
    bucket = s3.Bucket(stack, "Encrypted", encryption_key=alias)
    ProcessingJob(stack, "Preprocess", request_for(S3Location(bucket, "in/")))

    grant = statements(synth(stack), "PreprocessExecutionRole")["DecryptInputsByAlias"]

    assert grant["Condition"]["ForAnyValue:StringEquals"] == {"kms:ResourceAliases": ["alias/data"]}


@pytest.mark.parametrize("key", ["census", "census/"])
def test_an_output_is_written_into_its_folder_and_into_no_folder_that_begins_alike(
    stack, curated, request_for, synth, statements, flat, key
):
    ProcessingJob(stack, "Preprocess", request_for(destination=curated.at(key)))

    [objects] = [statements(synth(stack), "PreprocessExecutionRole")["WriteOutputs"]["Resource"]]

    assert flat(objects).endswith("/census/*")


def test_a_bucket_of_any_kind_is_the_whole_bucket_as_source_and_as_destination(
    stack, request_for, synth, definition, statements, flat
):
    source, target = s3.Bucket(stack, "Source"), s3.Bucket.from_bucket_name(stack, "Target", "target")
    ProcessingJob(stack, "Preprocess", request_for(source, destination=target))

    template = synth(stack)
    sent, found = run_job(definition, template), statements(template, "PreprocessExecutionRole")

    assert sent["ProcessingInputs"][0]["S3Input"]["S3Uri"].endswith(">/")
    assert sent["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://target/"
    assert all(flat(objects).endswith((">/*", "/prep.py*")) for objects in found["ReadInputs"]["Resource"])
    assert flat(found["WriteOutputs"]["Resource"]).endswith(":s3:::target/*")


def test_a_job_in_a_vpc_may_attach_to_its_subnets(stack, request_for, synth, definition, statements, flat):
    network = NetworkConfig(security_group_ids=["sg-1"], subnets=["subnet-1"])
    ProcessingJob(stack, "Preprocess", request_for(processor=sklearn(network_config=network)))

    template = synth(stack)

    [interfaces] = statements(template, "PreprocessExecutionRole")["UseNetworkInterfaces"]["Condition"].values()
    assert flat(interfaces["ec2:Subnet"][0]).endswith(":*:subnet/subnet-1")
    assert run_job(definition, template)["NetworkConfig"]["VpcConfig"] == {
        "SecurityGroupIds": ["sg-1"],
        "Subnets": ["subnet-1"],
    }


# -- the exact object -------------------------------------------------------------------------------------------------


@pytest.fixture
def exact(stack, raw, request_for):
    triggers = [OnObjectCreated(raw.at("in/"))]
    return ProcessingJob(stack, "Preprocess", request_for(V.OBJECT_URI), triggers=triggers)


def test_the_exact_object_is_read_below_what_the_triggers_watch_and_through_manifests(
    exact, stack, synth, statements, flat
):
    read = statements(synth(stack), "PreprocessExecutionRole")["ReadInputs"]["Resource"]

    work = stack.get_logical_id(exact.platform.work_bucket.node.default_child)
    assert [flat(resource) for resource in read] == [
        "arn:<AWS::Partition>:s3:::code/prep.py*",
        f"<{work}.Arn>/manifests/census-preprocess/*",
        "<Raw72517081.Arn>/in/*",
    ]


def test_manifests_are_written_below_the_jobs_own_prefix(exact, stack, synth, statements, definition, flat):
    template = synth(stack)
    write = statements(template, "PreprocessWorkflowRole")["WriteManifests"]

    assert flat(write["Resource"]).endswith("/manifests/census-preprocess/*")
    assert definition(template, "Preprocess")["States"]["WriteManifest"]["Arguments"]["Bucket"].startswith(
        "<ProcessingPlatformWork"
    )


def test_the_work_bucket_is_made_only_for_jobs_that_need_it_and_once(stack, raw, request_for, synth, resources):
    ProcessingJob(stack, "Plain", request_for(raw.at("in/")))
    assert len(resources(synth(stack), "AWS::S3::Bucket")) == 1

    other = Stack(App(), "Other")
    theirs = DataBucket(other, "Raw")
    for name in ("One", "Two"):
        ProcessingJob(other, name, request_for(V.OBJECT_URI), triggers=[OnObjectCreated(theirs.at("in/"))])
    buckets = resources(synth(other), "AWS::S3::Bucket")
    assert sorted(name[:-8] for name in buckets) == ["ProcessingPlatformWork", "Raw"]


def test_what_lies_in_the_work_bucket_is_dropped(exact, stack, synth, resources):
    buckets = resources(synth(stack), "AWS::S3::Bucket")
    [work] = [bucket for name, bucket in buckets.items() if name.startswith("ProcessingPlatformWork")]

    [drop] = [r for r in work["Properties"]["LifecycleConfiguration"]["Rules"] if r["Id"] == "DropManifests"]
    assert (drop["ExpirationInDays"], drop["NoncurrentVersionExpiration"]) == (30, {"NoncurrentDays": 1})


# -- assets -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "prep.py"
    path.write_text("print('hello')\n", encoding="utf-8")
    return path


def staged(app, stack):
    folder = Path(app.synth().directory)
    return json.loads((folder / f"{stack.stack_name}.assets.json").read_text(encoding="utf-8"))["files"].values()


def test_a_script_of_two_jobs_is_one_file_beside_the_template_and_an_asset_of_each(app, stack, request_for, script):
    ProcessingJob(stack, "One", request_for(code=script))
    ProcessingJob(stack, "Two", request_for(code=str(script)))

    found = [file for file in staged(app, stack) if "Template" not in file["displayName"]]
    assert [file["displayName"] for file in found] == ["prep.py", "prep.py"]
    assert len({file["source"]["path"] for file in found}) == 1


def test_two_scripts_are_two_assets(app, stack, request_for, script, tmp_path):
    other = tmp_path / "evaluate.py"
    other.write_text("print('bye')\n", encoding="utf-8")
    ProcessingJob(stack, "One", request_for(code=script))
    ProcessingJob(stack, "Two", request_for(code=other))

    names = [file["displayName"] for file in staged(app, stack) if "Template" not in file["displayName"]]
    assert sorted(names) == ["evaluate.py", "prep.py"]


BOOTSTRAP = "cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>"
FOLDER = "census-preprocess-[0-9a-f]{8}"


def test_a_local_script_is_read_from_the_bootstrap_bucket_and_nothing_of_other_jobs(
    stack, request_for, script, synth, statements, definition, flat
):
    ProcessingJob(stack, "Preprocess", request_for(code=script))
    ProcessingJob(stack, "Other", request_for(code=script))

    template = synth(stack)
    [code] = run_job(definition, template)["ProcessingInputs"]
    found = statements(template, "PreprocessExecutionRole")

    assert code["InputName"] == "code"
    folder = re.fullmatch(f"s3://{BOOTSTRAP}/({FOLDER})/[0-9a-f]{{32}}/prep.py", code["S3Input"]["S3Uri"])[1]
    assert flat(found["ReadInputs"]["Resource"]) == f"arn:<AWS::Partition>:s3:::{BOOTSTRAP}/{folder}/*"
    assert found["ListInputs"]["Condition"]["StringLike"]["s3:prefix"] == f"{folder}/*"


def test_a_changed_script_changes_the_state_machine_alone(request_for, script, synth):
    """So that the role of what runs already stays as it was, and ``cdk watch`` can put the script in place."""

    def template():
        stack = Stack(App(), "Census")
        ProcessingJob(stack, "Preprocess", request_for(code=script))
        return synth(stack)["Resources"]

    before = template()
    script.write_text("print('changed')\n", encoding="utf-8")
    after = template()

    [changed] = [name for name in before if before[name] != after[name]]
    assert before[changed]["Type"] == "AWS::StepFunctions::StateMachine"
    assert {
        key
        for key in before[changed]["Properties"]
        if before[changed]["Properties"][key] != after[changed]["Properties"][key]
    } == {"DefinitionString"}
    assert {**before[changed], "Properties": 0} == {**after[changed], "Properties": 0}


def test_cdk_gc_finds_the_script_in_the_template(app, stack, request_for, tmp_path, synth):
    """It takes an object for garbage whose key, up to the first dot, no template holds."""
    script = tmp_path / "prep.v2.py"
    script.write_text("print(1)")
    ProcessingJob(stack, "Preprocess", request_for(code=script))

    text = json.dumps(synth(stack))
    [file] = [file for file in staged(app, stack) if "Template" not in file["displayName"]]
    [place] = file["destinations"].values()
    assert place["objectKey"].endswith("/prep.v2.py")
    assert place["objectKey"].split(".")[0] in text


def test_the_entrypoint_is_the_script_where_the_asset_comes_to_lie(stack, request_for, script, synth, definition):
    ProcessingJob(stack, "Preprocess", request_for(code=script))

    sent = run_job(definition, synth(stack))

    name = sent["ProcessingInputs"][0]["S3Input"]["S3Uri"].rsplit("/", 1)[1]
    assert sent["AppSpecification"]["ContainerEntrypoint"] == ["python3", f"/opt/ml/processing/input/code/{name}"]
    assert name == "prep.py"


def test_a_local_input_is_an_asset(stack, request_for, tmp_path, synth, definition, statements, flat):
    rows = tmp_path / "rows.csv"
    rows.write_text("a,b\n", encoding="utf-8")
    request = request_for(inputs=[ProcessingInput(str(rows), "/opt/ml/processing/rows")])
    ProcessingJob(stack, "Preprocess", request)

    template = synth(stack)
    uri = run_job(definition, template)["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    read = [flat(arn) for arn in statements(template, "PreprocessExecutionRole")["ReadInputs"]["Resource"]]

    folder = re.fullmatch(f"s3://({BOOTSTRAP}/{FOLDER})/[0-9a-f]{{32}}/rows.csv", uri)[1]
    assert f"arn:<AWS::Partition>:s3:::{folder}/*" in read


def test_a_local_folder_is_read_below_the_jobs_own(stack, request_for, tmp_path, synth, definition, statements, flat):
    (tmp_path / "2024").mkdir()
    (tmp_path / "2024" / "rows.csv").write_text("a,b\n", encoding="utf-8")
    request = request_for(inputs=[ProcessingInput(tmp_path, "/opt/ml/processing/rows")])
    ProcessingJob(stack, "Preprocess", request)

    template = synth(stack)
    uri = run_job(definition, template)["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    found = statements(template, "PreprocessExecutionRole")

    folder = re.fullmatch(f"s3://{BOOTSTRAP}/({FOLDER})/[0-9a-f]{{32}}/", uri)[1]
    assert f"arn:<AWS::Partition>:s3:::{BOOTSTRAP}/{folder}/*" in map(flat, found["ReadInputs"]["Resource"])
    prefixes = [found[sid]["Condition"]["StringLike"]["s3:prefix"] for sid in found if sid.startswith("ListInputs")]
    assert f"{folder}/*" in [each if isinstance(each, str) else each[0] for each in prefixes]


# -- what Spark reads and writes by itself ----------------------------------------------------------------------------


def spark(**run):
    processor = PySparkProcessor(None, "ml.m5.xlarge", 1, "3.3")
    return processor.run("s3://code/app.py", **run)


def test_what_spark_fetches_by_itself_may_be_read(stack, synth, statements, flat):
    jars = [f"s3://jars/lib/{Parameter('version', default='1')}/a.jar", "s3a://more-jars/b.jar"]
    ProcessingJob(stack, "Preprocess", spark(submit_jars=jars, submit_py_files=["s3://py/x.zip"]))

    found = statements(synth(stack), "PreprocessExecutionRole")

    assert [flat(arn).rpartition(":")[2] for arn in found["ReadInputs"]["Resource"]] == [
        "code/app.py*",
        "py/x.zip*",
        "jars/lib/*",
        "more-jars/b.jar*",
    ]


def test_event_logs_may_be_written_where_they_are_wanted(stack, curated, synth, statements, flat):
    ProcessingJob(stack, "Preprocess", spark(spark_event_logs_s3_uri=curated.at("events/")))

    template = synth(stack)

    written = statements(template, "PreprocessExecutionRole")["WriteOutputs"]["Resource"]
    assert flat(written) == f"<{stack.get_logical_id(curated.node.default_child)}.Arn>/events/*"


def test_event_logs_where_new_objects_launch_the_job_are_refused(stack, raw):
    with pytest.raises(DeclarationError, match=r"must be outside .*in/, which launches this job"):
        ProcessingJob(
            stack,
            "Preprocess",
            spark(spark_event_logs_s3_uri=raw.at("in/events/")),
            triggers=[OnObjectCreated(raw.at("in/"))],
        )
