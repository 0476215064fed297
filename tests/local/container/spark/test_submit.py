from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdk_processing.local.container.spark.submit import command, s3
from cdk_processing.local.container.spark.submit.cluster import settings_for
from cdk_processing.local.container.spark.submit.configuration import (
    Settings,
    read_classifications,
    write_settings,
)
from cdk_processing.local.container.spark.submit.failures import SubmitError
from cdk_processing.local.container.spark.submit.host import Host
from cdk_processing.local.container.spark.submit.logs import copy_event_logs, executor_lines
from cdk_processing.local.container.spark.submit.options import read_options


def same(uri: str) -> str:
    return uri


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(Host, "address", "127.0.0.1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for folder in ("spark/jars", "shared", "ml"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "spark/jars/hadoop-client-api-3.3.4.jar").touch()
    return Host(
        name="algo-1",
        hosts=["algo-1", "algo-2"],
        isolated=False,
        cores=2,
        spark_home=tmp_path / "spark",
        ml=tmp_path / "ml",
        work=tmp_path / "work",
        shared=tmp_path / "shared",
    )


def test_options_end_with_the_application_and_its_arguments_stay_as_they_are(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    jar.touch()
    given = ["-v", "--class", "com.x.Main", f"--jars={jar}", "/app.py", "--jars", "x y", "", "-v", "--", "$HOME"]
    options = read_options(given)
    assert options.for_spark(same) == [
        *("--verbose", "--class", "com.x.Main", "--jars", str(jar)),
        *("/app.py", "--jars", "x y", "", "-v", "--", "$HOME"),
    ]


def test_a_folder_becomes_the_files_right_in_it(tmp_path: Path) -> None:
    for name in ("b.jar", "a.jar", "deeper/c.jar"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    options = read_options(["--jars", f"s3://d/x.jar,{tmp_path}", "/app.jar"])
    wanted = f"/fetched,{tmp_path}/a.jar,{tmp_path}/b.jar"
    rendered = options.for_spark(lambda uri: "/fetched" if uri.startswith("s3://") else uri)
    assert rendered == ["--jars", wanted, "/app.jar"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "(caused by MissingParameter): Couldn't parse input.: Missing parameter: app"),
        (["--conf", "a=b", "/app.py"], "(caused by NoSuchOption): Couldn't parse input.: No such option: --conf"),
        (["--master=local", "/app.py"], "No such option: --master"),
        (["--jars"], "Option '--jars' requires an argument."),
    ],
)
def test_a_command_line_that_awss_image_refuses_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(SubmitError, match="Algorithm Error: ") as failure:
        read_options(given)
    assert message in str(failure.value)
    assert failure.value.code == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [("lib/a.jar", "must be an absolute path"), ("/no/a.jar", "does not exist"), ("{empty}", "Found zero files in")],
)
def test_files_that_are_not_there_are_named(value: str, message: str, tmp_path: Path) -> None:
    options = read_options(["--files", value.format(empty=tmp_path), "/app.py"])
    with pytest.raises(SubmitError, match=message):
        options.for_spark(same)


def test_the_users_configuration_is_written_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "configuration.json"
    given = [
        {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g", "spark.x": 3}},
        {"Classification": "core-site", "Properties": {"fs.a": "<&>"}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"STAGE": "dev"}}],
        },
        {"Classification": "spark-log4j", "Properties": {"log4j.rootCategory": "WARN, console"}},
        {"Classification": "hive-site", "Properties": {"a": "b"}},
    ]
    file.write_text(json.dumps(given))
    ours = [("spark-defaults", {"spark.executor.memory": "1g", "spark.driver.memory": "1g"})]
    settings = Settings([*ours, *read_classifications(file)])
    assert settings.get("spark-defaults", "spark.executor.memory") == "2g"
    write_settings(settings, tmp_path / "conf")
    written = {str(path.relative_to(tmp_path / "conf")): path.read_text() for path in tmp_path.glob("conf/*/*")}
    assert written["spark/spark-defaults.conf"] == "spark.executor.memory 2g\nspark.driver.memory 1g\nspark.x 3\n"
    assert "<name>fs.a</name><value>&lt;&amp;&gt;</value>" in written["hadoop/core-site.xml"]
    assert written["spark/spark-env.sh"] == "export STAGE=dev\n"
    assert "log4j.rootCategory=WARN, console\n" in written["spark/log4j.properties"]
    assert set(written) >= {"hive/hive-site.xml", "spark/log4j2.properties"}


def test_a_single_classification_needs_no_list(tmp_path: Path) -> None:
    file = tmp_path / "configuration.json"
    file.write_text('{"Classification": "spark-defaults", "Properties": {"a": "b"}}')
    assert read_classifications(file) == [("spark-defaults", {"a": "b"})]
    assert read_classifications(tmp_path / "none.json") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('[{"Classification": "spark-defaults"}]', "Classification and Properties are missing"),
        ('[{"Classification": "spark", "Properties": {}}]', "Invalid classification: spark. Must be one of"),
        ('[{"Classification": "spark-env", "Properties": {"A": "b"}}]', "require a sub-configuration"),
        (
            '[{"Classification": "spark-env", "Properties": {}, "Configurations": [{"Classification": "x"}]}]',
            "must use the 'export' sub-classification",
        ),
    ],
)
def test_a_configuration_that_is_not_emrs_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "configuration.json"
    file.write_text(text)
    with pytest.raises(SubmitError, match=message):
        read_classifications(file)


