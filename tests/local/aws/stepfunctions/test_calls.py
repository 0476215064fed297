import json

S3_PUT = "arn:aws:states:::aws-sdk:s3:putObject"
SQS_SEND = "arn:aws:states:::sqs:sendMessage"


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def bucket(world):
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    return name


def test_put_object_writes_an_array_as_json(world):
    name = bucket(world)
    role = world.role("states.amazonaws.com", [allow("s3:PutObject", f"arn:aws:s3:::{name}/runs/*")])
    body = [{"prefix": f"s3://{name}/"}, "in/ä 1.csv"]
    execution = world.execute(world.task_machine(S3_PUT, {"Bucket": name, "Key": "runs/m.json", "Body": body}, role))
    assert execution["status"] == "SUCCEEDED", execution
    assert "ETag" in json.loads(execution["output"])
    read = world.client("s3").get_object(Bucket=name, Key="runs/m.json")["Body"]
    with read:
        assert json.loads(read.read()) == body


def test_put_object_is_held_to_the_role(world):
    name = bucket(world)
    role = world.role("states.amazonaws.com", [allow("s3:PutObject", f"arn:aws:s3:::{name}/runs/*")])
    execution = world.execute(world.task_machine(S3_PUT, {"Bucket": name, "Key": "elsewhere", "Body": "x"}, role))
    assert execution["error"] == "S3.S3Exception"
    assert "is not authorized to perform: s3:PutObject" in execution["cause"]


def test_an_error_of_the_api_is_named_after_its_class(world):
    role = world.role("states.amazonaws.com", [allow("s3:*")])
    execution = world.execute(world.task_machine(S3_PUT, {"Bucket": "no-such-one", "Key": "k", "Body": "x"}, role))
    assert execution["error"] == "S3.NoSuchBucketException"


def test_put_object_needs_the_buckets_key(world):
    name = bucket(world)
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    world.client("s3").put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    role = world.role("states.amazonaws.com", [allow("s3:PutObject")])
    machine = world.task_machine(S3_PUT, {"Bucket": name, "Key": "k", "Body": "x"}, role)
    assert "kms:GenerateDataKey" in world.execute(machine)["cause"]
    world.allow(role, [allow("s3:PutObject"), allow("kms:GenerateDataKey", key)])
    assert world.execute(machine)["status"] == "SUCCEEDED"


def test_a_message_is_sent_with_permission_on_the_queue_only(world):
    url, arn = world.queue()
    role = world.role("states.amazonaws.com", [])
    machine = world.task_machine(SQS_SEND, {"QueueUrl": url, "MessageBody": {"a": [1]}}, role)
    execution = world.execute(machine)
    assert execution["error"] == "SQS.AmazonSQSException"
    assert "sqs:sendmessage" in execution["cause"].lower()
    world.allow(role, [allow("sqs:SendMessage", arn)])
    assert world.execute(machine)["status"] == "SUCCEEDED"
    assert json.loads(world.messages(url)[0]["Body"]) == {"a": [1]}


def test_an_encrypted_queue_needs_its_key_too(world):
    key = world.client("kms").create_key()["KeyMetadata"]["Arn"]
    url, arn = world.queue(KmsMasterKeyId=key)
    role = world.role("states.amazonaws.com", [allow("sqs:SendMessage", arn), allow("kms:GenerateDataKey", key)])
    machine = world.task_machine(SQS_SEND, {"QueueUrl": url, "MessageBody": "x"}, role)
    assert "kms:Decrypt" in world.execute(machine)["cause"]
    world.allow(role, [allow("sqs:SendMessage", arn), allow(["kms:GenerateDataKey", "kms:Decrypt"], key)])
    assert world.execute(machine)["status"] == "SUCCEEDED"


def test_describe_processing_job_gives_times_as_text(world, execution_role):
    request = world.request(execution_role)
    world.client("sagemaker").create_processing_job(**request)
    world.ended(request["ProcessingJobName"])
    arguments = {"ProcessingJobName": request["ProcessingJobName"]}
    resource = "arn:aws:states:::aws-sdk:sagemaker:describeProcessingJob"
    role = world.role("states.amazonaws.com", [allow("sagemaker:DescribeProcessingJob")])
    output = json.loads(world.execute(world.task_machine(resource, arguments, role))["output"])
    assert output["ProcessingJobStatus"] == "Completed"
    assert output["CreationTime"].endswith("Z")
    missing = world.task_machine(resource, {"ProcessingJobName": "nobody"}, role)
    assert world.execute(missing)["error"] == "SageMaker.ResourceNotFoundException"


