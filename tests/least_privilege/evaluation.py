"""What the IAM of the embedded AWS decides on a call: the evaluator that its server uses, on statements alone."""

from ministack.core import iam_evaluator

from cdk_processing.local.aws.iam.variables import with_variables

__all__ = ["as_recorded", "is_allowed"]


def is_allowed(statements, call):
    """Whether statements allow a call.

    Args:
        statements: Of all policies of a role.
        call: As recorded: action, resource, context, and who asks.
    """
    request = iam_evaluator.EvalContext(
        principal_arn=call["principal"],
        principal_type=call["kind"],
        principal_account=call["account"],
        action=call["action"],
        resource_arn=call["resource"],
        region=call["region"],
        service_context=call["context"],
        principal_keys=call["keys"],
    )
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    parsed = iam_evaluator.parse_policy_document(document)
    return with_variables(iam_evaluator.evaluate)(request, [parsed]).decision == "Allow"


def as_recorded(call):
    """A written call in the form of a recorded one."""
    context = {name.lower(): value for name, value in call.context.items()}
    return {
        "principal": "arn:aws:sts::111122223333:assumed-role/prep/session",
        "kind": "AssumedRole",
        "account": "111122223333",
        "action": call.action,
        "resource": call.resource,
        "region": context.pop("aws:requestedregion", "eu-west-1"),
        "context": {"aws:tagkeys": None, **context},
        "keys": {},
    }
