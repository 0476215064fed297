"""The bytes of objects in files: whatever their size and way, they come back as they went, and not by memory."""

import base64
import contextlib
import gc
import hashlib
import io
import os
import re
import socket
import zlib
from pathlib import Path
from urllib.parse import urlsplit

import anycrc
import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_processing.local.aws.s3.stored import CHUNK_BYTES, ObjectFiles, StoredBody
from cdk_processing.local.files import FileStore
from tests.local.wire.test_guard import send
from tests.patience import until

MIB = 1024 * 1024
SIZES = [0, 1, 4096, 4097, MIB - 1, MIB, MIB + 1, 3 * MIB + 17]


def content(size, seed=0):
    return (hashlib.sha256(str(seed).encode()).digest() * (size // 32 + 1))[:size]


@pytest.fixture(scope="module")
def s3(world):
    return world.client("s3")


@pytest.fixture(scope="module")
def s3_once(world):
    """A client that does not retry: S3's errors for wrong checksums are retried with pauses otherwise."""
    environment = world.aws.environment()
    client = boto3.client(
        "s3",
        endpoint_url=world.aws.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )
    yield client
    client.close()


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

    def test_a_large_body_with_a_wrong_checksum_or_md5(self, s3_once, bucket):
        body = content(2 * MIB)
        wrong = base64.b64encode(zlib.crc32(b"other").to_bytes(4, "big")).decode()
        with pytest.raises(ClientError, match="BadDigest"):
            s3_once.put_object(Bucket=bucket, Key="wrong", Body=body, ChecksumCRC32=wrong)
        with pytest.raises(ClientError, match="BadDigest"):
            s3_once.put_object(
                Bucket=bucket, Key="wrong", Body=body, ContentMD5=base64.b64encode(hashlib.md5(b"").digest()).decode()
            )
        right = base64.b64encode(hashlib.md5(body).digest()).decode()
        s3_once.put_object(Bucket=bucket, Key="right", Body=body, ContentMD5=right)
        with pytest.raises(ClientError, match="404"):
            s3_once.head_object(Bucket=bucket, Key="wrong")

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


class TestSignedChunks:
    """``aws-chunked`` with a signature for each chunk, as the SDK for Java sends bodies over HTTP."""

    def put(self, world, bucket, key, body, size=65536, change=lambda framed: framed):
        environment = world.aws.environment()
        secret = environment["AWS_SECRET_ACCESS_KEY"]
        request = AWSRequest("PUT", f"{world.aws.endpoint_url}/{bucket}/{key}", data=b"", headers={})
        request.headers["X-Amz-Content-SHA256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        request.headers["Content-Encoding"] = "aws-chunked"
        request.headers["x-amz-decoded-content-length"] = str(len(body))
        signer = ChunkSigner(Credentials(environment["AWS_ACCESS_KEY_ID"], secret), "s3", "us-east-1")
        signer.add_auth(request)
        headers = {"Host": f"127.0.0.1:{world.aws.port}", **dict(request.headers.items())}
        return send(world.aws, "PUT", f"/{bucket}/{key}", headers, change(signer.framed(request, body, size)))

    @pytest.mark.parametrize("size", [0, 10, 65536, 3 * MIB + 5])
    def test_the_object_is_what_was_in_the_chunks(self, world, s3, bucket, size):
        body = content(size)

        status, _, answer = self.put(world, bucket, "chunks", body)

        assert (status, answer) == (200, b"")
        assert read(s3, bucket, "chunks") == body

    @pytest.mark.parametrize("size", [10, 2 * MIB])
    def test_a_byte_that_was_not_signed_is_refused_and_nothing_is_stored(self, world, s3, bucket, size):
        def changed(framed):
            middle = len(framed) // 2 if size > 10 else framed.index(b"\r\n") + 3
            return framed[:middle] + bytes([framed[middle] ^ 1]) + framed[middle + 1 :]

        status, _, answer = self.put(world, bucket, "changed", content(size), change=changed)

        assert (status, b"SignatureDoesNotMatch" in answer) == (403, True)
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=bucket, Key="changed")

    def test_chunks_that_are_missing_or_in_another_order_are_refused(self, world, bucket):
        body = content(2 * MIB)

        def without_the_last(framed):
            return framed[: framed.rindex(b"0;chunk-signature=")]

        def swapped(framed):
            at = [match.start() for match in re.finditer(rb"10000;chunk-signature=", framed)]
            return framed[: at[0]] + framed[at[1] : at[2]] + framed[at[0] : at[1]] + framed[at[2] :]

        for change in (without_the_last, swapped):
            status, _, answer = self.put(world, bucket, "order", body, change=change)
            assert (status, b"SignatureDoesNotMatch" in answer) == (403, True)

    def test_the_server_does_not_hold_them_in_memory(self, world, bucket):
        before = anonymous_bytes(world.aws.pid)

        assert self.put(world, bucket, "large", content(150 * MIB), size=MIB)[0] == 200

        assert anonymous_bytes(world.aws.pid) - before < 60 * MIB


class ChunkSigner(SigV4Auth):
    """Signs the headers of a request, and then each chunk of its body."""

    def payload(self, request):
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

    def framed(self, request, body, size):
        previous, frames = request.headers["Authorization"].rpartition("Signature=")[2], io.BytesIO()
        for start in [*range(0, len(body), size), len(body)]:
            chunk = body[start : start + size]
            empty, digest = hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest()
            scope = self.credential_scope(request)
            text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], scope, previous, empty, digest])
            previous = self.signature(text, request)
            frames.write(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), previous.encode(), chunk))
        return frames.getvalue()