def test_put_events_is_held_to_the_bus(world):
    entry = {"Source": "mine", "DetailType": "t", "Detail": {"a": 1}, "EventBusName": "default"}
    role = world.role("states.amazonaws.com", [])
    machine = world.task_machine("arn:aws:states:::events:putEvents", {"Entries": [entry]}, role)
    assert "events:PutEvents" in world.execute(machine)["cause"]
    world.allow(role, [allow("events:PutEvents", "arn:aws:events:us-east-1:000000000000:event-bus/default")])
    assert world.execute(machine)["status"] == "SUCCEEDED"


def test_assigned_variables_are_evaluated_against_the_old_values(world):
    states = {
        "Set": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "Swap"},
        "Swap": {"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Next": "Done"},
        "Done": {"Type": "Pass", "Output": "{% [$a, $b] %}", "End": True},
    }
    machine = world.machine({"StartAt": "Set", "States": states}, world.role("states.amazonaws.com", []))
    assert json.loads(world.execute(machine)["output"]) == [2, 1]


def test_retries_wait_at_most_max_delay_seconds(world):
    role = world.role("states.amazonaws.com", [allow("s3:PutObject")])
    retry = {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 1,
        "BackoffRate": 100_000,
        "MaxDelaySeconds": 1,
        "MaxAttempts": 2,
        "JitterStrategy": "FULL",
    }
    arguments = {"Bucket": "no-such-one", "Key": "k", "Body": "x"}
    execution = world.execute(world.task_machine(S3_PUT, arguments, role, Retry=[retry]))
    assert execution["error"] == "S3.NoSuchBucketException"
    history = world.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"])["events"]
    assert sum(event["type"] == "TaskFailed" for event in history) == 3


def test_a_state_machine_times_out_as_a_whole(world):
    states = {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}
    definition = {"StartAt": "Wait", "TimeoutSeconds": 1, "States": states}
    machine = world.machine(definition, world.role("states.amazonaws.com", []))
    assert world.execute(machine)["status"] == "TIMED_OUT"


def test_the_same_name_and_input_is_the_same_execution_while_it_runs(world):
    states = {"Wait": {"Type": "Wait", "Seconds": 30, "End": True}}
    machine = world.machine({"StartAt": "Wait", "States": states}, world.role("states.amazonaws.com", []))
    client = world.client("stepfunctions")
    first = client.start_execution(stateMachineArn=machine, name="run", input='{"a":1}')
    again = client.start_execution(stateMachineArn=machine, name="run", input='{"a":1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    try:
        client.start_execution(stateMachineArn=machine, name="run", input='{"a":2}')
        raise AssertionError("another input under the same name was taken")
    except client.exceptions.ExecutionAlreadyExists:
        pass
    client.stop_execution(executionArn=first["executionArn"])
    try:
        client.start_execution(stateMachineArn=machine, name="run", input='{"a":1}')
        raise AssertionError("the name of an ended execution was taken")
    except client.exceptions.ExecutionAlreadyExists:
        pass


def test_an_execution_starts_without_a_pause(world):
    machine = world.machine(
        {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}, world.role("states.amazonaws.com", [])
    )

    def seconds():
        execution = world.execute(machine)
        return (execution["stopDate"] - execution["startDate"]).total_seconds()

    world.until(seconds, lambda took: took < 0.1)  # a pause would be in every one of them


def test_the_context_names_the_role(world):
    role = world.role("states.amazonaws.com", [allow("s3:ListAllMyBuckets")])
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets",
        "Output": "{% $states.context.Execution.RoleArn %}",
        "End": True,
    }
    machine = world.machine({"StartAt": "Task", "States": {"Task": task}}, role)
    assert json.loads(world.execute(machine)["output"]) == role


# What follows is recorded in localstack/localstack, tests/aws/services/stepfunctions/v2.


def test_put_object_writes_a_text_with_its_quotes(world):
    # services/test_aws_sdk_task_service.py::TestTaskServiceAwsSdk::test_s3_put_object[str]
    name = bucket(world)
    role = world.role("states.amazonaws.com", [allow("s3:PutObject")])
    world.execute(world.task_machine(S3_PUT, {"Bucket": name, "Key": "k", "Body": "text"}, role))
    written = world.client("s3").get_object(Bucket=name, Key="k")
    with written["Body"]:
        assert written["Body"].read() == b'"text"'
    assert written["ContentType"] == "text/plain; charset=UTF-8"