def test_s3_is_mapped_to_s3a_on_the_embedded_aws_with_the_roles_credentials() -> None:
    variables = {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566", "AWS_REGION": "eu-west-1"}
    assert s3.s3a_settings(variables) == {
        "fs.s3.impl": "org.apache.hadoop.fs.s3a.S3AFileSystem",
        "fs.AbstractFileSystem.s3.impl": "org.apache.hadoop.fs.s3a.S3A",
        "fs.s3a.aws.credentials.provider": "com.amazonaws.auth.EnvironmentVariableCredentialsProvider",
        "fs.s3a.endpoint": "http://127.0.0.1:4566",
        "fs.s3a.path.style.access": "true",
        "fs.s3a.connection.ssl.enabled": "false",
        "fs.s3a.endpoint.region": "eu-west-1",
    }
    assert "fs.s3a.endpoint" not in s3.s3a_settings({})


def test_the_missing_jars_are_those_of_the_bundled_hadoop(host: Host) -> None:
    hint = s3.s3a_hint(host.spark_home)
    assert "hadoop-aws-3.3.4.jar and aws-java-sdk-bundle-1.12.262.jar" in hint
    assert f"{host.spark_home}/jars" in hint
    assert "submit_jars" in hint
    assert not s3.has_s3a(host.spark_home, ["/x/other.jar"])
    assert s3.has_s3a(host.spark_home, ["/x/hadoop-aws-3.3.4.jar"])
    (host.spark_home / "jars/hadoop-aws-3.3.4.jar").touch()
    assert s3.has_s3a(host.spark_home, [])


def test_settings_on_s3_are_refused_at_once_without_the_jars(host: Host) -> None:
    options = read_options(["--spark-event-logs-s3-uri", "s3://b/events", "/app.py"])
    with pytest.raises(SubmitError, match=r"spark\.eventLog\.dir is s3a://b/events.*hadoop-aws-3\.3\.4\.jar"):
        command.configure(host, options, {})
    (host.spark_home / "jars/hadoop-aws-3.3.4.jar").touch()
    command.configure(host, options, {})
    assert "spark.eventLog.dir s3a://b/events\n" in (host.work / "conf/spark/spark-defaults.conf").read_text()


def test_an_argument_on_s3_is_warned_of_without_the_jars(host: Host, capfd: pytest.CaptureFixture[str]) -> None:
    command.configure(host, read_options(["/app.py", "--data=s3://b/in"]), {})
    assert "aws-java-sdk-bundle-1.12.262.jar" in capfd.readouterr().out
    (host.ml / "jars").mkdir()
    (host.ml / "jars/hadoop-aws-3.3.4.jar").touch()
    command.configure(host, read_options(["--jars", str(host.ml / "jars"), "/app.py", "--data=s3://b/in"]), {})
    assert capfd.readouterr().out == ""


def test_a_path_without_a_scheme_is_on_the_shared_file_system(host: Host) -> None:
    command.configure(host, read_options(["/app.py"]), {})
    core = (host.work / "conf/hadoop/core-site.xml").read_text()
    assert "<name>fs.defaultFS</name><value>viewfs://hdfs/</value>" in core
    assert f"<value>file://{host.shared}/hdfs</value>" in core


def test_the_cluster_has_the_declared_size(host: Host) -> None:
    settings = settings_for(host, None)
    assert (settings["spark.cores.max"], settings["spark.executor.memory"]) == ("4", "1g")
    assert settings_for(host, "8")["spark.cores.max"] == "16"
    host.hosts = ["algo-1"]
    assert "spark.cores.max" not in settings_for(host, None)


def test_event_logs_are_copied_under_the_names_of_the_end(tmp_path: Path) -> None:
    (tmp_path / "a/rolling").mkdir(parents=True)
    for name in ("app-1.inprogress", ".app-1.crc", "rolling/events_1"):
        (tmp_path / "a" / name).write_text("{}")
    copy_event_logs(tmp_path / "a", tmp_path / "b")
    assert sorted(str(path.relative_to(tmp_path / "b")) for path in tmp_path.glob("b/**/*")) == [
        "app-1",
        "rolling",
        "rolling/events_1",
    ]


def test_lines_of_executors_are_told_once_and_whole(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "1/app-1/0/stdout"
    log.parent.mkdir(parents=True)
    step = executor_lines(tmp_path)
    log.write_text("one\ntw")
    step()
    step()
    log.write_text("one\ntwo\n")
    step()
    assert capfd.readouterr().out == f"[{log}] one\n[{log}] two\n"


def test_a_long_message_keeps_its_hint(tmp_path: Path) -> None:
    error = SubmitError("X", "m", "long " * 1000, hint="do this")
    error.write(tmp_path / "output/message")
    text = (tmp_path / "output/message").read_text()
    assert len(text) <= 1024
    assert text.endswith(" do this")
