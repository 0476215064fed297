import pytest

from cdk_processing import ExecutionVariables, S3Location


class Bucket:
    bucket_name = "${Token[TOKEN.1]}"


def test_a_location_is_a_bucket_and_a_key():
    location = S3Location("raw-data", "census/")

    assert (location.bucket_name, location.key, location.uri) == ("raw-data", "census/", "s3://raw-data/census/")
    assert str(location) == "s3://raw-data/census/"
    assert location.problems() == []


def test_a_location_of_a_bucket_construct_has_its_name():
    assert S3Location(Bucket(), "in/").uri == "s3://${Token[TOKEN.1]}/in/"
    assert S3Location(Bucket()).problems() == []


def test_at_appends_to_the_key():
    assert S3Location("raw-data", "census/").at("2024/").uri == "s3://raw-data/census/2024/"


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://raw-data/a/b.csv", "raw-data", "a/b.csv"),
        ("s3://raw-data/", "raw-data", ""),
        ("s3://raw-data", "raw-data", ""),
        ("s3://raw-data/a b+ü'\\?#.csv", "raw-data", "a b+ü'\\?#.csv"),
        ("s3://raw-data/a\nb", "raw-data", "a\nb"),
    ],
)
def test_a_uri_is_read_back(uri, bucket, key):
    location = S3Location.parse(uri)

    assert (location.bucket, location.key) == (bucket, key)


@pytest.mark.parametrize(
    "text", ["", "raw-data/a", "s3:/raw-data/a", "s3://", "s3:///a", "S3://raw-data/a", "http://b/"]
)
def test_what_is_no_s3_uri_is_not_read(text):
    assert S3Location.parse(text) is None


def test_the_fixed_key_ends_where_the_first_run_time_value_begins():
    assert S3Location("b", f"out/{ExecutionVariables.RUN_ID}/x/{ExecutionVariables.ATTEMPT}").fixed_key == "out/"
    assert S3Location("b", "out/x").fixed_key == "out/x"
    assert S3Location("b", str(ExecutionVariables.RUN_ID)).fixed_key == ""


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            S3Location(5, "in/"),
            "bucket must be an s3.IBucket or a bucket's name, got 5; pass the bucket construct itself",
        ),
        (
            S3Location("", "in/"),
            "bucket must be an s3.IBucket or a bucket's name, got ''; pass the bucket construct itself",
        ),
        (
            S3Location("raw data", "in/"),
            "bucket must be letters, digits, '.', '-' and '_', got 'raw data'; use the bucket's name as S3 shows it",
        ),
        (
            S3Location(str(ExecutionVariables.OBJECT_BUCKET), "in/"),
            "bucket must be known at synth: the role gets permissions on it, got '{{run:OBJECT_BUCKET}}'; "
            "name the bucket, and keep run-time values for the key",
        ),
        (
            S3Location("raw-data", "/in/"),
            "key must be a key prefix without a leading '/', got '/in/'; write 'in/'",
        ),
    ],
)
def test_a_place_that_cannot_be_is_told(told, location, message):
    assert told(location.problems()) == message


def test_a_key_is_counted_in_bytes(told):
    assert told(S3Location("raw-data", "ü" * 513).problems()).startswith("key must be at most 1,024 bytes")
    assert S3Location("raw-data", "ü" * 512).problems() == []


def test_a_key_that_is_no_text_is_told(told):
    assert told(S3Location("raw-data", 5).problems()) == "key must be a str, got 5; write the key prefix as text"


@pytest.mark.parametrize("name", ["c", "Raw_Data", "raw.data-1"])
def test_a_name_that_some_bucket_has_is_taken(name):
    assert S3Location(name, "in/").problems() == []
