"""Further calls, made up at random: whoever writes a list of calls leaves out what they have not thought of.

``PARITY_SEED`` and ``PARITY_CALLS`` make others: ``PARITY_SEED=7 PARITY_CALLS=500 make test ARGS=tests/parity``.
"""

import os
from random import Random
from typing import Any

from tests.parity.calls import CALLS, KEY, ROLE, Call, new

__all__ = ["EVERY", "RANDOM"]

_TEXTS = ["x", "--train-test-split-ratio", "0.2", "", " ", "a b", "it's", '"', "\\", "\\'", "{%", "%}", "{% x %}", "{}"]
_TEXTS += ["$run.id", "${A}", "{{x}}", "{{run:RUN_ID", "ü€😀", "&", "' & '", "%", "#", "\t", "s3://b/k", "*", "=", "-"]
_WORDS = ["a", "raw", "train_data", "A-1", "model.tar", "x_y", "input-1", "output-2", "b9"]
_KEYS = [
    "",
    "in",
    "in/",
    "in/1.csv",
    "a b/c",
    "a+b",
    "ü/",
    "a//b",
    "x=1/y=2/",
    "it's",
    "100%",
    "a&b",
    "(1)",
    "a,b",
    "~",
]
_FILES = ["p.py", "jobs/p.py", "run", "p.tar.gz", "a-b_c.py", "my script.py", "jobs/deep/er/p.py", ".hidden.py", "ü.py"]
_ODD_KEYS = [
    "a#b",
    "a?b=1",
    "a;b",
    "a%20b/",
    "a:b",
    "a*b",
    "it's/",
    'a"b',
    "in//",
    "/in",
    "a\\b",
    "./a",
    "a/../b",
    "$a",
    "{a}",
]
_ODD_FILES = ["a#b.py", "p%20q.py", "a;b.py", "a?b.py", "it's.py", "a:b.py", "-x.py", "a&b.py", "$x.py", "a=b.py"]
_FOLDERS = ["input", "input/data", "in put", "a/b/c", "data/", "ü", "input/x.y"]
_INSTANCES = ["ml.m5.xlarge", "ml.t3.medium", "ml.c5.18xlarge", "ml.r5.large", "ml.m6i.2xlarge", "ml.g4dn.xlarge"]
_FRAMEWORKS = [
    ("XGBoost", "1.7-1", "py3"),
    ("XGBoost", "1.3-1", "py3"),
    ("PyTorch", "2.1", "py310"),
    ("PyTorch", "1.12.1", "py38"),
    ("PyTorch", "2.0.1", "py310"),
    ("TensorFlow", "2.13", "py310"),
    ("TensorFlow", "2.12.0", "py310"),
    ("TensorFlow", "1.15.5", "py37"),
    ("MXNet", "1.9.0", "py38"),
    ("MXNet", "1.8.0", "py37"),
    ("SKLearn", "1.2-1", "py3"),
    ("SKLearn", "0.23-1", "py3"),
]
_SPARKS = [("3.5", "py39", "1"), ("3.3", "py39", "1"), ("3.1", "py37", "1"), ("3.3", None, None), ("2.4", None, None)]


