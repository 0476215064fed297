"""Runs in the SDK's environment: reads calls as JSON lines, answers what the SDK sends for each.

Nothing here reaches a network: clients are stubs, and a connection is refused where one is tried all the same.
"""

import base64
import io
import json
import os
import socket
import sys
import tarfile
import zipfile
from pathlib import Path

__all__ = ["JOB_NAME", "content_of", "decoded"]

JOB_NAME = "my-job"
REGION = "us-west-2"
BUCKET = "default-bucket"


def decoded(value, classes, **given):
    """Make what a call's data describes: ``{"$new": name, "args": [...], "kwargs": {...}}`` is an object of a class.

    ``given`` are further arguments of the outermost object.
    """
    if isinstance(value, list):
        return [decoded(item, classes) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$class"}:
        return classes[value["$class"]]
    if value.keys() == {"$path"}:
        return str(Path(value["$path"]).absolute())
    if value.keys() == {"$new", "args", "kwargs"}:
        positional = decoded(value["args"], classes)
        return classes[value["$new"]](*positional, **decoded(value["kwargs"], classes), **given)
    return {key: decoded(item, classes) for key, item in value.items()}


def content_of(data, name):
    """What is in a file, as text that can be compared: an archive as its files."""
    if name.endswith("/packages.zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return {member: base64.b64encode(packed.read(member)).decode() for member in packed.namelist()}
    if not name.endswith(("/sourcedir.tar.gz", "/cdk-processing-folder.tar.gz")):
        return base64.b64encode(data).decode()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {
            str(Path(member.name)): base64.b64encode(archive.extractfile(member).read()).decode()
            for member in archive
            if member.isfile()
        }


class Client:
    """Takes CreateProcessingJob as the real client would: its own checks of the parameters come first."""

    def __init__(self, shape):
        self._shape = shape
        self.requests = []

    def create_processing_job(self, **request):
        from botocore.exceptions import ParamValidationError
        from botocore.validate import ParamValidator

        report = ParamValidator().validate(request, self._shape)
        if report.has_errors():
            raise ParamValidationError(report=report.generate_report())
        self.requests.append(request)

    def describe_processing_job(self, **_):
        return {"ProcessingJobStatus": "Completed"}


class Bucket:
    """An S3 resource that keeps what is uploaded."""

    def __init__(self, uploads):
        self._uploads = uploads

    def Object(self, bucket_name, key):
        return Object(self._uploads, f"s3://{bucket_name}/{key}")

    def Role(self, name):
        return type("Role", (), {"arn": f"arn:aws:iam::111122223333:role/{name}"})


class Object:
    def __init__(self, uploads, uri):
        self._uploads = uploads
        self._uri = uri

    def upload_file(self, path, **_):
        self._uploads[self._uri] = content_of(Path(path).read_bytes(), self._uri)

    def put(self, Body, **_):  # noqa: N803
        data = Body.read() if hasattr(Body, "read") else Body
        self._uploads[self._uri] = content_of(data.encode() if isinstance(data, str) else data, self._uri)


class BotoSession:
    """As much of a boto3 session as the SDK asks for."""

    region_name = REGION

    def __init__(self):
        self.uploads = {}

    def client(self, name, **_):
        return object()

    def resource(self, name, **_):
        return Bucket(self.uploads)


def sdk_classes():
    from sagemaker import processing
    from sagemaker.dataset_definition import inputs
    from sagemaker.huggingface import HuggingFace, HuggingFaceProcessor
    from sagemaker.mxnet import MXNet, MXNetProcessor
    from sagemaker.network import NetworkConfig
    from sagemaker.pytorch import PyTorch, PyTorchProcessor
    from sagemaker.sklearn.estimator import SKLearn
    from sagemaker.sklearn.processing import SKLearnProcessor
    from sagemaker.spark.processing import PySparkProcessor, SparkJarProcessor
    from sagemaker.tensorflow import TensorFlow, TensorFlowProcessor
    from sagemaker.xgboost import XGBoost, XGBoostProcessor

    found = [
        *(processing.Processor, processing.ScriptProcessor, processing.FrameworkProcessor, SKLearnProcessor),
        *(processing.ProcessingInput, processing.ProcessingOutput, processing.FeatureStoreOutput, NetworkConfig),
        *(inputs.S3Input, inputs.DatasetDefinition, inputs.AthenaDatasetDefinition, inputs.RedshiftDatasetDefinition),
        *(PySparkProcessor, SparkJarProcessor, XGBoostProcessor, PyTorchProcessor, TensorFlowProcessor),
        *(MXNetProcessor, HuggingFaceProcessor, SKLearn, XGBoost, PyTorch, TensorFlow, MXNet, HuggingFace),
    ]
    return {each.__name__: each for each in found}


def session_of(shape):
    from sagemaker import Session

    # A configuration keeps the machine's own out. It is taken away again as the SDK checks it each time it looks into
    # it, which takes seconds for each call.
    session = Session(BotoSession(), sagemaker_client=Client(shape), sagemaker_config={"SchemaVersion": "1.0"})
    session.sagemaker_config = {}
    session._default_bucket = BUCKET
    return session


def answered(call, classes, session):
    """What the SDK sends and uploads for a call, or why it refuses it."""
    os.chdir(call["folder"])
    session.sagemaker_client.requests.clear()
    session.boto_session.uploads.clear()
    try:
        processor = decoded(call["processor"], classes, sagemaker_session=session)
        run = {"job_name": JOB_NAME, "wait": False, "logs": False, **decoded(call["run"], classes)}
        processor.run(*decoded(call["run_args"], classes), **run)
    except Exception as error:  # whatever it is, it is the SDK's answer
        return {"error": f"{type(error).__name__}: {error}"}
    [request] = session.sagemaker_client.requests
    return {"request": request, "uploads": session.boto_session.uploads}


def main():
    def refuse(*_):
        raise ConnectionRefusedError("the SDK is compared without a network")

    socket.socket.connect = refuse
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the SDK prints is no answer
    import botocore.loaders
    import botocore.model

    classes = sdk_classes()
    model = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    shape = botocore.model.ServiceModel(model).operation_model("CreateProcessingJob").input_shape
    session = session_of(shape)
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line), classes, session)), file=out, flush=True)


if __name__ == "__main__":
    main()
