from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdk_processing.local.container import uploads
from cdk_processing.local.container.channels import download_inputs
from cdk_processing.local.container.failures import Halt, JobFailedError, JobStoppedError
from cdk_processing.local.container.specification import JobSpecification
from cdk_processing.local.container.uploads import ContinuousUpload, make_output_folders, upload_outputs
from tests.local.container.data_plane import (
    REGION,
    ROLE,
    Observer,
    Session,
    contents,
    description,
    ministack,
    put,
    s3_input,
    s3_outputs,
)
from tests.patience import until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    yield from ministack(tmp_path_factory.mktemp("ministack"))


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> str:
    return f"b-{abs(hash(request.node.name))}"


def job(inputs: list[dict[str, Any]] | None = None, outputs: dict[str, Any] | None = None, count: int = 1) -> Any:
    return JobSpecification.read(
        description(["x"], InstanceCount=count, ProcessingInputs=inputs or [], ProcessingOutputConfig=outputs or {})
    )


def download(
    server: Session, folder: Path, *inputs: dict[str, Any], count: int = 1, stop: threading.Event | None = None
) -> tuple[list[dict[str, bytes]], Observer]:
    """Return what each instance finds below /opt/ml/processing."""
    specification, observer = job(list(inputs), count=count), Observer()
    folders = {host: folder / host for host in specification.hosts}
    download_inputs(specification, folders, server, observer, Halt(stop or threading.Event()))
    return [files(each / "processing") for each in folders.values()], observer


def files(root: Path) -> dict[str, bytes]:
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_a_prefix_is_a_string_and_the_name_begins_after_its_last_slash(
    server: Session, bucket: str, tmp_path: Path
) -> None:
    put(server, bucket, {"in/1.csv": b"one", "in/1.csv.bak": b"two", "in/2.csv": b"three", "in/1/deep/x": b"four"})
    found, _ = download(server, tmp_path, s3_input(f"s3://{bucket}/in/1"))
    assert found == [{"input/1.csv": b"one", "input/1.csv.bak": b"two", "input/deep/x": b"four"}]


@pytest.mark.parametrize("prefix", ["in", "in/"])
def test_a_folder_is_cut_off_with_or_without_its_slash(
    server: Session, bucket: str, tmp_path: Path, prefix: str
) -> None:
    put(server, f"{bucket}", {"in/": b"", "in/a": b"1", "in/sub/": b"", "in/sub/b": b"2"})
    assert download(server, tmp_path, s3_input(f"s3://{bucket}/{prefix}"))[0] == [
        {"input/a": b"1", "input/sub/b": b"2"}
    ]


def test_an_exact_key_keeps_its_name_and_a_bucket_its_keys(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"code/p.py": b"print()"})
    found, _ = download(
        server,
        tmp_path,
        s3_input(f"s3://{bucket}/code/p.py", "code", "one"),
        s3_input(f"s3://{bucket}", "all", "two"),
    )
    assert found == [{"code/p.py": b"print()", "all/code/p.py": b"print()"}]


def test_keys_arrive_byte_for_byte(server: Session, bucket: str, tmp_path: Path) -> None:
    names = [
        "a b", "a+b", "a%20b", "quote'\"`", "$x;&|", "ünï-日本", "e\u0301", "-dash", "a=b&c", "star*?[x]", ".hidden",
        "x" * 255, "/".join(["y" * 250] * 4),
    ]  # fmt: skip
    put(server, bucket, {f"in/{name}": name.encode() for name in names})
    found, _ = download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))
    assert found == [{f"input/{name}": name.encode() for name in names}]


def test_more_than_one_page_is_listed_and_progress_adds_up(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {f"in/{n:04}": b"12345" for n in range(1003)})
    found, observer = download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))
    assert len(found[0]) == 1003
    assert observer.transfers[-1] == (5015, 5015)
    assert observer.transfers == sorted(observer.transfers)


def test_empty_and_large_objects(server: Session, bucket: str, tmp_path: Path) -> None:
    large = os.urandom(9 * 1024 * 1024 + 1)
    put(server, bucket, {"in/empty": b"", "in/large": large})
    assert download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))[0] == [{"input/empty": b"", "input/large": large}]


