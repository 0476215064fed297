"""Write cdk_processing/local/aws/iam/managed_policies.json.xz: what the policies say that AWS manages.

    python scripts/make_managed_policies.py

AWS publishes them in its reference of managed policies. The documents come from the newest release of moto on the
package index, which keeps a copy of all of them as IAM returns them. Policies of service-linked roles are left out:
nobody can attach them.
"""

from __future__ import annotations

import ast
import json
import lzma
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "cdk_processing" / "local" / "aws" / "iam" / "managed_policies.json.xz"
_MODULE = "moto/iam/aws_managed_policies.py"
_NOT_ATTACHABLE = "/aws-service-role/"


def main() -> int:
    """Write the table."""
    with tempfile.TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "moto"]
        subprocess.run(download, check=True)
        (wheel,) = Path(folder).glob("moto-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            policies = _policies(archive.read(_MODULE).decode())
    TABLE.write_bytes(lzma.compress(json.dumps(policies, separators=(",", ":"), sort_keys=True).encode()))
    print(f"{len(policies):,} policies from {wheel.name}")
    return 0


def _policies(module: str) -> dict[str, Any]:
    """Each document by the policy's path and name."""
    (text,) = (
        node.value.value
        for node in ast.parse(module).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    return {
        f"{policy['Path']}{name}".lstrip("/"): policy["Document"]
        for name, policy in json.loads(text).items()
        if policy["Path"] != _NOT_ATTACHABLE
    }


if __name__ == "__main__":
    sys.exit(main())
