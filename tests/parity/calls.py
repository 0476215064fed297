"""The calls that are compared, as data: the same data drives the SDK and this library."""

from dataclasses import dataclass, field
from typing import Any

__all__ = ["CALLS", "Call", "code_of", "new"]

ROLE = "arn:aws:iam::111122223333:role/R"
KEY = "arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
HOSTS = {"instance_count": 1, "instance_type": "ml.m5.xlarge"}
INPUT = "/opt/ml/processing/input"
S3_CODE = "s3://code-bucket/a/p.py"


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        name: What is special about it.
        processor: How the processor is made.
        run: Keyword arguments of ``run``.
        run_args: Positional arguments of ``run``.
        files: What lies in the folder that the call is made from.
        recorded: The case of tests/data/sdk_requests.json that this is, if it is one.
    """

    name: str
    processor: dict[str, Any]
    run: dict[str, Any] = field(default_factory=dict)
    run_args: tuple[Any, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    recorded: str = ""

    def __str__(self) -> str:
        run = [code_of(value) for value in self.run_args] + [f"{key}={code_of(it)}" for key, it in self.run.items()]
        return f"{code_of(self.processor)}.run({', '.join(run)})"


def new(kind: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """An object of a class that the SDK and this library both have."""
    return {"$new": kind, "args": list(args), "kwargs": kwargs}


def code_of(value: Any) -> str:
    """The Python that a call's data stands for, to paste."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(code_of(item) for item in value)}]"
    if not isinstance(value, dict):
        return repr(value)
    if value.keys() == {"$new", "args", "kwargs"}:
        given = [code_of(item) for item in value["args"]]
        given += [f"{key}={code_of(item)}" for key, item in value["kwargs"].items()]
        return f"{value['$new']}({', '.join(given)})"
    if len(value) == 1 and next(iter(value)) in ("$class", "$path"):
        return next(iter(value.values()))
    return f"{{{', '.join(f'{key!r}: {code_of(item)}' for key, item in value.items())}}}"


# -- the parts that calls are made of ---------------------------------------------------------------------------------


def _processor(**given: Any) -> dict[str, Any]:
    return new("Processor", **{"role": ROLE, "image_uri": "img:tag", **HOSTS, **given})


def _script(**given: Any) -> dict[str, Any]:
    return new("ScriptProcessor", **{"role": ROLE, "image_uri": "img:tag", "command": ["python3"], **HOSTS, **given})


def _sklearn(**given: Any) -> dict[str, Any]:
    return new("SKLearnProcessor", **{"framework_version": "1.2-1", "role": ROLE, **HOSTS, **given})


def _framework(estimator: str = "SKLearn", **given: Any) -> dict[str, Any]:
    base = {"framework_version": "1.2-1", "role": ROLE, **HOSTS}
    return new("FrameworkProcessor", {"$class": estimator}, **{**base, **given})


def _pyspark(**given: Any) -> dict[str, Any]:
    base = {"role": ROLE, **HOSTS, "framework_version": "3.5", "py_version": "py39", "container_version": "1"}
    return new("PySparkProcessor", **{**base, **given})


def _spark_jar(**given: Any) -> dict[str, Any]:
    return new("SparkJarProcessor", **{"role": ROLE, **HOSTS, "framework_version": "3.3", **given})


def _input(**given: Any) -> dict[str, Any]:
    return new("ProcessingInput", **{"source": "s3://raw-data/in/", "destination": INPUT, **given})


def _output(**given: Any) -> dict[str, Any]:
    return new(
        "ProcessingOutput", **{"source": "/opt/ml/processing/train", "destination": "s3://curated/out/", **given}
    )


def _network(*args: Any, **given: Any) -> dict[str, Any]:
    return new("NetworkConfig", *args, **given)


# -- the calls --------------------------------------------------------------------------------------------------------

_RECORDED = [
    Call("an image alone", _processor(), recorded="processor_min"),
    Call(
        "a local script",
        _script(command=["python3", "-v"]),
        {"code": "p.py", "arguments": ["x"]},
        files={"p.py": "print()"},
        recorded="script_local",
    ),
    Call("a script in S3", _script(), {"code": "s3://c/a/p.py"}, recorded="script_s3"),
    Call("scikit-learn", _sklearn(), {"code": "s3://c/a/p.py"}, recorded="sklearn"),
    Call("PySpark", _pyspark(), {"submit_app": "s3://c/app.py"}, recorded="pyspark_min"),
    Call(
        "a Spark jar",
        _spark_jar(),
        {"submit_app": "s3://c/app.jar", "submit_class": "com.x.Main", "submit_jars": ["s3://d/a.jar"]},
        recorded="sparkjar",
    ),
    Call(
        "a source folder",
        _framework(),
        {"code": "main.py", "source_dir": "src"},
        files={"src/main.py": "print()", "src/requirements.txt": "numpy"},
        recorded="framework",
    ),
]

