"""The certificates that Java trusts. It reads a key store of its own (``cacerts``) instead of the system's bundle.

Here it is written in the format JKS, which every release of Java reads, and which needs no look into the certificates:
https://docs.oracle.com/en/java/javase/17/docs/specs/security/standard-names.html#keystore-types
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import ssl
import struct
from collections.abc import Iterable
from pathlib import Path

__all__ = ["TRUST_STORE", "key_stores_of_java", "trust_store", "trust_variables"]

TRUST_STORE = "/run/cdk-processing/cacerts"
"""Where a container's key store is, besides the places of the Javas on this machine."""

_PASSWORD = "changeit"  # the password of every Java's cacerts, which are public
_PEM = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2
_FOLDERS = ("/usr/lib/jvm", "/usr/java")
_DEBIANS = "/etc/ssl/certs/java/cacerts"


@functools.lru_cache(maxsize=1)
def trust_store(bundle: bytes) -> bytes:
    """Write a bundle of certificates (PEM) as a key store of Java."""
    found = dict.fromkeys(ssl.PEM_cert_to_DER_cert(pem) for pem in _PEM.findall(bundle.decode("latin-1")))
    store = struct.pack(">III", _MAGIC, _VERSION, len(found))
    for number, certificate in enumerate(found):
        store += struct.pack(">I", _TRUSTED) + _text(str(number)) + struct.pack(">Q", 0) + _text("X.509")
        store += struct.pack(">I", len(certificate)) + certificate
    return store + hashlib.sha1(_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + store).digest()


def _text(text: str) -> bytes:
    encoded = text.encode()
    return struct.pack(">H", len(encoded)) + encoded


def key_stores_of_java(homes: Iterable[str]) -> set[str]:
    """Find the key stores of the Javas on this machine.

    Args:
        homes: Folders of other Javas than those in the system's folders.
    """
    folders = [*map(Path, homes), *(home for folder in _FOLDERS for home in Path(folder).glob("*"))]
    stores = [home / below / "security" / "cacerts" for home in folders for below in ("lib", "jre/lib")]
    return {os.path.realpath(store) for store in (*stores, Path(_DEBIANS)) if store.is_file()}


def trust_variables() -> dict[str, str]:
    """Return the variable that gives a Java in an unknown place the key store. It prints a line when it reads it."""
    options = f"-Djavax.net.ssl.trustStore={TRUST_STORE} -Djavax.net.ssl.trustStorePassword={_PASSWORD}"
    return {"JAVA_TOOL_OPTIONS": options}