def test_a_cause_of_the_sdk_has_the_words_of_the_second_java_sdk(world):
    # error_handling/test_aws_sdk.py::TestAwsSdk::test_no_such_bucket
    role = world.role("states.amazonaws.com", [allow("s3:*")])
    cause = world.execute(world.task_machine(S3_PUT, {"Bucket": "no-such-one", "Key": "k", "Body": "x"}, role))["cause"]
    assert cause.startswith("The specified bucket does not exist (Service: S3, Status Code: 404, Request ID: ")
    assert cause.endswith(") (SDK Attempt Count: 1)")
    assert "Extended Request ID: " in cause


def test_a_cause_of_an_optimized_integration_has_the_words_of_the_first_java_sdk(world):
    # error_handling/test_task_service_dynamodb.py::TestTaskServiceDynamoDB::test_put_item_no_such_table
    role = world.role("states.amazonaws.com", [allow("dynamodb:*")])
    item = {"TableName": "none", "Item": {"id": {"S": "x"}}}
    ended = world.execute(world.task_machine("arn:aws:states:::dynamodb:putItem", item, role))
    assert ended["error"] == "DynamoDB.ResourceNotFoundException"
    assert ended["cause"].startswith(
        "Requested resource not found (Service: AmazonDynamoDBv2; Status Code: 400; "
        "Error Code: ResourceNotFoundException; Request ID: "
    )
    assert ended["cause"].endswith("; Proxy: null)")


def test_a_missing_member_is_refused_in_the_words_of_its_service(world):
    # error_handling/: TestTaskServiceDynamoDB::test_invalid_param, TestTaskServiceSqs::test_send_message_empty_body
    role = world.role("states.amazonaws.com", [allow("*")])
    ended = world.execute(
        world.task_machine("arn:aws:states:::dynamodb:putItem", {"TableName": "t", "Item": None}, role)
    )
    assert ended["error"] == "DynamoDB.AmazonDynamoDBException"
    told = "1 validation error detected: Value null at 'item' failed to satisfy constraint: Member must not be null"
    assert ended["cause"].startswith(f"{told} (Service: AmazonDynamoDBv2; Status Code: 400; ")
    ended = world.execute(world.task_machine(SQS_SEND, {"QueueUrl": world.queue()[0], "MessageBody": None}, role))
    assert ended["error"] == "SQS.AmazonSQSException"
    assert ended["cause"].startswith("The request must contain the parameter MessageBody. (Service: AmazonSQS; ")


def test_a_queues_name_where_its_url_belongs_is_taken_for_a_host(world):
    # error_handling/test_task_service_sqs.py::TestTaskServiceSqs::test_send_message_no_such_queue
    role = world.role("states.amazonaws.com", [allow("*")])
    ended = world.execute(world.task_machine(SQS_SEND, {"QueueUrl": "none", "MessageBody": "x"}, role))
    assert ended["error"] == "SQS.SdkClientException"
    assert ended["cause"] == "Unable to execute HTTP request: none: Name or service not known"


def test_a_message_returns_with_the_http_metadata_of_its_answer(world):
    # services/test_sqs_task_service.py::TestTaskServiceSqs::test_send_message
    role = world.role("states.amazonaws.com", [allow("*")])
    arguments = {"QueueUrl": world.queue()[0], "MessageBody": "x"}
    result = json.loads(world.execute(world.task_machine(SQS_SEND, arguments, role))["output"])
    assert result["SdkHttpMetadata"]["HttpStatusCode"] == 200
    headers = result["SdkHttpMetadata"]
    assert headers["AllHttpHeaders"]["x-amzn-RequestId"] == [headers["HttpHeaders"]["x-amzn-RequestId"]]
    assert set(result["SdkResponseMetadata"]) == {"RequestId"}


def test_an_event_without_a_source_fails_the_task_with_its_entries(world):
    # services/test_events_task_service.py::TestTaskServiceEvents::test_put_events_no_source
    role = world.role("states.amazonaws.com", [allow("events:PutEvents")])
    good = {"Source": "mine", "DetailType": "t", "Detail": {"a": 1}}
    entries = [good, {name: good[name] for name in ("DetailType", "Detail")}]
    ended = world.execute(world.task_machine("arn:aws:states:::events:putEvents", {"Entries": entries}, role))
    assert ended["error"] == "EventBridge.FailedEntry"
    cause = json.loads(ended["cause"])
    assert set(cause["Entries"][0]) == {"EventId"}
    assert cause["Entries"][1] == {
        "ErrorCode": "InvalidArgument",
        "ErrorMessage": "Parameter Source is not valid. Reason: Source is a required argument.",
    }
    assert cause["FailedEntryCount"] == 1