_PROCESSORS = [
    Call("an entrypoint", _processor(entrypoint=["python3", "-m", "prep"])),
    Call("an entrypoint of one word, with arguments", _processor(entrypoint=["run"]), {"arguments": ["--a", "1", ""]}),
    Call("an image of ECR", _processor(image_uri="111122223333.dkr.ecr.us-west-2.amazonaws.com/prep:1")),
    Call("an image by digest", _processor(image_uri="public.ecr.aws/x/prep@sha256:" + "0" * 64)),
    Call("several hosts", _processor(instance_count=3, instance_type="ml.c5.2xlarge")),
    Call("storage", _processor(volume_size_in_gb=100)),
    Call("a key for storage", _processor(volume_kms_key=KEY)),
    Call("a key for storage by id", _processor(volume_kms_key=KEY.rpartition("/")[2])),
    Call("a key for outputs", _processor(output_kms_key=KEY), {"outputs": [_output()]}),
    Call("a key for outputs, and none", _processor(output_kms_key=KEY)),
    Call("a key for outputs by alias", _processor(output_kms_key="alias/results"), {"outputs": [_output()]}),
    Call("a time limit", _processor(max_runtime_in_seconds=3600)),
    Call("a base name", _processor(base_job_name="census-prep")),
    Call("environment variables", _processor(env={"MODE": "fast", "EMPTY": ""})),
    Call("an empty environment", _processor(env={})),
    Call("tags", _processor(tags=[{"Key": "team", "Value": "data"}, {"Key": "cost", "Value": ""}])),
    Call("tags as a dict", _processor(tags={"team": "data", "cost": "7"})),
    Call("no tags in a list", _processor(tags=[])),
    Call("a role by its name", _processor(role="R")),
    Call("a role with a path", _processor(role="arn:aws:iam::111122223333:role/service-role/R")),
    Call("isolated", _processor(network_config=_network(enable_network_isolation=True))),
    Call("not isolated", _processor(network_config=_network(enable_network_isolation=False))),
    Call("network options of which none is given", _processor(network_config=_network())),
    Call("encrypted traffic", _processor(network_config=_network(encrypt_inter_container_traffic=True))),
    Call("traffic in the clear", _processor(network_config=_network(encrypt_inter_container_traffic=False))),
    Call(
        "isolated, with traffic in the clear",
        _processor(network_config=_network(enable_network_isolation=True, encrypt_inter_container_traffic=False)),
    ),
    Call("a VPC", _processor(network_config=_network(security_group_ids=["sg-1"], subnets=["subnet-1", "subnet-2"]))),
    Call("network options by position", _processor(network_config=_network(True, ["sg-1"], ["subnet-1"], True))),
    Call("nearly every argument by position", new(
        "Processor", ROLE, "img:tag", 2, "ml.m5.large", ["run"], 50, KEY, KEY, 600, "base", env={"A": "1"},
        tags=[{"Key": "k", "Value": "v"}], network_config=_network(True),
    ), run_args=([_input()], [_output()], ["x"])),
    Call("an instance type with a number", _processor(instance_type="ml.g4dn.12xlarge")),
]  # fmt: skip

