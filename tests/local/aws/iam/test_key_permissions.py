import json

import boto3
import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def key(world):
    return world.client("kms").create_key()["KeyMetadata"]["Arn"]


def assumed(world, statements, service):
    role = world.role("ecs-tasks.amazonaws.com", statements)
    trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
    name = role.rsplit("/", 1)[-1]
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    world.client("iam").update_assume_role_policy(RoleName=name, PolicyDocument=document)
    got = world.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,
        endpoint_url=world.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=got["AccessKeyId"],
        aws_secret_access_key=got["SecretAccessKey"],
        aws_session_token=got["SessionToken"],
    )


def allow(action, resource="*"):
    return {"Effect": "Allow", "Action": action, "Resource": resource}


def encrypted_bucket(world, key):
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    world.client("s3").put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    world.client("s3").put_object(Bucket=name, Key="k", Body=b"x")
    return name


def test_reading_from_an_encrypted_bucket_needs_decrypt(world, key):
    name = encrypted_bucket(world, key)
    client = assumed(world, [allow("s3:*")], "s3")
    with pytest.raises(ClientError, match="is not authorized to perform: kms:Decrypt on resource: " + key) as caught:
        client.get_object(Bucket=name, Key="k")
    assert caught.value.response["Error"]["Code"] == "AccessDenied"
    client.close()
    client = assumed(world, [allow("s3:*"), allow("kms:Decrypt", key)], "s3")
    with client.get_object(Bucket=name, Key="k")["Body"] as body:
        assert body.read() == b"x"
    client.close()


def test_writing_to_an_encrypted_bucket_needs_a_data_key(world, key):
    name = encrypted_bucket(world, key)
    client = assumed(world, [allow("s3:*"), allow("kms:Decrypt", key)], "s3")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        client.put_object(Bucket=name, Key="new", Body=b"y")
    with pytest.raises(ClientError, match="kms:GenerateDataKey"):
        client.create_multipart_upload(Bucket=name, Key="new")
    client.close()
    client = assumed(world, [allow("s3:*"), allow("kms:GenerateDataKey", key)], "s3")
    client.put_object(Bucket=name, Key="new", Body=b"y")
    client.close()


def test_a_bucket_without_a_key_needs_none(world):
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    client = assumed(world, [allow("s3:*")], "s3")
    client.put_object(Bucket=name, Key="new", Body=b"y")
    client.close()


def test_receiving_from_an_encrypted_queue_needs_decrypt(world, key):
    url, _ = world.queue(KmsMasterKeyId=key)
    client = assumed(world, [allow("sqs:*")], "sqs")
    with pytest.raises(client.exceptions.KmsAccessDenied, match="kms:Decrypt"):
        client.receive_message(QueueUrl=url)
    client.close()


def test_an_item_of_an_encrypted_table_needs_decrypt_through_dynamodb(world, key):
    name = world.name("table")
    schema = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    attributes = [{"AttributeName": "id", "AttributeType": "S"}]
    encrypted = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
    world.client("dynamodb").create_table(
        TableName=name, AttributeDefinitions=attributes, SSESpecification=encrypted, **schema
    )
    item = {"TableName": name, "Key": {"id": {"S": "x"}}}
    client = assumed(world, [allow("dynamodb:*")], "dynamodb")
    for call in (client.get_item, client.update_item, client.delete_item):
        with pytest.raises(ClientError, match="is not authorized to perform: kms:Decrypt on resource: " + key):
            call(**item)
    client.close()
    through = {**allow("kms:Decrypt", key), "Condition": {"StringLike": {"kms:ViaService": "dynamodb.*"}}}
    client = assumed(world, [allow("dynamodb:*"), through], "dynamodb")
    client.update_item(**item)
    assert client.get_item(**item)["Item"] == item["Key"]
    client.close()


def test_a_key_whose_policy_does_not_admit_the_account_refuses_its_roles(world):
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    key = world.client("kms").create_key(Policy=policy, BypassPolicyLockoutSafetyCheck=True)["KeyMetadata"]["Arn"]
    name = encrypted_bucket(world, key)
    client = assumed(world, [allow("s3:*"), allow("kms:*", key)], "s3")
    with pytest.raises(ClientError, match="kms:Decrypt"):
        client.get_object(Bucket=name, Key="k")
    client.close()


def test_a_key_may_be_allowed_by_its_alias(world, key):
    name, alias = encrypted_bucket(world, key), f"alias/{world.name('alias')}"
    world.client("kms").create_alias(AliasName=alias, TargetKeyId=key)
    by_alias = allow("kms:Decrypt", "arn:aws:kms:us-east-1:000000000000:key/*")

    def reads(condition):
        client = assumed(world, [allow("s3:*"), {**by_alias, "Condition": condition}], "s3")
        try:
            with client.get_object(Bucket=name, Key="k")["Body"] as body:
                return body.read() == b"x"
        except ClientError:
            return False
        finally:
            client.close()

    assert reads({"ForAnyValue:StringEquals": {"kms:ResourceAliases": [alias]}})
    assert not reads({"ForAnyValue:StringEquals": {"kms:ResourceAliases": ["alias/another"]}})
    assert reads({"StringLike": {"kms:ViaService": "s3.us-east-1.*"}})
    assert not reads({"StringLike": {"kms:ViaService": "sqs.us-east-1.*"}})
