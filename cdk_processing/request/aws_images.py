"""AWS's own images: their versions, accounts, regions and tags.

``make images`` writes the tables in ``images.json`` from the SageMaker SDK's newest release. The rules that make a tag
from a row are those of the SDK's ``sagemaker.image_uris.retrieve`` with the image scope ``training``, which is what its
estimators and processors call.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, Final

from cdk_processing.errors import Problem
from cdk_processing.request.tokens import is_token

__all__ = [
    "AwsImage",
    "check_framework_version",
    "framework_image",
    "image_families",
    "image_py_versions",
    "image_versions",
    "registry_accounts",
    "spark_image",
    "url_suffix",
]

# The dnsSuffix of botocore's partitions; every other region is in the partition aws or aws-us-gov.
_URL_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "eusc-": "amazonaws.eu",
}
_HUGGING_FACE = "huggingface"
_HUGGING_FACE_CONTAINER = "cu110-ubuntu18.04"  # on a GPU, if the table names none
# Only these families take the end of the tag from the caller if the table has none.
_CONTAINER_IN_TAG = (_HUGGING_FACE, "pytorch-smp", "spark")
# From these versions on, no image runs on P2 instances.
_NO_P2: Final = {"pytorch": (1, 13), "tensorflow": (2, 12)}
_INSTANCE_TYPE = re.compile(r"ml\.(?P<family>[a-z0-9-]+)\.[a-z0-9-]+")
# Neuron, Graviton and P4d need other images, and SageMaker has no instances of theirs for processing jobs.
_NOT_OFFERED = re.compile(r"(inf|trn)\d.*|[a-z]+\d+g[a-z]*|p4d")
_INSTANCE_EXAMPLES = {"cpu": "ml.m5.xlarge", "gpu": "ml.g5.xlarge"}


@dataclass(frozen=True, slots=True)
class AwsImage:
    """An image that AWS publishes in its own accounts, one account for each region.

    Attributes:
        family: For example ``sklearn``; the SDK's word is framework.
        repository: Name of the ECR repository; empty if there is no such image.
        tag: The whole tag, for example ``1.4-2-cpu-py3``.
        registry: Name of the table of regions and accounts; several families share one.
    """

    family: str
    repository: str
    tag: str
    registry: str = ""

    @property
    def accounts(self) -> dict[str, str]:
        """The account that holds the image, by region."""
        registries: dict[str, dict[str, str]] = _tables()["registries"]
        return registries.get(self.registry, {})

    def uri(self, account: str, region: str, suffix: str) -> str:
        """The image's URI in a region; each part may be a CDK token."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{account}.dkr.ecr.{region}.{suffix}/{self.repository}{tag}"

    def uri_in(self, region: str) -> str:
        """The image's URI in a region.

        Raises:
            KeyError: AWS does not publish it there; see :meth:`region_problems`.
        """
        return self.uri(self.accounts[region], region, url_suffix(region))

    def region_problems(self, region: str) -> list[Problem]:
        """A problem if AWS does not publish the image in a region."""
        if not self.accounts or is_token(region) or region in self.accounts:
            return []
        allowed = f"one that AWS publishes {self.repository} in: {', '.join(sorted(self.accounts))}"
        fix = "deploy to one of those, or bring your own image with ScriptProcessor"
        return [Problem("region", region, allowed, fix)]


def image_families() -> list[str]:
    """The families of images that a processing job can run: ``sklearn``, ``pytorch`` ..."""
    return list(_tables()["families"])


def image_versions(family: str) -> list[str]:
    """The versions of an image family that AWS publishes, oldest first, without aliases (``1.2`` for ``1.2.1``)."""
    return list(_family(family)["versions"])


def image_py_versions(family: str, version: str) -> list[str]:
    """The Python versions of a family's version or alias; empty if its tags name none."""
    table = _family(family)
    row = table["versions"][table.get("aliases", {}).get(version, version)]
    bases = row.get("bases")
    return _py_versions(row) if bases is None else sorted({py for base in bases.values() for py in _py_versions(base)})


def registry_accounts(family: str) -> dict[str, str]:
    """The account that holds the newest version of an image family, by region."""
    row = list(_family(family)["versions"].values())[-1]
    rows = [*row.get("pythons", {}).values(), *row.get("bases", {}).values()]
    return AwsImage(family, "", "", (rows or [row])[-1]["registry"]).accounts