_SCRIPTS = [
    Call("a command of several words", _script(command=["python3", "-u", "-X", "dev"]), {"code": S3_CODE}),
    Call("another language", _script(command=["Rscript"]), {"code": "s3://code-bucket/a/p.R"}),
    Call("a script by its absolute path", _script(), {"code": {"$path": "p.py"}}, files={"p.py": "print(1)"}),
    Call("a script as a file URI", _script(), {"code": "file://p.py"}, files={"p.py": "print(1)"}),
    Call("a script in a folder", _script(), {"code": "jobs/p.py"}, files={"jobs/p.py": "print(1)"}),
    Call("a script without an extension", _script(), {"code": "run"}, files={"run": "print(1)"}),
    Call("a script with two extensions", _script(), {"code": "p.tar.py"}, files={"p.tar.py": "print(1)"}),
    Call("a script with a space in its name", _script(), {"code": "my script.py"}, files={"my script.py": "print(1)"}),
    Call("a script with a plus in its S3 key", _script(), {"code": "s3://code-bucket/a+b/p+1.py"}),
    Call("a script with URL characters in its S3 key", _script(), {"code": "s3://code-bucket/a/p?x#y.py"}),
    Call("a script with URL characters in its name", _script(), {"code": "p#1.py"}, files={"p#1.py": "print(1)"}),
    Call(
        "a local script beside inputs and outputs",
        _script(),
        {"code": "p.py", "inputs": [_input()], "outputs": [_output()], "arguments": ["--a", "b"]},
        files={"p.py": "print(1)"},
    ),
    Call("scikit-learn with a command", _sklearn(command=["python3", "-v"]), {"code": S3_CODE}),
    *(
        Call(f"scikit-learn {version}", _sklearn(framework_version=version), {"code": S3_CODE})
        for version in ("0.20.0", "0.23-1", "1.0-1", "1.4-2", "1.4-2-py312", "1.9-0")
    ),
    Call("scikit-learn on a GPU host", _sklearn(instance_type="ml.g4dn.xlarge"), {"code": S3_CODE}),
    Call("scikit-learn with everything", _sklearn(
        instance_count=2, volume_size_in_gb=50, volume_kms_key=KEY, output_kms_key=KEY,
        max_runtime_in_seconds=1200, base_job_name="prep", env={"A": "1"},
        tags=[{"Key": "k", "Value": "v"}], network_config=_network(True, encrypt_inter_container_traffic=True),
    ), {"code": S3_CODE, "inputs": [_input()], "outputs": [_output()], "arguments": ["x"]}),
    Call("scikit-learn by position", new("SKLearnProcessor", "1.2-1", ROLE, 1, "ml.m5.xlarge", ["python3", "-v"], 50),
         run_args=(S3_CODE, [_input()], [_output()], ["x"])),
    Call("an experiment", _sklearn(), {"code": S3_CODE, "experiment_config": {
        "ExperimentName": "e", "TrialName": "t", "TrialComponentDisplayName": "d", "RunName": "r"}}),
    Call("part of an experiment", _sklearn(), {"code": S3_CODE, "experiment_config": {"ExperimentName": "e"}}),
    Call("an empty experiment", _sklearn(), {"code": S3_CODE, "experiment_config": {}}),
    Call("arguments that look like expressions", _sklearn(),
         {"code": S3_CODE, "arguments": ["{% $x %}", "it's", "${A}", "a\\b", 'say "x"', "ü€", "{%", "%}", "a\tb"]}),
    Call("environment variables that look like expressions", _sklearn(env={"A": "{% 1 %}", "B": "{{x}}"}),
         {"code": S3_CODE}),
]  # fmt: skip

