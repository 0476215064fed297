"""Short ways to make things in an embedded AWS, for tests of its control plane."""

import json
import uuid

from tests.patience import PATIENCE, until

ACCOUNT = "000000000000"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
REPOSITORY = "arn:aws:ecr:us-east-1:683313688378:repository/sagemaker-scikit-learn"

EXECUTION_ROLE_STATEMENTS = [
    {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    {
        "Effect": "Allow",
        "Action": ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
        "Resource": REPOSITORY,
    },
    {
        "Effect": "Allow",
        "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
        "Resource": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/ProcessingJobs*",
    },
    {
        "Effect": "Allow",
        "Action": "cloudwatch:PutMetricData",
        "Resource": "*",
        "Condition": {"StringEquals": {"cloudwatch:namespace": "/aws/sagemaker/ProcessingJobs"}},
    },
]


def machine_statements(execution_role):
    jobs = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:processing-job/*"
    rule = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
    verbs = ["CreateProcessingJob", "DescribeProcessingJob", "StopProcessingJob", "AddTags"]
    return [
        {"Effect": "Allow", "Action": [f"sagemaker:{verb}" for verb in verbs], "Resource": jobs},
        {"Effect": "Allow", "Action": "sagemaker:ListTags", "Resource": "*"},
        {"Effect": "Allow", "Action": ["events:PutTargets", "events:PutRule", "events:DescribeRule"], "Resource": rule},
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": execution_role,
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ]


class World:
    """An embedded AWS and short ways to make things in it."""

    def __init__(self, aws):
        self.aws = aws
        self.client = aws.client

    def name(self, base):
        return f"{base}-{uuid.uuid4().hex[:8]}"

    def role(self, service, statements, *, condition=None, name=None):
        name = name or self.name("role")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            "Condition": condition or {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
        document = {"Version": "2012-10-17", "Statement": [trust]}
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"]["Arn"]
        if statements:
            self.allow(arn, statements)
        return arn

    def allow(self, role_arn, statements):
        document = {"Version": "2012-10-17", "Statement": statements}
        self.client("iam").put_role_policy(
            RoleName=role_arn.rsplit("/", 1)[-1], PolicyName="inline", PolicyDocument=json.dumps(document)
        )

    def execution_role(self, *, without=None, **options):
        kept = [s for s in EXECUTION_ROLE_STATEMENTS if without is None or without not in json.dumps(s["Action"])]
        return self.role("sagemaker.amazonaws.com", kept, **options)

    def request(self, role, **changes):
        request = {
            "ProcessingJobName": self.name("job"),
            "RoleArn": role,
            "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "x.py"]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 10}
            },
        }
        return {**request, **changes}

    def ended(self, name, timeout=PATIENCE):
        return self.until(
            lambda: self.client("sagemaker").describe_processing_job(ProcessingJobName=name),
            lambda job: job["ProcessingJobStatus"] in ("Completed", "Failed", "Stopped"),
            timeout,
        )

    def until(self, look, good, timeout=PATIENCE):
        return until(look, good, within=timeout)

    def machine(self, definition, role, **options):
        definition = {"QueryLanguage": "JSONata", **definition}
        return self.client("stepfunctions").create_state_machine(
            name=self.name("machine"), definition=json.dumps(definition), roleArn=role, **options
        )["stateMachineArn"]

    def task_machine(self, resource, arguments, role, **state):
        task = {"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True, **state}
        return self.machine({"StartAt": "Task", "States": {"Task": task}}, role)

    def execute(self, machine, payload=None, timeout=PATIENCE, **options):
        arn = self.client("stepfunctions").start_execution(
            stateMachineArn=machine, input=json.dumps(payload or {}), **options
        )["executionArn"]
        return self.execution_ended(arn, timeout)

    def execution_ended(self, arn, timeout=PATIENCE):
        return self.until(
            lambda: self.client("stepfunctions").describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
            timeout,
        )

    def queue(self, **attributes):
        url = self.client("sqs").create_queue(QueueName=self.name("queue"), Attributes=attributes)["QueueUrl"]
        found = self.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, found["Attributes"]["QueueArn"]

    def messages(self, url, timeout=PATIENCE):
        return self.until(
            lambda: self.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages"),
            bool,
            timeout,
        )