class _Maker:
    """Makes calls; the same seed makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._files: dict[str, str] = {}

    def call(self, name: str) -> Call:
        """One call."""
        self._files = {}
        make = self._pick([self._image, self._script, self._sklearn, self._framework, self._pyspark, self._jar])
        processor, run = make()
        return Call(name, processor, run, files=self._files)

    # -- kinds of calls --

    def _image(self) -> tuple[Any, Any]:
        given = self._shared() | self._maybe(entrypoint=lambda: self._some(_TEXTS, 1, 4))
        return new("Processor", image_uri=self._image_uri(), **given), self._run()

    def _script(self) -> tuple[Any, Any]:
        given = self._shared() | {"image_uri": self._image_uri(), "command": self._some(["python3", "-u", "a b"], 1, 3)}
        return new("ScriptProcessor", **given), {"code": self._code(), **self._run()}

    def _sklearn(self) -> tuple[Any, Any]:
        given = self._shared() | self._maybe(command=lambda: ["python3", "-X", "dev"])
        version = self._pick(["0.20.0", "0.23-1", "1.0-1", "1.2-1", "1.4-2"])
        return new("SKLearnProcessor", framework_version=version, **given), {"code": self._code(), **self._run()}

    def _framework(self) -> tuple[Any, Any]:
        name, version, python = self._pick(_FRAMEWORKS)
        given = {"framework_version": version, "py_version": python, **self._shared()}
        given |= self._maybe(command=lambda: ["python3", "-u"])
        if name == "SKLearn" or self._odds(0.3):
            processor = new("FrameworkProcessor", {"$class": name}, **given)
        else:
            processor = new(f"{name}Processor", **given)
        if self._odds(0.2):
            run = {"code": self._file()}
        elif self._odds(0.1):
            return processor, {"code": self._uri("run.sh"), **self._run()}
        else:
            code = self._file("src/")
            self._files |= {"src/helper.py": "", **({"src/requirements.txt": "x"} if self._odds(0.4) else {})}
            run = {"code": code, "source_dir": self._pick(["src", "src/", "./src"])}
        if self._odds(0.3):
            self._files |= {"lib/a.py": "1", "other.py": "2"}
            run["dependencies"] = self._some(["lib", "other.py"], 1, 2, distinct=True)
        if self._odds(0.2):
            run["codeartifact_repo_arn"] = "arn:aws:codeartifact:us-west-2:111122223333:repository/dom/my/repo"
        return processor, {**run, **self._run()}

    def _spark(self) -> tuple[dict[str, Any], dict[str, Any]]:
        version, python, container = self._pick(_SPARKS)
        given = {"framework_version": version, **self._shared()}
        if python:
            given |= {"py_version": python, "container_version": container}
        self._files |= {"deps/a.txt": "a", "deps/sub/b.txt": "b", "c.jar": "c"}
        places = ["s3://deps/a.py", "s3a://deps/b.zip", "deps", "c.jar", "./c.jar", "deps/a.txt", "deps/"]
        run = self._maybe(
            submit_jars=lambda: self._some(places, 1, 3, distinct=True),
            submit_files=lambda: self._some(places, 1, 2, distinct=True),
            spark_event_logs_s3_uri=lambda: self._pick(["s3://logs/spark", "s3://logs/spark/"]),
            configuration=self._configuration,
        )
        return given, {**self._run(), **run}

    def _pyspark(self) -> tuple[Any, Any]:
        given, run = self._spark()
        run |= self._maybe(submit_py_files=lambda: self._some(["s3://d/a.py", "deps", "s3://d/b.py"], 1, 2))
        return new("PySparkProcessor", **given), {"submit_app": self._code(), **run}

    def _jar(self) -> tuple[Any, Any]:
        given, run = self._spark()
        return new("SparkJarProcessor", **given), {"submit_app": self._code(), "submit_class": "com.x.Main", **run}

    # -- parts --

    def _shared(self) -> dict[str, Any]:
        given = {"role": ROLE, "instance_count": self._pick([1, 1, 2, 20]), "instance_type": self._pick(_INSTANCES)}
        return given | self._maybe(
            volume_size_in_gb=lambda: self._pick([1, 30, 500]),
            volume_kms_key=lambda: KEY,
            output_kms_key=lambda: self._pick([KEY, "alias/out"]),
            max_runtime_in_seconds=lambda: self._pick([60, 86400, 432000]),
            base_job_name=lambda: self._pick(["prep", "a-b-1"]),
            env=lambda: {word.replace("-", "_").replace(".", "_"): self._pick(_TEXTS) for word in self._some(_WORDS)},
            tags=lambda: [{"Key": word, "Value": self._pick(["", "v", "a b"])} for word in set(self._some(_WORDS))],
            network_config=self._network,
        )

    def _run(self) -> dict[str, Any]:
        return self._maybe(
            inputs=lambda: [self._input(number) for number in range(self._random.randint(0, 4))],
            outputs=lambda: [self._output(number) for number in range(self._random.randint(0, 4))],
            arguments=lambda: self._some(_TEXTS, 1, 5),
            experiment_config=lambda: self._maybe(ExperimentName=lambda: "e", TrialName=lambda: "t"),
        )

    def _input(self, number: int) -> Any:
        if self._odds(0.05):
            return self._dataset(number)
        given = {"source": self._source(), "destination": f"/opt/ml/processing/{number}/{self._pick(_FOLDERS)}"}
        given |= self._maybe(
            input_name=lambda: f"{self._pick(_WORDS)}{number}",
            s3_data_distribution_type=lambda: self._pick(["FullyReplicated", "ShardedByS3Key"]),
            s3_data_type=lambda: self._pick(["S3Prefix", "ManifestFile"]),
            s3_input_mode=lambda: self._pick(["File", "Pipe"]),
            app_managed=lambda: self._odds(0.1),
        )
        if given.get("s3_input_mode") == "Pipe":
            given["s3_compression_type"] = self._pick(["None", "Gzip"])
        if self._odds(0.1):
            renamed = {"source": "s3_uri", "destination": "local_path"}
            own = {key: given.pop(key) for key in list(given) if key not in ("input_name", "app_managed")}
            given["s3_input"] = new("S3Input", **{renamed.get(key, key): value for key, value in own.items()})
        return new("ProcessingInput", **given)

    def _dataset(self, number: int) -> Any:
        shared = {"database": "db", "query_string": self._pick(["SELECT 1", "SELECT 'a'\nFROM \"t\""])}
        shared |= {"output_s3_uri": self._uri("q/"), "output_format": "PARQUET"}
        shared |= self._maybe(kms_key_id=lambda: KEY)
        if self._odds(0.5):
            query = new("AthenaDatasetDefinition", catalog="c", **shared, **self._maybe(work_group=lambda: "w"))
            given = {"athena_dataset_definition": query}
        else:
            query = new("RedshiftDatasetDefinition", cluster_id="c", db_user="u", cluster_role_arn=ROLE, **shared)
            given = {"redshift_dataset_definition": query}
        given |= self._maybe(
            data_distribution_type=lambda: self._pick(["FullyReplicated", "ShardedByS3Key"]),
            input_mode=lambda: self._pick(["File", "Pipe"]),
        )
        definition = new("DatasetDefinition", local_path=f"/opt/ml/processing/{number}/q", **given)
        return new(
            "ProcessingInput",
            dataset_definition=definition,
            app_managed=True,
            **self._maybe(input_name=lambda: f"q{number}"),
        )

    def _output(self, number: int) -> Any:
        if self._odds(0.05):
            group = new("FeatureStoreOutput", feature_group_name="customers")
            return new("ProcessingOutput", output_name=f"f{number}", app_managed=True, feature_store_output=group)
        place = f"/opt/ml/processing/o{number}/{self._pick(_FOLDERS)}"
        given = self._maybe(
            output_name=lambda: f"{self._pick(_WORDS)}{number}",
            s3_upload_mode=lambda: self._pick(["EndOfJob", "Continuous"]),
        )
        return new("ProcessingOutput", source=place, destination=self._uri(self._key()), **given)

    def _source(self) -> str:
        if self._odds(0.7):
            return self._uri(self._key())
        self._files |= {"data/1.csv": "1", "data/sub/2.csv": "2"}
        return self._pick(["data", "data/", "data/1.csv", "./data/sub"])

    def _network(self) -> Any:
        given = self._maybe(
            enable_network_isolation=lambda: self._pick([True, False]),
            encrypt_inter_container_traffic=lambda: self._pick([True, False]),
        )
        if self._odds(0.4):
            given |= {
                "security_group_ids": ["sg-0a"],
                "subnets": self._pick([["subnet-0a"], ["subnet-0a", "subnet-0b"]]),
            }
        return new("NetworkConfig", **given)

    def _configuration(self) -> Any:
        conf = {
            "Classification": self._pick(["spark-defaults", "yarn-site"]),
            "Properties": {"a.b": self._pick(_TEXTS)},
        }
        nested = {"Classification": "spark-env", "Properties": {}, "Configurations": [conf]}
        return self._pick([conf, [conf], [conf, nested], nested])

    def _image_uri(self) -> str:
        return self._pick(
            ["img:tag", "111122223333.dkr.ecr.us-west-2.amazonaws.com/a/b:1", "public.ecr.aws/x/y:latest"]
        )

    def _code(self) -> Any:
        return self._uri(f"a/{self._name()}") if self._odds(0.5) else self._file()

    def _key(self) -> str:
        return self._pick(_ODD_KEYS if self._odds(0.1) else _KEYS)

    def _name(self) -> str:
        return self._pick(_ODD_FILES if self._odds(0.1) else _FILES)

    def _file(self, folder: str = "") -> str:
        name = self._name()
        self._files[f"{folder}{name}"] = "print()"
        return name

    def _uri(self, key: str) -> str:
        return f"s3://{self._pick(['raw-data', 'my.dotted.bucket', 'b12'])}/{key}"

    # -- chance --

    def _odds(self, of: float) -> bool:
        return self._random.random() < of

    def _pick(self, values: Any) -> Any:
        return self._random.choice(values)

    def _some(self, values: list[str], least: int = 0, most: int = 3, distinct: bool = False) -> list[str]:
        count = self._random.randint(least, most)
        return self._random.sample(values, count) if distinct else self._random.choices(values, k=count)

    def _maybe(self, **makers: Any) -> dict[str, Any]:
        return {name: make() for name, make in makers.items() if self._odds(0.3)}


_SEED = int(os.environ.get("PARITY_SEED", "1"))
_MAKER = _Maker(_SEED)
RANDOM = [_MAKER.call(f"random {_SEED}.{n}") for n in range(int(os.environ.get("PARITY_CALLS", "100")))]

#: All calls that are compared.
EVERY = [*CALLS, *RANDOM]