_CHANNELS = [
    Call("an input without a name", _processor(), {"inputs": [_input()]}),
    Call("an input with a name", _processor(), {"inputs": [_input(input_name="raw")]}),
    Call("inputs with and without names", _processor(), {"inputs": [
        _input(input_name="raw"), _input(destination=f"{INPUT}/2"), _input(destination=f"{INPUT}/3")]}),
    Call("a bucket's root", _processor(), {"inputs": [_input(source="s3://raw-data")]}),
    Call("a bucket's root with a slash", _processor(), {"inputs": [_input(source="s3://raw-data/")]}),
    Call("one object", _processor(), {"inputs": [_input(source="s3://raw-data/in/1.csv")]}),
    Call("a destination with a slash", _processor(), {"inputs": [_input(destination=f"{INPUT}/")]}),
    Call("a manifest", _processor(), {"inputs": [
        _input(source="s3://raw-data/m.manifest", s3_data_type="ManifestFile")]}),
    Call("a folder as a manifest", _processor(), {"inputs": [_input(source="data", s3_data_type="ManifestFile")]},
         files={"data/1.csv": "a", "data/2.csv": "b"}),
    Call("a pipe", _processor(), {"inputs": [_input(s3_input_mode="Pipe")]}),
    Call("a gzipped pipe", _processor(), {"inputs": [_input(s3_input_mode="Pipe", s3_compression_type="Gzip")]}),
    Call("gzipped files", _processor(), {"inputs": [_input(s3_compression_type="Gzip")]}),
    Call("a sharded input", _processor(instance_count=2), {"inputs": [
        _input(s3_data_distribution_type="ShardedByS3Key")]}),
    Call("an input by position", _processor(), {"inputs": [
        new("ProcessingInput", "s3://raw-data/in/", INPUT, "raw", "S3Prefix", "File", "ShardedByS3Key")]}),
    Call("a local file as input", _processor(), {"inputs": [_input(source="data/1.csv")]}, files={"data/1.csv": "a"}),
    Call("a local folder as input", _processor(), {"inputs": [_input(source="data")]},
         files={"data/1.csv": "a", "data/sub/2.csv": "b"}),
    Call("a local folder as input of a script", _script(), {"code": "p.py", "inputs": [_input(source="data")]},
         files={"p.py": "print(1)", "data/1.csv": "a", "data/sub/2.csv": "b"}),
    Call("a local file with a name", _processor(), {"inputs": [_input(source="1.csv", input_name="raw")]},
         files={"1.csv": "a"}),
    Call("a file URI as input", _processor(), {"inputs": [_input(source="file://1.csv")]}, files={"1.csv": "a"}),
    Call("an app-managed input", _processor(), {"inputs": [_input(app_managed=True)]}),
    Call("an S3Input", _processor(), {"inputs": [new("ProcessingInput", input_name="raw", s3_input=new(
        "S3Input", s3_uri="s3://raw-data/in/", local_path=INPUT, s3_data_type="S3Prefix", s3_input_mode="File",
        s3_data_distribution_type="ShardedByS3Key", s3_compression_type="None"))]}),
    Call("an S3Input with defaults", _processor(), {"inputs": [new("ProcessingInput", s3_input=new(
        "S3Input", s3_uri="s3://raw-data/in/", local_path=INPUT))]}),
    Call("an output without a name", _processor(), {"outputs": [_output()]}),
    Call("an output with a name", _processor(), {"outputs": [_output(output_name="train")]}),
    Call("outputs with and without names", _processor(), {"outputs": [
        _output(output_name="train"), _output(source="/opt/ml/processing/test")]}),
    Call("a continuous upload", _processor(), {"outputs": [_output(s3_upload_mode="Continuous")]}),
    Call("an app-managed output", _processor(), {"outputs": [_output(app_managed=True)]}),
    Call("an output by position", _processor(), {"outputs": [
        new("ProcessingOutput", "/opt/ml/processing/train", "s3://curated/out/", "train", "Continuous")]}),
    Call("an output to a bucket's root", _processor(), {"outputs": [_output(destination="s3://curated")]}),
    Call("an output without a destination", _processor(), {"outputs": [
        new("ProcessingOutput", source="/opt/ml/processing/train", output_name="train")]}),
    Call("several inputs and outputs", _processor(), {
        "inputs": [_input(destination=f"{INPUT}/{n}") for n in range(10)],
        "outputs": [_output(source=f"/opt/ml/processing/out/{n}") for n in range(10)]}),
    Call("empty lists", _processor(), {"inputs": [], "outputs": [], "arguments": None}),
    Call("a feature group", _processor(), {"outputs": [_output(
        app_managed=True, output_name="f",
        feature_store_output=new("FeatureStoreOutput", feature_group_name="customers"))]}),
    Call("a feature group alone", _processor(), {"outputs": [new(
        "ProcessingOutput", output_name="f", app_managed=True,
        feature_store_output=new("FeatureStoreOutput", feature_group_name="customers"))]}),
    Call("a query of Athena", _processor(), {"inputs": [new(
        "ProcessingInput", input_name="q", app_managed=True,
        dataset_definition=new("DatasetDefinition", local_path=f"{INPUT}/q", data_distribution_type="FullyReplicated",
            input_mode="File", athena_dataset_definition=new(
                "AthenaDatasetDefinition", catalog="AwsDataCatalog", database="db", query_string="SELECT 1",
                output_s3_uri="s3://queries/out/", work_group="primary", output_format="PARQUET",
                output_compression="SNAPPY", kms_key_id=KEY)))]}),
    Call("a query of Athena with defaults", _processor(), {"inputs": [new(
        "ProcessingInput", dataset_definition=new("DatasetDefinition", local_path=f"{INPUT}/q",
            athena_dataset_definition=new(
                "AthenaDatasetDefinition", catalog="AwsDataCatalog", database="db", query_string="SELECT 1",
                output_s3_uri="s3://queries/out/", output_format="TEXTFILE")))]}),
    Call("a query of Redshift", _processor(), {"inputs": [new(
        "ProcessingInput", input_name="q", app_managed=True,
        dataset_definition=new("DatasetDefinition", local_path=f"{INPUT}/q",
            redshift_dataset_definition=new(
                "RedshiftDatasetDefinition", cluster_id="c", database="db", db_user="u", query_string="SELECT 1",
                cluster_role_arn="arn:aws:iam::111122223333:role/Redshift", output_s3_uri="s3://queries/out/",
                output_format="CSV", output_compression="GZIP", kms_key_id=KEY)))]}),
]  # fmt: skip

