"""Runs in the environment of SDK 3's core: processors run jobs as in a notebook. Prints what they saw, as JSON."""

import contextlib
import io
import json
import sys
from pathlib import Path

role, bucket, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
output = sys.stdout
sys.stdout = sys.stderr


def main():
    import boto3
    from sagemaker.core.helper.session_helper import Session
    from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
    from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

    session = Session(default_bucket=bucket)
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
    options = {
        "role": role,
        "image_uri": image,
        "command": ["python3"],
        "instance_type": "ml.m5.large",
        "instance_count": 1,
        "sagemaker_session": session,
    }
    given = ProcessingS3Input(
        s3_uri=str(folder / "data.csv"),
        local_path="/opt/ml/processing/input/data",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    inputs = [ProcessingInput(input_name="data", s3_input=given)]
    s3 = boto3.client("s3")
    seen = {}

    def run(name, processor, **arguments):
        uri = f"s3://{bucket}/{name}"
        written = ProcessingS3Output(s3_uri=uri, local_path="/opt/ml/processing/out", s3_upload_mode="EndOfJob")
        outputs = [ProcessingOutput(output_name="out", s3_output=written)]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            processor.run(**arguments, inputs=inputs, outputs=outputs, wait=True, logs=True)
        seen[name] = {
            "logs": said.getvalue(),
            "output": s3.get_object(Bucket=bucket, Key=f"{name}/out.txt")["Body"].read().decode(),
        }

    run("script", ScriptProcessor(**options), code=str(folder / "prep.py"), arguments=["--word", "c"])
    run("framework", FrameworkProcessor(**options), code="prep.py", source_dir=str(folder / "src"))
    return seen


print(json.dumps(main()), file=output)