def url_suffix(region: str) -> str:
    """Domain of a region's endpoints and registries."""
    return next((suffix for prefix, suffix in _URL_SUFFIXES.items() if region.startswith(prefix)), "amazonaws.com")


def check_framework_version(
    family: str, version: Any, owner: str, field: str = "framework_version", aliases: tuple[str, ...] = ()
) -> list[Problem]:
    """A problem if AWS publishes no image of a version; it names the nearest versions."""
    versions = image_versions(family)
    if version in versions or version in aliases:
        return []
    return [_unlike(field, version, versions, owner)]


def spark_image(
    version: Any, py_version: Any, container_version: Any, instance_type: Any, owner: str
) -> tuple[AwsImage, tuple[Problem, ...]]:
    """Like :func:`framework_image`, by the rules of the SDK's Spark processors."""
    if (py_version is None) != (container_version is None):
        given = ("py_version", "container_version")[py_version is None]
        missing = ("py_version", "container_version")[py_version is not None]
        fix = f"set or leave out both on {owner}"
        return AwsImage("spark", "", ""), (Problem(missing, None, f"given, as {given} is", fix),)
    container = f"v{container_version}" if container_version else None
    return framework_image("spark", version, py_version, instance_type, None, container, owner)


def framework_image(
    family: Any,
    version: Any,
    py_version: Any,
    instance_type: Any,
    base_framework_version: Any,
    container_version: Any,
    owner: str,
) -> tuple[AwsImage, tuple[Problem, ...]]:
    """The image that the SDK picks for these arguments, and what is wrong with them."""
    nothing = AwsImage(str(family), "", "")
    if family not in image_families():
        return nothing, (_unlike("framework", family, image_families(), owner),)
    table = _family(family)
    aliases = table.get("aliases", {})
    if version is None and len(table["versions"]) == 1:
        version = image_versions(family)[0]
    if problems := check_framework_version(family, version, owner, aliases=tuple(aliases)):
        return nothing, tuple(problems)
    row = table["versions"][aliases.get(version, version)]
    found: list[Problem] = []
    prefix = row.get("tag_prefix", version)
    if "bases" in row:
        row, found = _base(row, version, base_framework_version, owner)
        if row is None:
            return nothing, tuple(found)
        prefix = f"{re.sub('^(pytorch|tensorflow)', '', base_framework_version)}-transformers{version}"
    python, problems = _python(family, row, py_version, owner)
    row = row["pythons"].get(python or "", {}) if "pythons" in row else row
    processor, more = _processor(table.get("processors") or row.get("processors"), instance_type, owner)
    found += problems + more + _p2_problems(family, version, instance_type, owner)
    container, more = _container(family, row, processor, container_version, owner)
    found += more
    repository = row.get("repository", "")
    if "python_in_repository" in row:
        repository, python = f"{repository}-{python}", None
    if not row.get("processor_in_tag", True) or (family == "sagemaker-tritonserver" and processor == "gpu"):
        processor = None
    tag = "-".join(part for part in (prefix, processor, python, container) if part)
    return AwsImage(family, repository, tag, row.get("registry", "")), tuple(found)


def _base(row: dict[str, Any], version: str, base: Any, owner: str) -> tuple[Any, list[Problem]]:
    """The framework's row below Hugging Face's: ``pytorch2.0.0`` with ``4.28.1``, ``pytorch2.0`` with ``4.28``."""
    short = version.count(".") < 2
    names = list(row["base_aliases"] if short else row["bases"])
    if base not in names:
        return None, [_unlike("base_framework_version", base, names, owner)]
    return row["bases"][row["base_aliases"].get(base, base)], []


def _python(family: str, row: dict[str, Any], py_version: Any, owner: str) -> tuple[str | None, list[Problem]]:
    """The part of the tag that names Python."""
    names = _py_versions(row)
    if family == "xgboost" and not names and py_version not in (None, "py3"):
        return None, [Problem("py_version", py_version, "'py3' or left out", f"leave it out on {owner}")]
    if not names or (py_version is None and family == "spark"):
        return None, []
    if py_version is None and (len(names) == 1 or "python_in_repository" in row):
        return names[0], []
    return (py_version, []) if py_version in names else (None, [_unlike("py_version", py_version, names, owner)])


