import subprocess
import sys

TLS_ONLY = """
import json, sys, threading
from cdk_processing.local import ministack
from cdk_processing.local.aws.iam import transport, trust
ministack.replace_all([
    ministack.Replacement("ministack.app", "pin_request_origin", transport.always_secure),
    ministack.Replacement("ministack.core.iam_evaluator", "_request_origin", transport.secure_by_default),
])
statement = {"Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish", "Resource": "*"}
insecure = {"Principal": "*", "Action": "sns:Publish", "Resource": "*"}
insecure["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
policy = json.dumps({"Statement": [{"Effect": "Allow", **statement}, {"Effect": "Deny", **insecure}]})
topic = "arn:aws:sns:us-east-1:000000000000:Alerts"
told = []


def deliver():
    with ministack.request_scope("000000000000", "us-east-1"):
        for service in ("cloudwatch.amazonaws.com", "events.amazonaws.com"):
            told.append(
                trust.service_may_deliver(policy, service, "sns:Publish", topic, "000000000000", f"{topic}Alarm")
            )


thread = threading.Thread(target=deliver)
thread.start()
thread.join()
sys.exit(str(told))
"""


def test_what_a_thread_without_a_request_delivers_counts_as_sent_over_tls():
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", TLS_ONLY], check=False, capture_output=True, text=True)

    assert run.stderr.splitlines()[-1] == "[True, False]", run.stderr
