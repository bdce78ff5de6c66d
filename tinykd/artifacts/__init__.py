"""The run directory: every stage's output is stored under the hash of what it depends on.

A stage writes into a ``.partial`` folder, which is renamed when it is complete; so a folder with
its final name is always whole. A stage that was stopped finds its partial folder again and goes on
from the checkpoint in it.
"""

from tinykd.artifacts.directory import RunDirectory
from tinykd.artifacts.files import describe_files, file_sha256, write_atomically
from tinykd.artifacts.fingerprints import code_fingerprint, fingerprint
from tinykd.artifacts.record import Stage

__all__ = [
    "RunDirectory",
    "Stage",
    "code_fingerprint",
    "describe_files",
    "file_sha256",
    "fingerprint",
    "write_atomically",
]