class TestChecksums:
    @pytest.mark.parametrize("size", [0, 9, 2 * MIB])
    @pytest.mark.parametrize("name", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
    def test_each_checksum_is_checked_and_told(self, s3_once, bucket, name, size):
        body = b"123456789" if size == 9 else content(size)
        computed = {
            "CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"),
            "CRC32C": lambda: anycrc.Model("CRC32C").calc(body).to_bytes(4, "big"),
            "CRC64NVME": lambda: anycrc.Model("CRC64-NVME").calc(body).to_bytes(8, "big"),
            "SHA1": lambda: hashlib.sha1(body).digest(),
            "SHA256": lambda: hashlib.sha256(body).digest(),
        }[name]()
        right = base64.b64encode(computed).decode()
        wrong = base64.b64encode(bytes([computed[0] ^ 1]) + computed[1:]).decode()

        s3_once.put_object(Bucket=bucket, Key="sum", Body=body, **{f"Checksum{name}": right})

        assert s3_once.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")[f"Checksum{name}"] == right
        with pytest.raises(ClientError, match="BadDigest"):
            s3_once.put_object(Bucket=bucket, Key="sum", Body=body, **{f"Checksum{name}": wrong})

    @pytest.mark.parametrize(("name", "check"), [("CRC32C", "e3069283"), ("CRC64NVME", "ae8b14860a799888")])
    def test_a_checksum_is_that_of_the_catalogue(self, s3, bucket, name, check):
        value = base64.b64encode(bytes.fromhex(check)).decode()

        s3.put_object(Bucket=bucket, Key="check", Body=b"123456789", **{f"Checksum{name}": value})

        assert s3.head_object(Bucket=bucket, Key="check", ChecksumMode="ENABLED")[f"Checksum{name}"] == value


class TestWhatIsGivenUp:
    """Files go when nothing needs them any more. The server's folder of objects is on this machine."""

    @pytest.fixture
    def space(self, world):
        """How many bytes the files of objects take that were not there before."""
        folder = world.aws._work_dir / "objects"
        there = {file.name for file in folder.iterdir()}

        def taken():
            sizes = []
            for file in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # it went in between
                    sizes.append(0 if file.name in there else file.stat().st_size)
            return sum(sizes)

        return taken

    @pytest.mark.parametrize("sent", [100, 3 * MIB])
    def test_an_upload_that_breaks_off_leaves_nothing(self, world, s3, bucket, space, sent):
        before = space()
        url = urlsplit(s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "broken"}))
        with socket.create_connection(("127.0.0.1", world.aws.port)) as connection:
            head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {8 * MIB}\r\n\r\n"
            connection.sendall(head.encode() + content(sent))

        until(lambda: space() == before)
        with pytest.raises(ClientError, match="404"):
            s3.head_object(Bucket=bucket, Key="broken")

    def test_an_upload_in_parts_that_is_aborted_leaves_nothing(self, s3, bucket, space):
        before = space()
        upload = s3.create_multipart_upload(Bucket=bucket, Key="aborted")["UploadId"]
        s3.upload_part(Bucket=bucket, Key="aborted", UploadId=upload, PartNumber=1, Body=content(5 * MIB))
        assert space() == before + 5 * MIB

        s3.abort_multipart_upload(Bucket=bucket, Key="aborted", UploadId=upload)

        until(lambda: space() == before)

    def test_a_part_that_is_sent_again_and_one_that_is_not_named_leave_nothing(self, s3, bucket, space):
        before = space()
        upload = s3.create_multipart_upload(Bucket=bucket, Key="again")["UploadId"]
        for number, letter in ((1, 1), (1, 2), (2, 3), (3, 4)):
            answer = s3.upload_part(
                Bucket=bucket, Key="again", UploadId=upload, PartNumber=number, Body=content(5 * MIB, letter)
            )
            if number == 1:
                tag = answer["ETag"]
        s3.complete_multipart_upload(
            Bucket=bucket, Key="again", UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}
        )

        until(lambda: space() == before + 5 * MIB)
        s3.delete_object(Bucket=bucket, Key="again")
        until(lambda: space() == before)

    def test_what_is_replaced_or_refused_leaves_nothing(self, s3_once, bucket, space):
        before = space()
        for letter in (1, 2):
            s3_once.put_object(Bucket=bucket, Key="replaced", Body=content(2 * MIB, letter))
        with pytest.raises(ClientError, match="BadDigest"):
            s3_once.put_object(Bucket=bucket, Key="refused", Body=content(2 * MIB), ChecksumCRC32="AAAAAA==")
        until(lambda: space() == before + 2 * MIB)

        s3_once.delete_object(Bucket=bucket, Key="replaced")

        until(lambda: space() == before)


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
