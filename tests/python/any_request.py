"""Sends a running cognate requests that the document of its interface allows, and others, made by schemathesis.

any_request.py ADDRESS KEY N: at least N requests over every route, with a key of an admin; the papers of the server do not
survive that. Prints how many were sent. Ends with an error at answers that are failures of the server or that the document
does not allow: status, media type, headers and shape.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ADDRESS, KEY, N = sys.argv[1], sys.argv[2], int(sys.argv[3])
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
          "response_schema_conformance", "unsupported_method", "allow_header_conformance"]
# What takes every combination of parameters at their bounds sends thousands.
IS_SHORT = N < 3000
PHASES = "examples,fuzzing" if IS_SHORT else "examples,coverage,fuzzing"
N_EACH = max(1, N // 150) if IS_SHORT else 30


def run(seed, folder):
    """One run over every route: how many requests it sent."""
    command = [Path(sys.executable).parent / "st", "run", f"{ADDRESS}/openapi.json", "--header", f"Authorization: Bearer {KEY}",
               "--checks", ",".join(CHECKS), "--phases", PHASES, "--max-examples", N_EACH, "--seed", seed, "--no-shrink",
               "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--request-timeout", 300]
    # It keeps a database of examples in its folder.
    finished = subprocess.run([str(part) for part in command], cwd=folder, stdout=subprocess.PIPE, text=True)
    counted = re.search(r"(\d+) generated", finished.stdout)
    tested = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", finished.stdout)
    if finished.returncode != 0 or not counted or not tested or len(set(tested.groups())) != 1:
        sys.exit(f"seed {seed}:\n{finished.stdout}")
    return int(counted[1])


n_sent, seed = 0, 1
with tempfile.TemporaryDirectory() as folder:
    while n_sent < N:
        n_sent += run(seed, folder)
        seed += 1
print(n_sent)