def _py_versions(row: dict[str, Any]) -> list[str]:
    return list(row.get("pythons") or row.get("python_in_repository") or row.get("py_versions", ()))


def _processor(processors: Any, instance_type: Any, owner: str) -> tuple[str | None, list[Problem]]:
    """``cpu`` or ``gpu``, if the image has the two; G and P instances have a GPU."""
    if not processors:
        return None, []
    if isinstance(instance_type, (list, tuple)):
        return _processor_of_all(processors, instance_type, owner)
    if len(processors) == 1 and instance_type is None:
        return str(processors[0]), []
    examples = " or ".join(repr(_INSTANCE_EXAMPLES[name]) for name in ("cpu", "gpu") if name in processors)
    fix = f"set instance_type on {owner}"
    known = None if is_token(instance_type) else _INSTANCE_TYPE.fullmatch(str(instance_type))
    if known is None:
        if is_token(instance_type) and len(processors) == 1:
            return str(processors[0]), []
        return None, [Problem("instance_type", instance_type, f"known, to pick the image: {examples} ...", fix)]
    if _NOT_OFFERED.fullmatch(known["family"]):
        return None, [Problem("instance_type", instance_type, f"one that Processing offers: {examples} ...", fix)]
    processor = "gpu" if known["family"][0] in "gp" else "cpu"
    if processor in processors:
        return processor, []
    has = "a GPU" if processors == ["gpu"] else "no GPU"
    return None, [Problem("instance_type", instance_type, f"one with {has}, as {examples}, for this image", fix)]


def _processor_of_all(processors: Any, types: Sequence[Any], owner: str) -> tuple[str | None, list[Problem]]:
    """The same for a list of types: all of them run the one image."""
    every = [_processor(processors, each, owner) for each in types]
    if found := [problem for _, problems in every for problem in problems]:
        return None, found
    if len({processor for processor, _ in every}) > 1:
        fix = f"make the list on {owner} of one kind"
        return None, [Problem("instance_type", list(types), "all with a GPU or all without: they run one image", fix)]
    return next((processor for processor, _ in every), None), []


def _p2_problems(family: str, version: str, instance_type: Any, owner: str) -> list[Problem]:
    if isinstance(instance_type, (list, tuple)):
        return [problem for each in instance_type for problem in _p2_problems(family, version, each, owner)]
    if family not in _NO_P2 or not str(instance_type).startswith("ml.p2."):
        return []
    if tuple(int(part) for part in version.split(".")[:2]) < _NO_P2[family]:
        return []
    limit = ".".join(str(part) for part in _NO_P2[family])
    allowed = f"newer than P2, which AWS's images have not supported since {family} {limit}"
    return [Problem("instance_type", instance_type, allowed, f"set instance_type='ml.g5.xlarge' on {owner}")]


def _container(
    family: str, row: dict[str, Any], processor: str | None, given: Any, owner: str
) -> tuple[str | None, list[Problem]]:
    """The end of the tag, which names the image's build: from the table, else from the caller if it may say so."""
    if row.get("container_version"):
        return row["container_version"].get(processor), []
    if given is None:
        return (_HUGGING_FACE_CONTAINER if family == _HUGGING_FACE and processor == "gpu" else None), []
    if family in _CONTAINER_IN_TAG:
        return str(given), []
    allowed = f"left out: no tag of {row.get('repository', family)} has one"
    return None, [Problem("container_version", given, allowed, f"leave it out on {owner}")]


def _unlike(field: str, value: Any, names: list[str], owner: str) -> Problem:
    near = get_close_matches(str(value), names, n=2, cutoff=0.5) or names[-2:]
    fix = f"nearest: {' or '.join(near)}; set it on {owner}"
    return Problem(field, value, f"one of {', '.join(names)}", fix)


def _family(name: str) -> dict[str, Any]:
    family: dict[str, Any] = _tables()["families"][name]
    return family


@cache
def _tables() -> dict[str, Any]:
    tables: dict[str, Any] = json.loads((Path(__file__).parent / "images.json").read_text(encoding="utf-8"))
    return tables