def test_a_prefix_that_matches_nothing_fails_in_the_services_words(
    server: Session, bucket: str, tmp_path: Path
) -> None:
    put(server, bucket, {"out/x": b""})
    with pytest.raises(JobFailedError) as failure:
        download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))
    assert failure.value.reason == (
        f'ClientError: No S3 objects found under S3 URL "s3://{bucket}/in/" given in input data source. Please ensure '
        f"that the bucket exists in the selected region ({REGION}), that objects exist under that S3 prefix, and that "
        f'the role "{ROLE}" has "s3:ListBucket" permissions on bucket "{bucket}".'
    )


def test_a_folder_without_objects_is_an_empty_input(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/": b""})
    assert download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))[0] == [{}]
    assert (tmp_path / "algo-1/processing/input").is_dir()


@pytest.mark.parametrize("key", ["in/../../../../tmp/evil", "in/..", "in/a/../../b", "in/x/.."])
def test_a_key_never_leaves_its_folder(server: Session, bucket: str, tmp_path: Path, key: str) -> None:
    class Listing:
        def paginate(self, **_: str) -> list[Any]:
            return [{"Contents": [{"Key": key, "Size": 0}]}]

    class Client:
        def get_paginator(self, _: str) -> Listing:
            return Listing()

    session = Session(server.endpoint_url, clients={"s3": Client()})
    with pytest.raises(JobFailedError, match=r"ClientError: Data download failed: the key .* would leave its folder"):
        download(session, tmp_path, s3_input(f"s3://{bucket}/in/"))
    assert not [each for each in tmp_path.rglob("*") if each.is_file()]


def test_an_absolute_looking_key_stays_in_its_folder(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in//tmp/abs": b"1"})
    assert download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))[0] == [{"input/tmp/abs": b"1"}]


def test_a_component_that_no_file_system_holds_is_named(server: Session, bucket: str, tmp_path: Path) -> None:
    key = "in/" + "n" * 300
    put(server, bucket, {key: b"1"})
    with pytest.raises(JobFailedError) as failure:
        download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))
    assert failure.value.reason.startswith("ClientError: Data download failed: a file name has at most 255 bytes")
    assert key in failure.value.reason


def test_an_object_that_is_both_a_folder_and_a_file_fails(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/a": b"1", "in/a/b": b"2"})
    with pytest.raises(JobFailedError, match="no object that is both a folder as well as a file"):
        download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))


def test_two_keys_for_one_file_fail(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/a/b": b"1", "in/a//b": b"2"})
    with pytest.raises(JobFailedError, match=r'"in/a//b" and "in/a/b" would be the same file'):
        download(server, tmp_path, s3_input(f"s3://{bucket}/in/"))


def test_what_s3_refuses_is_in_the_reason(server: Session, tmp_path: Path) -> None:
    with pytest.raises(JobFailedError) as failure:
        download(server, tmp_path, s3_input("s3://no-such-bucket-here/in/"))
    assert failure.value.reason == (
        "ClientError: Data download failed: An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: "
        "The specified bucket does not exist (s3://no-such-bucket-here/in/)"
    )


def test_a_manifest_names_exact_objects(server: Session, bucket: str, tmp_path: Path) -> None:
    manifest = json.dumps([{"prefix": f"s3://{bucket}/in/"}, "1.csv", "sub/2 b.csv"]).encode()
    put(server, bucket, {"m": manifest, "in/1.csv": b"1", "in/1.csv.bak": b"-", "in/sub/2 b.csv": b"2"})
    found, observer = download(server, tmp_path, s3_input(f"s3://{bucket}/m", S3DataType="ManifestFile"))
    assert found == [{"input/1.csv": b"1", "input/sub/2 b.csv": b"2"}]
    assert observer.transfers[-1] == (2, 2)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'["a"]', b'[{"prefix": "s3://b/"}, 1]', b'[{"prefix": 1}, "a"]'])
def test_a_bad_manifest_fails(server: Session, bucket: str, tmp_path: Path, text: bytes) -> None:
    put(server, bucket, {"m": text})
    with pytest.raises(JobFailedError, match=rf'the manifest "s3://{bucket}/m" must be a JSON array'):
        download(server, tmp_path, s3_input(f"s3://{bucket}/m", S3DataType="ManifestFile"))


def test_a_manifest_cannot_lead_out_of_the_folder(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"m": json.dumps([{"prefix": f"s3://{bucket}/in/"}, "../../x"]).encode()})
    with pytest.raises(JobFailedError, match="would leave its folder"):
        download(server, tmp_path, s3_input(f"s3://{bucket}/m", S3DataType="ManifestFile"))


