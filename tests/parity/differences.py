"""Every difference from the SDK there may be, and why. docs/sdk-parity.md shows this table; a test holds them equal.

A difference of requests comes with a rule that turns what the SDK sends into what must be sent here: anything else is a
failure. A difference in what is taken comes with the words of the refusal.
"""

import copy
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlparse

from cdk_processing.request.folders import IGNORED
from cdk_processing.request.packing import ARCHIVE, unpacking
from tests.parity.answers import ACCOUNT, REGION, Answer, base_job_name
from tests.parity.calls import Call
from tests.parity.sdk_worker import JOB_NAME

__all__ = ["DIFFERENCES", "LAUNCHER", "Difference", "expected_here"]

#: The difference that no request shows.
LAUNCHER = "Text of `runproc.sh`"

LEFT_OUT = set(IGNORED)
ASSETS = f"s3://cdk-hnb659fds-assets-{ACCOUNT}-{REGION}/"


@dataclass(frozen=True)
class Difference:
    """One row of the table.

    Attributes:
        what: The field of the request, or the argument of the call.
        sdk: What the SDK makes of it.
        here: What this library makes of it.
        why: The reason.
        rule: Turns the SDK's request into the one that is expected here.
        refused_here: Patterns of the refusal, where only the SDK takes a call.
        refused_there: The same, where only this library does.
    """

    what: str
    sdk: str
    here: str
    why: str
    rule: Callable[[dict[str, Any], "Call", Answer, Answer], None] | None = None
    refused_here: tuple[str, ...] = ()
    refused_there: tuple[str, ...] = ()

    def refuses(self, reason: str, *, here: bool) -> bool:
        """Whether this is why a call is refused on one side, and taken on the other."""
        return any(re.search(pattern, reason) for pattern in (self.refused_here if here else self.refused_there))


def expected_here(call: Call, sdk: Answer, here: Answer) -> tuple[dict[str, Any], set[str]]:
    """What this library must send for a call, given what the SDK sends; and the differences that it shows."""
    request, shown = copy.deepcopy(sdk.request), set()
    assert request is not None
    for difference in DIFFERENCES:
        if difference.rule is not None:
            before = copy.deepcopy(request)
            difference.rule(request, call, sdk, here)
            if request != before:
                shown.add(difference.what)
    return request, shown


# -- rules ------------------------------------------------------------------------------------------------------------


def _given(call: Call, name: str) -> Any:
    return call.processor["kwargs"].get(name)


