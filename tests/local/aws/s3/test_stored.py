"""The bytes of objects in files: whatever their size and way, they come back as they went, and not by memory."""

import base64
import gc
import hashlib
import io
import os
import zlib
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_processing.local.aws.s3.stored import CHUNK_BYTES, ObjectFiles, StoredBody
from cdk_processing.local.files import FileStore
from tests.local.wire.test_guard import send

MIB = 1024 * 1024
SIZES = [0, 1, 4096, 4097, MIB - 1, MIB, MIB + 1, 3 * MIB + 17]


def content(size, seed=0):
    return (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]


@pytest.fixture(scope="module")
def s3(world):
    return world.client("s3")


@pytest.fixture(scope="module")
def bucket(world, s3):
    name = world.name("stored")
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def versioned(world, s3):
    name = world.name("versioned")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def read(s3, bucket, key, **options):
    return s3.get_object(Bucket=bucket, Key=key, **options)["Body"].read()


def uploaded(s3, bucket, key, parts, **options):
    """Upload in parts; the answer of what completed it."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **options)["UploadId"]
    named = []
    for number, part in enumerate(parts, start=1):
        answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=part)
        sums = {name: value for name, value in answer.items() if name.startswith("Checksum") and name != "ChecksumType"}
        named.append({"PartNumber": number, "ETag": answer["ETag"], **sums})
    return s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": named})


@pytest.mark.parametrize("size", SIZES)
def test_an_object_comes_back_as_it_was_put(s3, bucket, size):
    body = content(size)

    put = s3.put_object(Bucket=bucket, Key=f"put/{size}", Body=body)

    assert read(s3, bucket, f"put/{size}") == body
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert s3.head_object(Bucket=bucket, Key=f"put/{size}")["ContentLength"] == size


@pytest.mark.parametrize(("first", "last"), [(0, 0), (5, MIB + 5), (2 * MIB, 3 * MIB + 16), (MIB - 1, MIB)])
def test_a_range_is_that_part_of_the_object(s3, bucket, first, last):
    body = content(3 * MIB + 17)
    s3.put_object(Bucket=bucket, Key="range", Body=body)

    answer = s3.get_object(Bucket=bucket, Key="range", Range=f"bytes={first}-{last}")

    assert answer["Body"].read() == body[first : last + 1]
    assert answer["ContentRange"] == f"bytes {first}-{last}/{len(body)}"


def test_an_object_of_parts_is_one_after_the_other(s3, bucket):
    parts = [content(5 * MIB, 1), content(6 * MIB, 2), content(100, 3)]

    answer = uploaded(s3, bucket, "parts", parts)

    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert answer["ETag"] == f'"{hashlib.md5(digests).hexdigest()}-3"'
    assert read(s3, bucket, "parts") == b"".join(parts)
    assert read(s3, bucket, "parts", Range=f"bytes={5 * MIB - 2}-{5 * MIB + 1}") == parts[0][-2:] + parts[1][:2]
    assert read(s3, bucket, "parts", PartNumber=2) == parts[1]


def test_an_upload_with_checksums_has_the_checksum_of_its_parts(s3, bucket):
    parts = [content(5 * MIB, 1), content(10, 2)]

    answer = uploaded(s3, bucket, "summed", parts, ChecksumAlgorithm="SHA256")

    digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    assert answer["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"


def test_a_copy_outlives_its_source(s3, bucket):
    body = content(2 * MIB)
    s3.put_object(Bucket=bucket, Key="source", Body=body)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "source"})

    s3.put_object(Bucket=bucket, Key="source", Body=b"other")
    s3.delete_object(Bucket=bucket, Key="source")

    assert read(s3, bucket, "copy") == body


def test_a_part_can_be_a_range_of_another_object(s3, bucket):
    body = content(8 * MIB)
    s3.put_object(Bucket=bucket, Key="whole", Body=body)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="of-copies")["UploadId"]
    parts = []
    for number, (first, last) in enumerate([(MIB, 6 * MIB + 6), (0, 9)], start=1):
        answer = s3.upload_part_copy(
            Bucket=bucket,
            Key="of-copies",
            UploadId=upload,
            PartNumber=number,
            CopySource={"Bucket": bucket, "Key": "whole"},
            CopySourceRange=f"bytes={first}-{last}",
        )
        parts.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})

    s3.complete_multipart_upload(Bucket=bucket, Key="of-copies", UploadId=upload, MultipartUpload={"Parts": parts})

    assert read(s3, bucket, "of-copies") == body[MIB : 6 * MIB + 7] + body[:10]


def test_each_version_keeps_its_bytes(s3, versioned):
    bodies = [content(size, size) for size in (10, 5000, 2 * MIB)]
    ids = [s3.put_object(Bucket=versioned, Key="v", Body=body)["VersionId"] for body in bodies]
    ids.append(uploaded(s3, versioned, "v", [content(5 * MIB), b"end"])["VersionId"])

    found = [read(s3, versioned, "v", VersionId=each) for each in ids]

    assert found == [*bodies, content(5 * MIB) + b"end"]
    s3.delete_object(Bucket=versioned, Key="v", VersionId=ids[-1])
    assert read(s3, versioned, "v") == bodies[-1]


class TestWhatIsRefused:
    def completed(self, s3, bucket, parts, **named):
        upload = s3.create_multipart_upload(Bucket=bucket, Key="refused")["UploadId"]
        sent = []
        for number, part in enumerate(parts, start=1):
            tag = s3.upload_part(Bucket=bucket, Key="refused", UploadId=upload, PartNumber=number, Body=part)["ETag"]
            sent.append({"PartNumber": number, "ETag": tag})
        with pytest.raises(ClientError) as refused:
            s3.complete_multipart_upload(
                Bucket=bucket, Key="refused", UploadId=upload, MultipartUpload={"Parts": named["change"](sent)}
            )
        return refused.value.response["Error"]["Code"]

    def test_a_part_that_is_too_small_and_not_the_last(self, s3, bucket):
        assert self.completed(s3, bucket, [b"small", b"last"], change=lambda sent: sent) == "EntityTooSmall"

    def test_parts_out_of_order(self, s3, bucket):
        parts = [content(5 * MIB), content(5 * MIB)]
        assert self.completed(s3, bucket, parts, change=lambda sent: sent[::-1]) == "InvalidPartOrder"

    def test_a_part_that_was_not_uploaded(self, s3, bucket):
        more = {"PartNumber": 7, "ETag": '"0"'}
        assert self.completed(s3, bucket, [content(5 * MIB)], change=lambda sent: [*sent, more]) == "InvalidPart"

    def test_a_part_with_another_tag(self, s3, bucket):
        def change(sent):
            return [{**sent[0], "ETag": '"d41d8cd98f00b204e9800998ecf8427e"'}]

        assert self.completed(s3, bucket, [b"one"], change=change) == "InvalidPart"

    def test_an_upload_that_is_not_known(self, s3, bucket):
        with pytest.raises(ClientError, match="NoSuchUpload"):
            s3.complete_multipart_upload(
                Bucket=bucket,
                Key="refused",
                UploadId="unknown",
                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": '"0"'}]},
            )

    def test_no_part_at_all(self, s3, bucket):
        assert self.completed(s3, bucket, [b"one"], change=lambda _sent: []) == "MalformedXML"

    def test_a_large_body_with_a_wrong_checksum_or_md5(self, s3, bucket):
        body = content(2 * MIB)
        wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
        with pytest.raises(ClientError, match="BadDigest"):
            s3.put_object(Bucket=bucket, Key="wrong", Body=body, ChecksumCRC32=wrong)
        with pytest.raises(ClientError, match="BadDigest"):
            s3.put_object(
                Bucket=bucket, Key="wrong", Body=body, ContentMD5=base64.b64encode(hashlib.md5(b"").digest()).decode()
            )
        right = base64.b64encode(hashlib.md5(body).digest()).decode()
        s3.put_object(Bucket=bucket, Key="right", Body=body, ContentMD5=right)
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=bucket, Key="wrong")

    def test_a_large_body_that_is_not_the_one_that_was_signed(self, world, bucket):
        signed = content(2 * MIB)
        status, _, answer = sent_signed(world.aws, f"/{bucket}/forged", signed, b"x" * len(signed))

        assert status >= 400
        assert b"XAmzContentSHA256Mismatch" in answer
        with pytest.raises(ClientError, match="404"):
            world.client("s3").head_object(Bucket=bucket, Key="forged")


def sent_signed(aws, path, signed, sent, **more):
    """PUT a body that is signed as another."""
    environment = aws.environment()
    credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    more = {"X-Amz-Content-SHA256": hashlib.sha256(signed).hexdigest(), **more}
    request = AWSRequest("PUT", f"http://127.0.0.1:{aws.port}{path}", data=signed, headers=more)
    SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    headers = {"Host": f"127.0.0.1:{aws.port}", **dict(request.headers.items())}
    return send(aws, "PUT", path, headers, sent)


class TestFramedBodies:
    """``aws-chunked``, as SDKs for Java and the AWS CLI send large bodies."""

    def framed(self, body, size=65536, trailers=b""):
        frames = io.BytesIO()
        for start in range(0, len(body), size):
            frame = body[start : start + size]
            frames.write(b"%x\r\n%s\r\n" % (len(frame), frame))
        frames.write(b"0\r\n%s\r\n" % trailers)
        return frames.getvalue()

    def put(self, world, bucket, key, body, framed, **more):
        headers = {
            "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "Content-Encoding": "aws-chunked,gzip",
            "x-amz-decoded-content-length": str(len(body)),
            **more,
        }
        return sent_signed(world.aws, f"/{bucket}/{key}", framed, framed, **headers)

    def test_the_object_is_what_was_in_the_frames(self, world, s3, bucket):
        body = content(3 * MIB + 5)

        status, _, _ = self.put(world, bucket, "framed", body, self.framed(body))

        assert status == 200
        assert read(s3, bucket, "framed") == body
        assert s3.head_object(Bucket=bucket, Key="framed")["ContentEncoding"] == "gzip"

    def test_the_checksum_behind_the_frames_is_checked(self, world, s3, bucket):
        body = content(2 * MIB)
        right = base64.b64encode(zlib.crc32(body).to_bytes(4, "big"))
        announced = {"x-amz-trailer": "x-amz-checksum-crc32"}

        good = self.framed(body, trailers=b"x-amz-checksum-crc32:" + right + b"\r\n")
        bad = self.framed(body, trailers=b"x-amz-checksum-crc32:AAAAAA==\r\n")
        none = self.framed(body)

        assert self.put(world, bucket, "sum", body, good, **announced)[0] == 200
        assert b"BadDigest" in self.put(world, bucket, "sum", body, bad, **announced)[2]
        assert b"IncompleteBody" in self.put(world, bucket, "sum", body, none, **announced)[2]

    @pytest.mark.parametrize("cut", [10, 70000, MIB + 100])
    def test_frames_that_end_too_soon_are_refused(self, world, bucket, cut):
        body = content(2 * MIB)
        status, _, answer = self.put(world, bucket, "cut", body, self.framed(body)[:-cut])

        assert (status, b"IncompleteBody" in answer) == (400, True)


def test_the_server_does_not_hold_in_memory_what_it_stores(world, s3, bucket):
    before = anonymous_bytes(world.aws.pid)
    config = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB)
    for number in range(4):
        s3.upload_fileobj(io.BytesIO(content(100 * MIB, number)), bucket, f"big/{number}", Config=config)
    s3.put_object(Bucket=bucket, Key="big/one", Body=content(100 * MIB, 5))

    target = hashlib.sha256()
    for chunk in s3.get_object(Bucket=bucket, Key="big/one")["Body"].iter_chunks(MIB):
        target.update(chunk)

    assert target.hexdigest() == hashlib.sha256(content(100 * MIB, 5)).hexdigest()
    assert anonymous_bytes(world.aws.pid) - before < 100 * MIB


def anonymous_bytes(pid):
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


class TestFiles:
    @pytest.fixture
    def files(self, tmp_path):
        return ObjectFiles(FileStore(tmp_path / "objects"))

    def test_a_file_goes_with_the_last_body_that_needs_it(self, files, tmp_path):
        body = files.keep(content(10_000))
        part = body[100:200]
        del body
        gc.collect()
        assert bytes(part) == content(10_000)[100:200]
        del part
        gc.collect()
        assert list((tmp_path / "objects").iterdir()) == []

    def test_what_was_begun_and_given_up_leaves_nothing(self, files, tmp_path):
        writer = files.writer()
        writer.add(b"half")
        writer.close()
        del writer
        gc.collect()
        assert list((tmp_path / "objects").iterdir()) == []

    def test_nobody_else_may_read_them(self, files, tmp_path):
        body = files.keep(content(10_000))
        assert (tmp_path / "objects").stat().st_mode & 0o777 == 0o700
        assert body.path.stat().st_mode & 0o777 == 0o600

    def test_a_file_that_was_cut_is_an_error_and_no_short_body(self, files):
        body = files.keep(content(10_000))
        os.truncate(body.path, 5_000)
        with pytest.raises(OSError, match="shorter"):
            bytes(body)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=50), max_size=6), st.data())
    def test_slices_are_those_of_bytes(self, tmp_path_factory, parts, data):
        files = ObjectFiles(FileStore(tmp_path_factory.mktemp("slices")))
        whole = b"".join(parts)
        body = StoredBody.joined([files.written(part) for part in parts])
        bounds = st.none() | st.integers(-2 * len(whole) - 2, 2 * len(whole) + 2)
        chosen = slice(data.draw(bounds), data.draw(bounds))
        inner = slice(data.draw(bounds), data.draw(bounds))

        assert bytes(body[chosen]) == whole[chosen]
        assert bytes(body[chosen][inner]) == whole[chosen][inner]
        assert len(body[chosen]) == len(whole[chosen])

    def test_it_is_read_in_small_bits(self, files):
        body = files.keep(content(3 * CHUNK_BYTES + 1))
        assert [len(chunk) for chunk in body.chunks()] == [CHUNK_BYTES] * 3 + [1]
