"""The memory of SageMaker's instance types."""

from __future__ import annotations

__all__ = ["memory_of"]

# GB of memory of the size "xlarge"; other sizes of the family have a multiple of it, as their names say.
# https://aws.amazon.com/ec2/instance-types/ and https://aws.amazon.com/sagemaker/ai/pricing/
_GB_OF_XLARGE = {
    **dict.fromkeys(("t3", "m4", "m5", "m5d", "m6i", "m7i", "m7i-flex", "m8i", "m8i-flex"), 16),
    **dict.fromkeys(("c5", "c6i", "c7i", "c7i-flex", "c8i", "c8i-flex"), 8),
    **dict.fromkeys(("r5", "r5d", "r6i", "r7i", "r8i", "r8i-flex"), 32),
    **dict.fromkeys(("g4dn", "g5", "g6"), 16),
    "g6e": 32,
    "c4": 7.5,
}
_SIZES = {"medium": 0.25, "large": 0.5, "xlarge": 1.0}
# These do not follow their names.
_GB = {
    "m4.10xlarge": 160,
    "g4dn.12xlarge": 192,
    "g4dn.16xlarge": 256,
    "p2.xlarge": 61,
    "p2.8xlarge": 488,
    "p2.16xlarge": 732,
    "p3.2xlarge": 61,
    "p3.8xlarge": 244,
    "p3.16xlarge": 488,
}


def memory_of(instance_type: str) -> int | None:
    """Return an instance type's memory in bytes. None for a type that is not known here.

    >>> memory_of("ml.m5.xlarge") >> 30, memory_of("ml.c5.18xlarge") >> 30, memory_of("ml.new1.large")
    (16, 144, None)
    """
    name = instance_type.removeprefix("ml.")
    family, _, size = name.partition(".")
    count = size.removesuffix("xlarge")
    times = _SIZES.get(size) or (float(count) if count.isdigit() else None)
    known = _GB.get(name) or (times and family in _GB_OF_XLARGE and _GB_OF_XLARGE[family] * times)
    return int(known * (1 << 30)) if known else None