def test_an_object_of_a_manifest_that_is_missing_fails(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"m": json.dumps([{"prefix": f"s3://{bucket}/in/"}, "x"]).encode()})
    with pytest.raises(JobFailedError, match=rf"NoSuchKey.* \(s3://{bucket}/in/x\)$"):
        download(server, tmp_path, s3_input(f"s3://{bucket}/m", S3DataType="ManifestFile"))


def test_replicated_objects_are_on_every_instance_and_their_own(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/a": b"1", "in/b": b"2"})
    found, _ = download(server, tmp_path, s3_input(f"s3://{bucket}/in/"), count=3)
    assert found == [{"input/a": b"1", "input/b": b"2"}] * 3
    assert len({(tmp_path / f"algo-{n}/processing/input/a").stat().st_ino for n in (1, 2, 3)}) == 3


def test_sharded_objects_are_shared_out_evenly(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {f"in/{n}": b"" for n in range(7)})
    found, _ = download(
        server, tmp_path, s3_input(f"s3://{bucket}/in/", S3DataDistributionType="ShardedByS3Key"), count=3
    )
    assert [sorted(each) for each in found] == [
        ["input/0", "input/3", "input/6"],
        ["input/1", "input/4"],
        ["input/2", "input/5"],
    ]


def test_a_stop_ends_the_download(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {"in/a": b"1"})
    stop = threading.Event()
    stop.set()
    with pytest.raises(JobStoppedError):
        download(server, tmp_path, s3_input(f"s3://{bucket}/in/"), stop=stop)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"S3InputMode": "Pipe"}, "S3InputMode Pipe cannot be run here; use File"),
        ({"S3CompressionType": "Gzip"}, "S3CompressionType Gzip cannot be run here"),
        ({"S3DataType": "Other"}, "S3DataType Other cannot be run here"),
        ({"S3DataDistributionType": "Other"}, "S3DataDistributionType Other cannot be run here"),
        ({"LocalPath": "/opt/ml/processing/../../../etc"}, "LocalPath must begin with /opt/ml/processing/"),
        ({"LocalPath": "/etc"}, "LocalPath must begin with /opt/ml/processing/"),
        ({"S3Uri": "https://x/y"}, "S3Uri must be"),
    ],
)
def test_what_cannot_be_done_is_refused_and_never_left_out(change: dict[str, str], said: str) -> None:
    with pytest.raises(JobFailedError, match=f"ClientError: .*{said}"):
        job([s3_input("s3://b/in", **change)])


def test_datasets_and_feature_groups_are_refused() -> None:
    with pytest.raises(JobFailedError, match="DatasetDefinition cannot be run here"):
        job([{"InputName": "in", "DatasetDefinition": {}}])
    with pytest.raises(JobFailedError, match="FeatureStoreOutput cannot be run here"):
        job(outputs={"Outputs": [{"OutputName": "out", "FeatureStoreOutput": {"FeatureGroupName": "g"}}]})


def test_what_the_application_manages_is_left_to_it() -> None:
    read = job([{"InputName": "in", "AppManaged": True}], {"Outputs": [{"OutputName": "out", "AppManaged": True}]})
    assert (read.inputs, read.outputs) == ((), ())


def outputs_of(tmp_path: Path, specification: Any) -> dict[str, Path]:
    folders = {host: tmp_path / host for host in specification.hosts}
    make_output_folders(specification, folders)
    return folders


def upload(server: Session, specification: Any, folders: dict[str, Path]) -> Observer:
    observer = Observer()
    upload_outputs(specification, folders, server, observer, Halt(threading.Event()))
    return observer


@pytest.mark.parametrize(("prefix", "key"), [("train", "train/"), ("train/", "train/"), ("", "")])
def test_outputs_go_below_their_prefix(server: Session, bucket: str, tmp_path: Path, prefix: str, key: str) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/{prefix}"))
    root = outputs_of(tmp_path, specification)["algo-1"] / "processing/output"
    (root / "sub dir").mkdir()
    (root / "sub dir" / "ü+b c").write_bytes(b"1")
    (root / "empty").write_bytes(b"")
    observer = upload(server, specification, {"algo-1": tmp_path / "algo-1"})
    assert contents(server, bucket) == {f"{key}sub dir/ü+b c": b"1", f"{key}empty": b""}
    assert observer.transfers[-1] == (1, 1)


def test_a_large_output_is_uploaded_in_parts(
    server: Session, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "_MULTIPART_BYTES", 1024)
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o"))
    large = os.urandom(9 * 1024 * 1024)
    (outputs_of(tmp_path, specification)["algo-1"] / "processing/output/large").write_bytes(large)
    upload(server, specification, {"algo-1": tmp_path / "algo-1"})
    assert contents(server, bucket) == {"o/large": large}


