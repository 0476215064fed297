import pytest
from botocore.exceptions import ClientError


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (
            lambda client: client.create_stack_refactor(
                StackDefinitions=[{"StackName": "One", "TemplateBody": "{}"}], EnableStackCreation=True
            ),
            r"does not do CreateStackRefactor: cdk refactor moves resources .* run cdk deploy",
        ),
        (lambda client: client.start_resource_scan(), r"does not do StartResourceScan: cdk migrate reads"),
        (lambda client: client.create_stack_set(StackSetName="x"), r"does not do CreateStackSet: declare the stacks"),
    ],
)
def test_what_is_not_played_is_refused_in_one_line_with_the_way_out(world, call, told):
    with pytest.raises(ClientError, match=told) as refused:
        call(world.client("cloudformation"))
    assert "\n" not in refused.value.response["Error"]["Message"]
