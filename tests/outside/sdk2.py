"""Runs in the environment of SDK 2: processors run jobs as in a notebook. Prints what they saw, as JSON."""

import contextlib
import io
import json
import sys
import threading
import time
from pathlib import Path

role, bucket, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
output = sys.stdout
sys.stdout = sys.stderr


def main():
    import sagemaker
    from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput, ScriptProcessor
    from sagemaker.sklearn.estimator import SKLearn
    from sagemaker.sklearn.processing import SKLearnProcessor
    from sagemaker.spark.processing import PySparkProcessor

    session = sagemaker.Session(default_bucket=bucket)
    options = {"role": role, "instance_type": "ml.m5.large", "instance_count": 1, "sagemaker_session": session}
    code, data = str(folder / "prep.py"), str(folder / "data.csv")
    inputs = [ProcessingInput(source=data, destination="/opt/ml/processing/input/data")]
    outputs = [ProcessingOutput(output_name="out", source="/opt/ml/processing/out")]
    seen = {}

    def run(name, processor, **arguments):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            processor.run(**arguments, wait=True, logs=True)
        described = processor.latest_job.describe()
        (written,) = described["ProcessingOutputConfig"]["Outputs"]
        uri = written["S3Output"]["S3Uri"]
        key = uri.partition(f"{bucket}/")[2] + "/out.txt"
        seen[name] = {
            "status": described["ProcessingJobStatus"],
            "logs": said.getvalue(),
            "output": session.read_s3_file(bucket, key),
        }

    sklearn = SKLearnProcessor(framework_version="1.4-2", **options)
    run("sklearn", sklearn, code=code, inputs=inputs, outputs=outputs, arguments=["--word", "a"])
    image = sklearn.image_uri
    script = ScriptProcessor(image_uri=image, command=["python3"], **options)
    run("script", script, code=code, inputs=inputs, outputs=outputs, arguments=["--word", "b"])
    framework = FrameworkProcessor(estimator_cls=SKLearn, framework_version="1.4-2", **options)
    run("framework", framework, code="prep.py", source_dir=str(folder / "src"), inputs=inputs, outputs=outputs)
    spark = PySparkProcessor(framework_version="3.5", **{**options, "instance_type": "ml.m5.xlarge"})
    run("spark", spark, submit_app=str(folder / "spark.py"), outputs=outputs)

    stopped = ScriptProcessor(image_uri=image, command=["python3"], **options)
    stopped.run(code=str(folder / "sleep.py"), wait=False)
    job = stopped.latest_job
    threading.Timer(1, job.stop).start()
    while job.describe()["ProcessingJobStatus"] in ("InProgress", "Stopping"):
        time.sleep(0.5)
    seen["stopped"] = {"status": job.describe()["ProcessingJobStatus"]}
    return seen


print(json.dumps(main()), file=output)
