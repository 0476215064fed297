import json

import pytest


def outputs(world, conditions, **parameters):
    """Which conditions hold in a stack."""
    declared = {name: {"Type": "CommaDelimitedList", "Default": ""} for name in parameters}
    template = {
        "Parameters": declared,
        "Mappings": {"Regions": {"us-east-1": {"zone": "here"}}},
        "Conditions": conditions,
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Condition": name, "Value": "true"} for name in conditions},
    }
    name, cloudformation = world.name("stack"), world.client("cloudformation")
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Parameters=given)
    stack = world.until(
        lambda: cloudformation.describe_stacks(StackName=name)["Stacks"][0],
        lambda stack: stack["StackStatus"] == "CREATE_COMPLETE",
    )
    return {output["OutputKey"] for output in stack.get("Outputs", [])}


@pytest.mark.parametrize(("given", "held"), [("", set()), ("a,b", {"Given"})])
def test_a_joined_list_is_empty_when_the_list_is(world, given, held):
    joined = {"Fn::Join": ["", {"Ref": "Names"}]}
    assert outputs(world, {"Given": {"Fn::Not": [{"Fn::Equals": ["", joined]}]}}, Names=given) == held


def test_pseudo_parameters_and_functions_in_conditions_have_their_values(world):
    conditions = {
        "Here": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
        "Elsewhere": {"Fn::Equals": [{"Ref": "AWS::Region"}, "eu-west-1"]},
        "Mapped": {"Fn::Equals": [{"Fn::FindInMap": ["Regions", {"Ref": "AWS::Region"}, "zone"]}, "here"]},
        "Filled": {"Fn::Equals": [{"Fn::Sub": "x-${AWS::AccountId}"}, "x-000000000000"]},
        "Either": {"Fn::Or": [{"Condition": "Elsewhere"}, {"Condition": "Here"}]},
        "Both": {"Fn::And": [{"Condition": "Elsewhere"}, {"Condition": "Here"}]},
    }
    assert outputs(world, conditions) == {"Here", "Mapped", "Filled", "Either"}