def _job_name(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    assert request["ProcessingJobName"] == JOB_NAME
    base = base_job_name(call) or here.job.lower().replace("/", "-")
    name = f"'{base}-' & $run.id & '-' & $attempt"
    request["ProcessingJobName"] = f"{{% $exists($run.problem) ? $error($run.problem) : {name} %}}"


def _execution_variable(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    own = {"CDK_PROCESSING_EXECUTION": "{% $states.context.Execution.Id %}"}
    request["Environment"] = {**request.get("Environment", {}), **own}


def _job_tag(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    request["Tags"] = [*request.get("Tags", []), {"Key": "cdk-processing:job", "Value": here.job}]


def _isolation(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    if "NetworkConfig" not in request:
        request["NetworkConfig"] = {"EnableNetworkIsolation": not _needs_network(request, sdk)}


def _needs_network(request: dict[str, Any], sdk: Answer) -> bool:
    """Spark's executors speak to each other and to S3; requirements are fetched; an app's channels are its own."""
    channels = [*request.get("ProcessingInputs", ()), *request.get("ProcessingOutputConfig", {}).get("Outputs", ())]
    if any(channel["AppManaged"] for channel in channels):
        return True
    if request["AppSpecification"].get("ContainerEntrypoint", [""])[0] == "smspark-submit":
        return True
    uris = [each["S3Input"]["S3Uri"] for each in request.get("ProcessingInputs", ()) if "S3Input" in each]
    [archive] = [uri for uri in uris if uri.endswith("/sourcedir.tar.gz")] or [None]
    return archive is not None and "requirements.txt" in sdk.files.get(archive, {"requirements.txt": None})


def _default_place(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    """An output that went to the SDK's default bucket goes to the platform's, a folder for each name and run."""
    outputs = (here.request or {}).get("ProcessingOutputConfig", {}).get("Outputs", [])
    for theirs, ours in zip(request.get("ProcessingOutputConfig", {}).get("Outputs", []), outputs, strict=False):
        name = theirs["OutputName"]
        if theirs.get("S3Output", {}).get("S3Uri") != f"s3://default-bucket/{JOB_NAME}/output/{name}":
            continue
        place = ours["S3Output"]["S3Uri"]
        base = re.escape(str((here.request or {})["ProcessingJobName"]).split("'")[1].removesuffix("-"))
        if re.fullmatch(
            rf"\{{% 's3://<ProcessingPlatformData\w+>/{base}/{re.escape(name)}/' & \$run\.id & '/' %\}}", place
        ):
            theirs["S3Output"]["S3Uri"] = place


def _encryption(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    request["NetworkConfig"].setdefault("EnableInterContainerTrafficEncryption", True)


def _assets(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    """Each URI that the SDK has uploaded to is the one of an asset with the same content."""
    channels = (here.request or {}).get("ProcessingInputs", [])
    for theirs, ours in zip(request.get("ProcessingInputs", []), channels, strict=False):
        uri, asset = (each.get("S3Input", {}).get("S3Uri", "") for each in (theirs, ours))
        uploaded, published = _below(sdk.files, uri), _brought(here, asset)
        if not uploaded or not asset.startswith(ASSETS):
            continue
        if uri.endswith("/runproc.sh"):
            # Its text is another; what it runs is compared in test_launcher.py.
            uploaded, published = dict.fromkeys(uploaded), dict.fromkeys(published)
        if _kept(uploaded) == published:
            theirs["S3Input"]["S3Uri"] = asset


def _unpacking(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    """What unpacks the folders that travel as archives stands before the SDK's entrypoint."""
    channels = [each.get("S3Input", {}) for each in request.get("ProcessingInputs", [])]
    folders = [channel["LocalPath"] for channel in channels if channel.get("S3Uri", "").endswith(f"/{ARCHIVE}")]
    if folders:
        app = request["AppSpecification"]
        app["ContainerEntrypoint"] = [*unpacking(folders), *app["ContainerEntrypoint"]]


def _submitted_folders(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    """What the SDK puts into a folder of its own lies side by side, or in a zip that Python imports from."""
    ours = {channel["InputName"]: channel for channel in (here.request or {}).get("ProcessingInputs", [])}
    channels, words = [], request["AppSpecification"].get("ContainerEntrypoint", [])
    for channel in request.get("ProcessingInputs", []):
        name = channel["InputName"]
        channels.append(channel)
        if name not in ("py-files", "jars", "files") or words[:1] != ["smspark-submit"]:
            continue
        uploaded = _kept(_below(sdk.files, channel["S3Input"]["S3Uri"]))
        if not any("/" in path for path in uploaded):
            continue
        beside = {path: text for path, text in uploaded.items() if "/" not in path}
        expected = {name: {path.rpartition("/")[2]: text for path, text in uploaded.items()}}
        if name == "py-files":
            content = {path.partition("/")[2]: text for path, text in uploaded.items() if "/" in path}
            expected = {name: beside, f"{name}-packages": {"packages.zip": content}}
            expected = {each: files for each, files in expected.items() if files}
        found = {each: _brought(here, ours[each]["S3Input"]["S3Uri"]) for each in expected if each in ours}
        if found == expected:
            channels[-1:] = [ours[each] for each in expected]
            places = [ours[each]["S3Input"]["LocalPath"] for each in expected]
            position = words.index(f"--{name}") + 1
            words[position] = words[position].replace(channel["S3Input"]["LocalPath"], ",".join(places))
    if channels:
        request["ProcessingInputs"] = channels


def _kept(files: dict[str, Any]) -> dict[str, Any]:
    """Files, and what is in archives among them, without what no code needs."""
    kept = {name: content for name, content in files.items() if LEFT_OUT.isdisjoint(PurePosixPath(name).parts)}
    return {name: _kept(content) if isinstance(content, dict) else content for name, content in kept.items()}


def _brought(here: Answer, uri: str) -> dict[str, Any]:
    """What a channel brings, once the archive of a folder is unpacked."""
    found = _below(here.files, uri)
    if uri.endswith(f"/{ARCHIVE}"):
        [found] = found.values()
    return found


def _below(files: dict[str, Any], uri: str) -> dict[str, Any]:
    """What a channel of a prefix brings, by its path in the container: S3 objects of that name, or below it."""
    if uri in files:
        return {uri.rpartition("/")[2]: files[uri]}
    prefix = uri.rstrip("/") + "/"
    return {key.removeprefix(prefix): value for key, value in files.items() if key.startswith(prefix)}


def _python_in_s3(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    words = request["AppSpecification"].get("ContainerEntrypoint", [])
    if words[:1] == ["/bin/bash"] and words[-1].endswith(".py"):
        words[:1] = _given(call, "command") or ["python"]


def _whole_bucket(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    channels = [each.get("S3Input", {}) for each in request.get("ProcessingInputs", ())]
    channels += [each.get("S3Output", {}) for each in request.get("ProcessingOutputConfig", {}).get("Outputs", ())]
    for channel in channels:
        if channel.get("S3Uri", "").count("/") == 2:
            channel["S3Uri"] += "/"


def _script_name(request: dict[str, Any], call: Call, sdk: Answer, here: Answer) -> None:
    for channel in request.get("ProcessingInputs", ()):
        if channel["InputName"] in ("code", "entrypoint") and "S3Input" in channel:
            uri = channel["S3Input"]["S3Uri"]
            theirs, whole = PurePosixPath(urlparse(uri).path).name, PurePosixPath(uri).name
            words = request["AppSpecification"]["ContainerEntrypoint"]
            if words[-1] == f"{channel['S3Input']['LocalPath']}/{theirs}":
                words[-1] = f"{channel['S3Input']['LocalPath']}/{whole}"


DIFFERENCES = [
    Difference(
        "`ProcessingJobName`",
        "`job_name`, or the base name and a timestamp",
        "`<base>-<RUN_ID>-<attempt>`",
        "SageMaker accepts a name once, so the name makes a run happen once. Each run has its own.",
        rule=_job_name,
    ),
    Difference(
        "`NetworkConfig`, where no `network_config` is given",
        "not sent: the container reaches every network",
        "isolated; not for Spark, with requirements to install, or with an app-managed channel",
        "Safe by default.",
        rule=_isolation,
    ),
    Difference(
        "`EnableInterContainerTrafficEncryption`, where `encrypt_inter_container_traffic` is not given",
        "not sent: not encrypted",
        "`true`",
        "Safe by default.",
        rule=_encryption,
    ),
    Difference(
        "Folders in `submit_py_files`, `submit_jars` and `submit_files`",
        "kept as folders inside a folder, which Spark does not open",
        "their files side by side; Python packages in a zip",
        "Spark finds them.",
        rule=_submitted_folders,
    ),
    Difference(
        "`S3Uri` of local code, files and folders, and of archives made from them",
        "`s3://<default bucket>/<job name>/...`",
        "`s3://<assets bucket>/<job>/<hash>/...`, with the same files under the same names, without `__pycache__`, "
        "`.git`, `.env`, `.venv` and the like, which no job needs",
        "They are CDK assets: the same content gives the same request. The files left out change from day to day.",
        rule=_assets,
    ),
    Difference(
        "`ContainerEntrypoint`, where an input is a local folder of several files",
        "as given",
        "with `/bin/sh` before it, which unpacks the folder; not if the entrypoint is the image's own, the input is in "
        "Pipe mode, or it is sharded by key",
        "The CDK publishes each object separately. As one archive, a folder of 120 files is one asset instead of 120.",
        rule=_unpacking,
    ),
    Difference(
        "A Python script in S3 as the `code` of a framework processor",
        "run by bash, which stops at its first `import`",
        "run by `command`",
        "The SDK runs any script in S3 as a shell script.",
        rule=_python_in_s3,
    ),
    Difference(
        "`S3Uri` of an output without a destination",
        "`s3://<default bucket>/<job name>/output/<name>`",
        "`s3://<the platform's data bucket>/<base>/<name>/<RUN_ID>/`",
        "The bucket is the stack's own, not the account's, and each run has its own place.",
        rule=_default_place,
    ),
    Difference(
        "`Environment`",
        "as given",
        "as given, and `CDK_PROCESSING_EXECUTION`",
        "It names the execution that created the job, so a run can recognize its own job.",
        rule=_execution_variable,
    ),
    Difference(
        "`Tags`",
        "as given",
        "as given, and `cdk-processing:job`",
        "Clients find a construct's processing jobs by it.",
        rule=_job_tag,
    ),
    Difference(
        "`S3Uri` of a whole bucket",
        "`s3://bucket`, as given",
        "`s3://bucket/`",
        "It is the same place, always written the same way.",
        rule=_whole_bucket,
    ),
    Difference(
        "`ContainerEntrypoint` of a script with `?`, `#`, `;`, `:` or `%` in its name",
        "read as a URL: for a script in S3, only a part of its name is used; a local script is not found",
        "the whole name",
        "Names of files and of S3 objects may contain them.",
        rule=_script_name,
        refused_there=("code .*[?#;%].* wasn't found", r"code (?!\S+://).* url scheme .* is not recognized"),
    ),
    Difference(
        LAUNCHER,
        "continues if unpacking fails, removes `typing`, installs with `python`, does not quote",
        "stops at the first failure, installs with the Python of `command`, quotes",
        "The program and its requirements are the same. Names with spaces work, and failures are reported at once.",
    ),
    Difference(
        "S3 keys that begin with `/`",
        "sent",
        "refused",
        "`s3://bucket//key` is almost always a typing mistake.",
        refused_here=("key must be a key prefix without a leading '/'",),
    ),
    Difference(
        "`feature_store_output` beside `source` and `destination`",
        "both are sent",
        "refused",
        "An output has one place. Declare two outputs.",
        refused_here=("must be left out beside feature_store_output",),
    ),
    Difference(
        "An app-managed channel with `enable_network_isolation=True`",
        "sent",
        "refused",
        "The script itself reads or writes such a channel, and needs a network to do so.",
        refused_here=("must be False: an app-managed channel is read or written by the script itself",),
    ),
    Difference(
        "`role`",
        "required",
        "optional",
        "The library makes a role with exactly what the job needs.",
        refused_there=("An AWS IAM role is required to create a Processing job",),
    ),
    Difference(
        "`role`, by its name",
        "looked up in the account",
        "refused",
        "Synth does not call AWS, and a role's name does not contain its path.",
        refused_here=("role must be",),
    ),
    Difference(
        "`wait`, `logs`, `job_name`, `kms_key`, `git_config`, `sagemaker_session`",
        "accepted",
        "refused; the error says what to use instead",
        "Synth starts, names, uploads and clones nothing.",
        refused_here=(
            "wait must be left out",
            "logs must be left out",
            "job_name must be left out",
            "kms_key must be left out",
            "git_config must be left out",
        ),
    ),
    Difference(
        "`code_location`, `configuration_location`, `dependency_location`",
        "says where to upload to",
        "refused",
        "Files are CDK assets and go to the bootstrap bucket.",
        refused_here=("code_location must be left out", "_location must be left out"),
    ),
    Difference(
        "`base_job_name`",
        "anything",
        "1-24 lower-case letters, digits and hyphens, no hyphen at either end",
        "`<base>-<RUN_ID>-<attempt>` must fit into 63 characters. IAM compares job ARNs, which are in lower case.",
        refused_here=("base_job_name must be 1-24 lower-case letters",),
    ),
    Difference(
        "`ProcessingOutput` with a local path as its destination",
        "`s3://<default bucket>/<job name>/output/<name>`, as without a destination",
        "refused",
        "Nothing is copied to this machine, so the path has no meaning.",
        refused_here=("outputs.*destination must be an S3Location or an s3:// URI",),
    ),
    Difference(
        "`command=[]`",
        "the script itself is executed",
        "refused",
        "Files that SageMaker copies from S3 are not executable, so the job would fail.",
        refused_here=(r"command must be a list such as \['python3'\], got \[\]",),
    ),
    Difference(
        "`arguments=[]`, `entrypoint=[]`",
        "refused by the SDK's checks of the API",
        "accepted, as if not given",
        "An empty list is not a mistake.",
        refused_there=(
            "ContainerArguments, value: 0, valid min length: 1",
            "ContainerEntrypoint, value: 0, valid min length: 1",
        ),
    ),
    Difference(
        "`env` with a name that begins with `CDK_PROCESSING_`",
        "accepted",
        "refused",
        "This library uses these names.",
        refused_here=("env key must be without the prefix CDK_PROCESSING_",),
    ),
    Difference(
        "An image for CPUs only (scikit-learn, Spark) on an instance with a GPU",
        "refused",
        "accepted",
        "The image runs there. It does not use the GPU.",
        refused_there=("Unsupported processor: gpu",),
    ),
    Difference(
        "`framework_version` newer than the SDK release",
        "refused",
        "accepted",
        "AWS has published images since that release.",
        refused_there=("Unsupported sklearn version: 1.9-0", "Unsupported sklearn version: 1.4-2-py312"),
    ),
    Difference(
        "Two files of one name in `dependencies`, `submit_jars`, `submit_files` or `submit_py_files`",
        "the later one replaces the earlier",
        "refused",
        "They go into one folder, so the container would find only one of them.",
        refused_here=("rename one: they are in one folder there", "rename one, or leave one out"),
    ),
    Difference(
        "A local folder with `s3_data_type='ManifestFile'`",
        "sent",
        "refused",
        "A manifest is one file, so the job would fail.",
        refused_here=("must be a file with s3_data_type='ManifestFile'",),
    ),
    Difference(
        "Values that SageMaker refuses when the job is created",
        "sent",
        "refused",
        "You learn it at synth: paths outside `/opt/ml/processing/`, two channels with one name, line breaks "
        "in arguments, arguments that are empty or too long, two tags of one key, a volume key for instances with "
        "storage of their own.",
        refused_here=(
            "must be an absolute path below /opt/ml/processing/",
            "give each ProcessingInput a name of its own",
            "give each ProcessingOutput a name of its own",
            "give each channel a folder of its own",
            "whose local storage is encrypted by its own hardware",
            "must be on one line",
            "must be at most 256 characters",
            "must be 1-256 characters",
            "leave one out: AWS refuses a key that comes twice",
        ),
    ),
]