_SOURCE = {
    "src/main.py": "import helper",
    "src/helper.py": "",
    "src/sub/data.json": "{}",
}
_FRAMEWORKS = [
    Call("a source folder without requirements", _framework(), {"code": "main.py", "source_dir": "src"}, files=_SOURCE),
    Call("a source folder, its script below", _framework(), {"code": "sub/main.py", "source_dir": "src"},
         files={"src/sub/main.py": "print()"}),
    Call("a script with a space in a source folder", _framework(), {"code": "my main.py", "source_dir": "src"},
         files={"src/my main.py": "print()"}),
    Call("a source folder with a slash", _framework(), {"code": "main.py", "source_dir": "src/"}, files=_SOURCE),
    Call("a framework's script without a source folder", _framework(), {"code": "p.py"}, files={"p.py": "print()"}),
    Call("a framework's script in a folder", _framework(), {"code": "jobs/p.py"},
         files={"jobs/p.py": "print()", "jobs/other.py": ""}),
    Call("dependencies", _framework(), {"code": "main.py", "source_dir": "src", "dependencies": ["lib", "extra.py"]},
         files={**_SOURCE, "lib/a.py": "", "lib/sub/b.py": "", "extra.py": "x = 1"}),
    Call("dependencies without a source folder", _framework(), {"code": "p.py", "dependencies": ["lib"]},
         files={"p.py": "print()", "lib/a.py": ""}),
    Call("a framework's Python script in S3", _framework(), {"code": "s3://code-bucket/a/prep.py"}),
    Call("packages for Spark", _pyspark(), {"submit_app": "s3://c/app.py", "submit_py_files": ["lib", "a.py"]},
         files={"lib/deep/b.py": "b = 1", "lib/c.py": "c = 1", "a.py": "a = 1"}),
    Call("a framework's script in S3", _framework(), {"code": "s3://code-bucket/a/run.sh"}),
    Call("a source archive in S3", _framework(),
         {"code": "main.py", "source_dir": "s3://code-bucket/a/sourcedir.tar.gz"}),
    Call("a framework's command", _framework(command=["python", "-u"]), {"code": "main.py", "source_dir": "src"},
         files=_SOURCE),
    Call("a framework's channels", _framework(), {
        "code": "main.py", "source_dir": "src", "inputs": [_input()], "outputs": [_output()], "arguments": ["x"]},
        files=_SOURCE),
    Call("a framework's code location", _framework(code_location="s3://code-bucket/loc/"),
         {"code": "main.py", "source_dir": "src"}, files=_SOURCE),
    Call("a framework's own image", _framework(image_uri="img:tag"), {"code": "main.py", "source_dir": "src"},
         files=_SOURCE),
    Call("CodeArtifact", _framework(), {
        "code": "main.py", "source_dir": "src",
        "codeartifact_repo_arn": "arn:aws:codeartifact:us-west-2:111122223333:repository/dom/repo"},
        files={**_SOURCE, "src/requirements.txt": "numpy"}),
    Call("a framework with everything", _framework(
        instance_count=2, volume_size_in_gb=50, volume_kms_key=KEY, output_kms_key=KEY,
        max_runtime_in_seconds=1200, base_job_name="prep", env={"A": "1"},
        tags=[{"Key": "k", "Value": "v"}], network_config=_network(False, ["sg-1"], ["subnet-1"], True),
    ), {"code": "main.py", "source_dir": "src"}, files=_SOURCE),
    Call("an entrypoint as a file URI in a source folder", _framework(),
         {"code": "file://main.py", "source_dir": "src"}, files=_SOURCE),
    *(
        Call(f"{kind} {given.get('framework_version', '')}{note}", new(kind, role=ROLE, **{**HOSTS, **given}),
             {"code": "main.py", "source_dir": "src"}, files=_SOURCE)
        for kind, note, given in (
            ("XGBoostProcessor", "", {"framework_version": "1.7-1"}),
            ("XGBoostProcessor", "", {"framework_version": "1.5-1"}),
            ("PyTorchProcessor", "", {"framework_version": "2.2", "py_version": "py310"}),
            ("PyTorchProcessor", " on a GPU", {
                "framework_version": "1.13.1", "py_version": "py39", "instance_type": "ml.g4dn.xlarge"}),
            ("PyTorchProcessor", " without py_version", {"framework_version": "2.2"}),
            ("TensorFlowProcessor", "", {"framework_version": "2.14.1", "py_version": "py310"}),
            ("TensorFlowProcessor", " on a GPU", {
                "framework_version": "2.11", "py_version": "py39", "instance_type": "ml.p3.2xlarge"}),
            ("MXNetProcessor", "", {"framework_version": "1.9.0", "py_version": "py38"}),
            ("HuggingFaceProcessor", "PyTorch", {
                "transformers_version": "4.28.1", "pytorch_version": "2.0.0", "py_version": "py310",
                "instance_type": "ml.g4dn.xlarge"}),
            ("HuggingFaceProcessor", "TensorFlow", {
                "transformers_version": "4.26.0", "tensorflow_version": "2.11.0", "py_version": "py39",
                "instance_type": "ml.p3.2xlarge"}),
            ("HuggingFaceProcessor", "PyTorch on a CPU", {
                "transformers_version": "4.28.1", "pytorch_version": "2.0.0", "py_version": "py310"}),
        )
    ),
    *(
        Call(f"FrameworkProcessor({estimator})", _framework(estimator, framework_version=version, py_version=python),
             {"code": "main.py", "source_dir": "src"}, files=_SOURCE)
        for estimator, version, python in (
            ("XGBoost", "1.7-1", "py3"),
            ("PyTorch", "2.2", "py310"),
            ("TensorFlow", "2.14.1", "py310"),
            ("MXNet", "1.9.0", "py38"),
        )
    ),
]  # fmt: skip

