import pytest

from cdk_processing.local.deployment.expressions import resolve_text, substitute

VALUES = {"Raw": "raw-1", "Raw.Arn": "arn:aws:s3:::raw-1", "AWS::Region": "eu-west-1", "Shared:Name": "shared-1"}


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("plain ${Unknown}", "plain ${Unknown}"),
        ({"Ref": "Raw"}, "raw-1"),
        ({"Ref": "Other"}, "<Other>"),
        ({"Fn::GetAtt": ["Raw", "Arn"]}, "arn:aws:s3:::raw-1"),
        ({"Fn::GetAtt": "Raw.Arn"}, "arn:aws:s3:::raw-1"),
        ({"Fn::Join": ["", ["s3://", {"Ref": "Raw"}, "/in/"]]}, "s3://raw-1/in/"),
        ({"Fn::Sub": "s3://${Raw}-${AWS::Region}/${!Literal}"}, "s3://raw-1-eu-west-1/${!Literal}"),
        ({"Fn::Sub": ["s3://${Name}", {"Name": {"Ref": "Raw"}}]}, "s3://raw-1"),
        ({"Fn::Select": [1, {"Fn::Split": ["-", {"Ref": "Raw"}]}]}, "1"),
        ({"Fn::ImportValue": "Shared:Name"}, "shared-1"),
        ({"Fn::Cidr": []}, "<Fn::Cidr>"),
    ],
)
def test_expressions_become_text_and_what_is_not_known_is_named(expression, text):
    assert resolve_text(expression, VALUES) == text


def test_placeholders_that_are_not_known_stay():
    assert substitute("${AWS::Region} ${run:ID}", VALUES) == "eu-west-1 ${run:ID}"