def test_links_pipes_and_sockets_are_no_output(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o"))
    root = outputs_of(tmp_path, specification)["algo-1"] / "processing/output"
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    (root / "file").symlink_to(secret / "key")
    (root / "folder").symlink_to(secret)
    os.mkfifo(root / "pipe")
    (root / "real").write_text("")
    upload(server, specification, {"algo-1": tmp_path / "algo-1"})
    assert set(contents(server, bucket)) == {"o/real"}


def test_an_output_folder_that_became_a_link_is_not_followed(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o"))
    folders = outputs_of(tmp_path, specification)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    output = folders["algo-1"] / "processing/output"
    output.rmdir()
    output.symlink_to(tmp_path / "secret")
    upload(server, specification, folders)
    assert contents(server, bucket) == {}


def test_a_name_that_is_no_text_fails_clearly(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o"))
    root = outputs_of(tmp_path, specification)["algo-1"] / "processing/output"
    (root / os.fsdecode(b"\xff")).write_text("")
    with pytest.raises(JobFailedError, match=r"ClientError: Data upload failed: '\\udcff' is not valid UTF-8"):
        upload(server, specification, {"algo-1": tmp_path / "algo-1"})


def test_an_upload_that_s3_refuses_fails(server: Session, tmp_path: Path) -> None:
    specification = job(outputs=s3_outputs("s3://no-such-bucket-here/o"))
    (outputs_of(tmp_path, specification)["algo-1"] / "processing/output/x").write_text("")
    with pytest.raises(JobFailedError, match=r"ClientError: Data upload failed: An error occurred \(NoSuchBucket\)"):
        upload(server, specification, {"algo-1": tmp_path / "algo-1"})


def test_every_instances_files_are_uploaded(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o"), count=2)
    for host, folder in outputs_of(tmp_path, specification).items():
        (folder / "processing/output" / host).write_text(host)
    upload(server, specification, {host: tmp_path / host for host in specification.hosts})
    assert contents(server, bucket) == {"o/algo-1": b"algo-1", "o/algo-2": b"algo-2"}


def test_the_outputs_key_is_given_to_s3(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o", KmsKeyId=key))
    (outputs_of(tmp_path, specification)["algo-1"] / "processing/output/x").write_text("")
    upload(server, specification, {"algo-1": tmp_path / "algo-1"})
    head = server.client("s3").head_object(Bucket=bucket, Key="o/x")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)


def test_continuous_outputs_are_there_while_the_job_runs(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o", "Continuous"))
    folders = outputs_of(tmp_path, specification)
    root = folders["algo-1"] / "processing/output"
    with ContinuousUpload(specification, folders, server, Observer()):
        (root / "a").write_text("1")
        assert until(lambda: contents(server, bucket)) == {"o/a": b"1"}
        (root / "a").write_text("22")
        (root / "b").write_text("3")
    assert contents(server, bucket) == {"o/a": b"22", "o/b": b"3"}


def test_continuous_outputs_are_not_uploaded_twice(server: Session, bucket: str, tmp_path: Path) -> None:
    put(server, bucket, {})
    specification = job(outputs=s3_outputs(f"s3://{bucket}/o", "Continuous"))
    folders, observer = outputs_of(tmp_path, specification), Observer()
    with ContinuousUpload(specification, folders, server, observer):
        for name in ("a", "b"):  # the later passes, which take b, look at a again
            (folders["algo-1"] / "processing/output" / name).write_text("1")
            until(lambda: contents(server, bucket), lambda found, key=f"o/{name}": key in found)
    assert observer.transfers == [(1, 1), (1, 1)]
    upload(server, specification, folders)  # the pass at the end of the job is for the others
    assert observer.transfers == [(1, 1), (1, 1)]


def test_a_continuous_upload_that_fails_ends_the_job(server: Session, tmp_path: Path) -> None:
    specification = job(outputs=s3_outputs("s3://no-such-bucket-here/o", "Continuous"))
    folders = outputs_of(tmp_path, specification)
    uploading = ContinuousUpload(specification, folders, server, Observer()).__enter__()
    (folders["algo-1"] / "processing/output/a").write_text("1")
    until(uploading.failed)
    with pytest.raises(JobFailedError, match="NoSuchBucket"):
        uploading.__exit__(None, None, None)