_CONF = [{"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}}]
_SPARK = [
    Call("PySpark without a container version", _pyspark(py_version=None, container_version=None),
         {"submit_app": "s3://c/app.py"}),
    *(
        Call(f"PySpark {version} {python}", _pyspark(
            framework_version=version, py_version=python, container_version=container), {"submit_app": "s3://c/app.py"})
        for version, python, container in (("2.4", "py37", "1"), ("3.0", "py37", "1"), ("3.1", "py37", "1.1"),
                                           ("3.2", "py39", "1"), ("3.3", "py39", "1"))
    ),
    Call("PySpark with an image of one's own", _pyspark(
        image_uri="img:tag", framework_version=None, py_version=None, container_version=None),
        {"submit_app": "s3://c/app.py"}),
    Call("a local Spark app", _pyspark(), {"submit_app": "app.py", "arguments": ["x"]}, files={"app.py": "print()"}),
    Call("Python files in S3", _pyspark(), {"submit_app": "s3://c/app.py", "submit_py_files": [
        "s3://d/a.py", "s3a://d/b.zip"]}),
    Call("local Python files", _pyspark(), {"submit_app": "app.py", "submit_py_files": ["a.py", "lib"]},
         files={"app.py": "", "a.py": "1", "lib/b.py": "2"}),
    Call("Python files here and there", _pyspark(), {"submit_app": "app.py", "submit_py_files": ["a.py", "s3://d/b.py"]},
         files={"app.py": "", "a.py": "1"}),
    Call("jars and files", _pyspark(), {
        "submit_app": "s3://c/app.py", "submit_py_files": ["s3://d/a.py"], "submit_jars": ["s3://d/a.jar", "b.jar"],
        "submit_files": ["conf.txt"]}, files={"b.jar": "jar", "conf.txt": "c"}),
    Call("a configuration", _pyspark(), {"submit_app": "s3://c/app.py", "configuration": _CONF}),
    Call("a configuration of one classification", _pyspark(),
         {"submit_app": "s3://c/app.py", "configuration": _CONF[0]}),
    Call("event logs", _pyspark(), {"submit_app": "s3://c/app.py", "spark_event_logs_s3_uri": "s3://logs/spark/"}),
    Call("Spark with everything", _pyspark(
        instance_count=2, volume_size_in_gb=50, volume_kms_key=KEY, output_kms_key=KEY,
        max_runtime_in_seconds=1200, base_job_name="prep", env={"A": "1"},
        tags=[{"Key": "k", "Value": "v"}], network_config=_network(False, ["sg-1"], ["subnet-1"], True),
        configuration_location="s3://conf/loc/", dependency_location="s3://deps/loc",
    ), {
        "submit_app": "app.py", "submit_py_files": ["a.py"], "submit_jars": ["s3://d/a.jar"], "submit_files": ["c.txt"],
        "inputs": [_input()], "outputs": [_output()], "arguments": ["x"], "configuration": _CONF,
        "spark_event_logs_s3_uri": "s3://logs/spark/", "experiment_config": {"ExperimentName": "e"}},
        files={"app.py": "", "a.py": "1", "c.txt": "2"}),
    Call("Spark by position", _pyspark(), run_args=(
        "s3://c/app.py", ["s3://d/a.py"], ["s3://d/a.jar"], ["s3://d/c.txt"], [_input()], [_output()], ["x"])),
    Call("Spark with an input called after its name", _pyspark(), {
        "submit_app": "s3://c/app.py", "inputs": [_input(input_name="raw")], "configuration": _CONF}),
    Call("a local Spark jar", _spark_jar(), {"submit_app": "app.jar", "submit_class": "com.x.Main"},
         files={"app.jar": "jar"}),
    Call("a Spark jar with jars and files", _spark_jar(), {
        "submit_app": "s3://c/app.jar", "submit_class": "com.x.Main", "submit_jars": ["a.jar"],
        "submit_files": ["s3://d/c.txt"], "configuration": _CONF, "spark_event_logs_s3_uri": "s3://logs/spark"},
        files={"a.jar": "jar"}),
    Call("Spark on its network", _pyspark(network_config=_network()), {"submit_app": "s3://c/app.py"}),
]  # fmt: skip

#: What nobody writes, but a program that calls the SDK passes on.
_PASSED_ON = [
    Call("None for what a run may leave out", _script(), {
        "code": S3_CODE, "inputs": None, "outputs": None, "arguments": None, "experiment_config": None,
        "kms_key": None}),
    Call("None for what a bundle may leave out", _framework(), {
        "code": "main.py", "source_dir": "src", "dependencies": None, "git_config": None,
        "codeartifact_repo_arn": None}, files=_SOURCE),
    Call("None for git, by position", new("FrameworkProcessor", {"$class": "SKLearn"}, "1.2-1", ROLE, 1, "ml.m5.xlarge",
         "py3", None, ["python3", "-u"], 50),
         run_args=("main.py", "src", None, None, [_input()], [_output()], ["x"]), files=_SOURCE),
    Call("None for what Spark may leave out", _pyspark(image_uri=None, env=None, configuration_location=None), {
        "submit_app": "s3://c/app.py", "submit_py_files": None, "submit_jars": None, "submit_files": None,
        "configuration": None, "spark_event_logs_s3_uri": None, "kms_key": None}),
    Call("empty lists of dependencies", _framework(), {"code": "main.py", "source_dir": "src", "dependencies": []},
         files=_SOURCE),
    Call("empty settings of Spark", _pyspark(), {
        "submit_app": "s3://c/app.py", "submit_jars": [], "configuration": {}, "spark_event_logs_s3_uri": ""}),
    Call("an empty base name", _processor(base_job_name="")),
    Call("None for an input's options", _processor(), {"inputs": [
        _input(input_name=None, s3_input=None, dataset_definition=None)]}),
    Call("no compression at all", _processor(), {"inputs": [_input(s3_compression_type=None)]}),
    Call("no data type at all", _processor(), {"inputs": [_input(s3_data_type=None)]}),
    Call("an empty command of scikit-learn", _sklearn(command=[]), {"code": S3_CODE}),
    Call("a script by a path with dots", _script(), {"code": "./jobs/../jobs/p.py"}, files={"jobs/p.py": "print(1)"}),
    Call("a source folder with a cache", _framework(), {"code": "main.py", "source_dir": "src"},
         files={**_SOURCE, "src/__pycache__/main.pyc": "x", "src/.ipynb_checkpoints/a": "x", "src/.config": "kept"}),
    Call("a local folder with hidden files", _processor(), {"inputs": [_input(source="data")]},
         files={"data/.hidden": "a", "data/1.csv": "b"}),
    Call("requirements as a dependency", _framework(), {"code": "p.py", "dependencies": ["requirements.txt"]},
         files={"p.py": "print()", "requirements.txt": "numpy"}),
    Call("an output to a local path", _processor(), {"outputs": [_output(destination="out/")]}),
    Call("a name with a colon", _script(), {"code": "a:b.py"}, files={"a:b.py": "print(1)"}),
    Call("an S3Input by position", _processor(), {"inputs": [new("ProcessingInput", s3_input=new(
        "S3Input", "s3://raw-data/in/", INPUT, "S3Prefix", "Pipe", "FullyReplicated", "Gzip"))]}),
    Call("an S3Input of a local file", _processor(), {"inputs": [new("ProcessingInput", s3_input=new(
        "S3Input", s3_uri="data/1.csv", local_path=INPUT))]}, files={"data/1.csv": "a"}),
]  # fmt: skip

#: What one or the other refuses.
_REFUSED = [
    Call("no role", new("Processor", image_uri="img:tag", **HOSTS)),
    Call("no image", _processor(image_uri=None)),
    Call("no hosts", _processor(instance_count=None)),
    Call("zero hosts", _processor(instance_count=0)),
    Call("no instance type", _processor(instance_type=None)),
    Call("a script that is not there", _script(), {"code": "absent.py"}),
    Call("a script that is a folder", _script(), {"code": "jobs"}, files={"jobs/p.py": ""}),
    Call("a script over HTTP", _script(), {"code": "https://example.com/p.py"}),
    Call("no command", _script(command=None), {"code": S3_CODE}),
    Call("an empty command", _script(command=[]), {"code": S3_CODE}),
    Call("an unknown version", _sklearn(framework_version="9.9-9"), {"code": S3_CODE}),
    Call("inputs that are none", _processor(), {"inputs": ["s3://raw-data/in/"]}),
    Call("outputs that are none", _processor(), {"outputs": ["s3://curated/out/"]}),
    Call("an environment variable that is a number", _processor(env={"A": 1})),
    Call("an argument that is a number", _processor(), {"arguments": ["--n", 1]}),
    Call("an empty list of arguments", _processor(), {"arguments": []}),
    Call("an empty entrypoint", _processor(entrypoint=[])),
    Call("an entrypoint in one string", _processor(entrypoint="python3 -m prep")),
    Call("an unknown field of an experiment", _processor(), {"experiment_config": {"Name": "e"}}),
    Call("wait", _processor(), {"wait": True, "logs": False}),
    Call("a job's name", _processor(), {"job_name": "one"}),
    Call("a key for code", _script(), {"code": "p.py", "kms_key": KEY}, files={"p.py": ""}),
    Call("an input without a source", _processor(), {"inputs": [new("ProcessingInput", destination=INPUT)]}),
    Call("an input without a destination", _processor(), {"inputs": [new("ProcessingInput", source="s3://raw-data/in")]}),
    Call("an input elsewhere", _processor(), {"inputs": [_input(destination="/data")]}),
    Call("an output from elsewhere", _processor(), {"outputs": [_output(source="/data")]}),
    Call("a long base name", _processor(base_job_name="a-base-name-that-is-longer-than-this")),
    Call("a base name in capitals", _processor(base_job_name="CensusPrep")),
    Call("two inputs of one name", _processor(), {"inputs": [
        _input(input_name="raw"), _input(input_name="raw", destination=f"{INPUT}/2")]}),
    Call("a time limit of zero", _processor(max_runtime_in_seconds=0)),
    Call("subnets without security groups", _processor(network_config=_network(subnets=["subnet-1"]))),
    Call("security groups without subnets", _processor(network_config=_network(security_group_ids=["sg-1"]))),
    Call("a bucket over HTTP", _processor(), {"inputs": [_input(source="https://raw-data.s3.amazonaws.com/in/")]}),
    Call("an argument of two lines", _processor(), {"arguments": ["a\nb"]}),
    Call("two jars of one name", _pyspark(), {"submit_app": "s3://c/app.py", "submit_jars": ["a.jar", "b/a.jar"]},
         files={"a.jar": "1", "b/a.jar": "2"}),
    Call("a key that begins with a slash", _processor(), {"inputs": [_input(source="s3://raw-data//in/")]}),
    Call("a key for storage of the instance's own",
         _processor(instance_type="ml.g4dn.xlarge", volume_kms_key=KEY)),
    Call("an app-managed input, isolated", _processor(network_config=_network(True)), {
        "inputs": [_input(app_managed=True)]}),
    Call("Spark on a GPU host", _pyspark(instance_type="ml.g4dn.xlarge"), {"submit_app": "s3://c/app.py"}),
    Call("a long argument", _processor(), {"arguments": ["x" * 257]}),
    Call("an environment variable of this library", _processor(env={"CDK_PROCESSING_X": "1"})),
    Call("an input that is not there", _processor(), {"inputs": [_input(source="absent.csv")]}),
    Call("a source folder without the script", _framework(), {"code": "absent.py", "source_dir": "src"},
         files=_SOURCE),
    Call("a source folder that is not there", _framework(), {"code": "main.py", "source_dir": "absent"}),
    Call("a dependency that is not there", _framework(), {"code": "p.py", "dependencies": ["absent"]},
         files={"p.py": ""}),
    Call("an archive in S3 of another name", _framework(),
         {"code": "main.py", "source_dir": "s3://code-bucket/a/source.tar.gz"}),
    Call("no repository of CodeArtifact", _framework(), {
        "code": "main.py", "source_dir": "src", "codeartifact_repo_arn": "arn:aws:s3:::x"}, files=_SOURCE),
    Call("git", _framework(), {"code": "main.py", "git_config": {"repo": "https://example.com/r.git", "branch": "x"}}),
    Call("a Spark version alone of both", _pyspark(container_version=None), {"submit_app": "s3://c/app.py"}),
    Call("an unknown Spark", _pyspark(framework_version="9.9"), {"submit_app": "s3://c/app.py"}),
    Call("no Spark app", _pyspark(), {"submit_app": ""}),
    Call("no class", _spark_jar(), {"submit_app": "s3://c/app.jar", "submit_class": ""}),
    Call("an empty list of Python files", _pyspark(), {"submit_app": "s3://c/app.py", "submit_py_files": []}),
    Call("a Python file over HTTP", _pyspark(),
         {"submit_app": "s3://c/app.py", "submit_py_files": ["https://example.com/a.py"]}),
    Call("a Python file that is not there", _pyspark(),
         {"submit_app": "s3://c/app.py", "submit_py_files": ["absent.py"]}),
    Call("a configuration without properties", _pyspark(),
         {"submit_app": "s3://c/app.py", "configuration": {"Classification": "spark-defaults"}}),
    Call("an unknown classification", _pyspark(),
         {"submit_app": "s3://c/app.py", "configuration": {"Classification": "x", "Properties": {}}}),
    Call("event logs elsewhere", _pyspark(),
         {"submit_app": "s3://c/app.py", "spark_event_logs_s3_uri": "https://example.com"}),
    Call("an unknown PyTorch", new("PyTorchProcessor", framework_version="9.9", role=ROLE, py_version="py310", **HOSTS),
         {"code": "main.py", "source_dir": "src"}, files=_SOURCE),
    Call("HuggingFace without a framework", new(
        "HuggingFaceProcessor", transformers_version="4.28.1", role=ROLE, py_version="py310", **HOSTS),
        {"code": "main.py", "source_dir": "src"}, files=_SOURCE),
]  # fmt: skip

CALLS = [*_RECORDED, *_PROCESSORS, *_SCRIPTS, *_CHANNELS, *_FRAMEWORKS, *_SPARK, *_PASSED_ON, *_REFUSED]
