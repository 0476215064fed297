"""Distributed Map. Recorded in localstack/localstack, v2/scenarios/test_base_scenarios.py::TestBaseScenarios."""

import gzip
import json

import pytest

DISTRIBUTED = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
PASS = {"ProcessorConfig": DISTRIBUTED, "StartAt": "Item", "States": {"Item": {"Type": "Pass", "End": True}}}
MAP_RUN = ["MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"]


@pytest.fixture(scope="module")
def bucket(world):
    s3 = world.client("s3")
    s3.create_bucket(Bucket="items")
    rows = gzip.compress(b'"data","in/a.csv","3"\n"data","in/b.csv","4"\n')
    manifest = {"fileSchema": "Bucket, Key, Size", "files": [{"key": "inv/1.csv.gz"}]}
    for key, body in {
        "list/a.txt": b"one",
        "list/b.txt": b"two",
        "rows.csv": b"H1,H2\n1,2,3\n4\n",
        "twice.csv": b"H,H\n1,2\n",
        "items.json": b"[1, 2, 3]",
        "deep.json": b'{"a": {"b": [7]}}',
        "items.jsonl": b'{"n": 1}\n\n{"n": 2}\n',
        "inv/1.csv.gz": rows,
        "inv/manifest.json": json.dumps(manifest).encode(),
    }.items():
        s3.put_object(Bucket="items", Key=key, Body=body)
    return "items"


def reading(key, **config):
    reader = {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "items", "Key": key}}
    return {"Type": "Map", "ItemProcessor": PASS, "ItemReader": {**reader, "ReaderConfig": config}}


def test_a_distributed_map_shows_its_run_and_hides_its_items(play):
    # test_map_state_config_distributed_item_selector
    selector = {"value.$": "$$.Map.Item.Value", "all.$": "$"}
    ended = play({"Type": "Map", "ItemProcessor": PASS, "ItemSelector": selector}, ["a", "b"])
    assert ended["types"][2:-1] == MAP_RUN
    assert ended["output"] == [{"value": "a", "all": ["a", "b"]}, {"value": "b", "all": ["a", "b"]}]


def test_an_s3_listing_gives_an_item_for_each_object(play, bucket):
    # test_map_item_reader_base_list_objects_v2
    reader = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": bucket, "Prefix": "list/"}}
    ended = play({"Type": "Map", "ItemProcessor": PASS, "ItemReader": reader})
    assert [item["Key"] for item in ended["output"]] == ["list/a.txt", "list/b.txt"]
    assert set(ended["output"][0]) == {"Etag", "Key", "LastModified", "Size", "StorageClass"}
    assert ended["events"][2]["mapStateStartedEventDetails"] == {"length": 0}


@pytest.mark.parametrize(
    ("key", "config", "items"),
    [
        # test_map_item_reader_base_csv_headers_first_line, test_map_item_reader_csv_first_row_extra_fields
        (
            "rows.csv",
            {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            [{"H1": "1", "H2": "2"}, {"H1": "4", "H2": ""}],
        ),
        ("items.json", {"InputType": "JSON", "MaxItems": 2}, [1, 2]),  # test_map_item_reader_base_json_max_items
        ("deep.json", {"InputType": "JSON", "ItemsPointer": "/a/b"}, [7]),
        ("items.jsonl", {"InputType": "JSONL"}, [{"n": 1}, {"n": 2}]),
        (
            "inv/manifest.json",
            {"InputType": "MANIFEST"},
            [{"Bucket": "data", "Key": "in/a.csv", "Size": "3"}, {"Bucket": "data", "Key": "in/b.csv", "Size": "4"}],
        ),
    ],
)
def test_an_object_gives_its_items(play, bucket, key, config, items):
    assert play(reading(key, **config))["output"] == items


@pytest.mark.parametrize(
    ("key", "config", "cause"),
    [
        ("twice.csv", {"InputType": "CSV"}, "CSV headers cannot contain duplicates."),
        ("deep.json", {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
        ("rows.csv", {"InputType": "CSV", "MaxItemsPath": "$.most"}, "field MaxItems must be positive"),
    ],
)
def test_items_that_cannot_be_read_fail_the_run(play, bucket, key, config, cause):
    # test_map_item_reader_csv_headers_decl_duplicate_headers, test_map_item_reader_json_no_json_list_object,
    # test_map_item_reader_csv_max_items_paths
    ended = play(reading(key, **config), {"most": -1})
    assert ended["types"][-3:] == ["MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert (ended["error"], ended["cause"]) == ("States.ItemReaderFailed", cause)


def test_batches_share_an_input(play):
    # test_map_item_batching_base_json_max_per_batch_jsonata
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"day.$": "$.day"}}
    ended = play(
        {"Type": "Map", "ItemsPath": "$.a", "ItemProcessor": PASS, "ItemBatcher": batcher}, {"a": [1, 2, 3], "day": "x"}
    )
    shared = {"BatchInput": {"day": "x"}}
    assert ended["output"] == [{**shared, "Items": [1, 2]}, {**shared, "Items": [3]}]


def test_results_are_written_with_a_manifest(play, world, bucket):
    # test_map_state_result_writer
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": bucket, "Prefix": "out"}}
    ended = play({"Type": "Map", "ItemProcessor": PASS, "ResultWriter": writer, "Label": "Mine"}, ["a", "b"])
    place = ended["output"]["ResultWriterDetails"]
    run = ended["output"]["MapRunArn"].rpartition(":")[2]
    assert place == {"Bucket": bucket, "Key": f"out/{run}/manifest.json"}

    def read(key):
        return json.load(world.client("s3").get_object(Bucket=bucket, Key=key)["Body"])

    (file,) = read(place["Key"])["ResultFiles"]["SUCCEEDED"]
    assert sorted(entry["Output"] for entry in read(file["Key"])) == ['"a"', '"b"']


def test_more_failures_than_tolerated_fail_the_run_and_fewer_do_not(play):
    fails = {"Type": "Fail", "Error": "E"}
    choose = {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "P"}
    processor = {**PASS, "StartAt": "C", "States": {"C": choose, "F": fails, "P": {"Type": "Pass", "End": True}}}
    state = {"Type": "Map", "ItemProcessor": processor}
    assert play({**state, "ToleratedFailureCount": 1}, [0, 1])["output"] == [1]
    assert play(state, [0, 1])["error"] == "States.ExceedToleratedFailureThreshold"


def test_each_item_is_an_execution_of_the_map_run(play, world):
    # test_sfn_api_map_run.py::TestSnfApiMapRun::test_list_map_runs_and_describe_map_run
    ended = play({"Type": "Map", "ItemProcessor": PASS}, ["a", "b"])
    sfn = world.client("stepfunctions")
    (run,) = sfn.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    described = sfn.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (described["status"], described["itemCounts"]["succeeded"]) == ("SUCCEEDED", 2)
    children = sfn.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    events = sfn.get_execution_history(executionArn=children[0]["executionArn"])["events"]
    types = [event["type"] for event in events]
    assert types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
