"""The virtual environment of the scripts that compare with other encoders: sentence-transformers and what
it needs, at fixed versions, under target/reference-venv; with PEERS, the runtimes that scripts/bench-embed
measures too.

Only those scripts use it, never a test: torch alone brings gigabytes of CUDA libraries.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / "target" / "reference-venv"
REQUIREMENTS = ["sentence-transformers==6.2.0", "transformers==5.24.0", "torch==2.15.0", "numpy==2.4.6"]
PEERS = ["onnx==1.23.2", "onnxscript==0.7.2", "onnxruntime==1.32.0", "openvino==2026.4.1", "nncf==3.4.0",
         "zstandard==0.25.0"]


def enter(further=()):
    """Goes on in the environment: makes it when needed and starts the calling script again in it."""
    python = VENV / "bin" / "python"
    stamp = VENV / "requirements.txt"  # Written last, so that half an installation is made again.
    installed = stamp.read_text().split() if stamp.exists() else []
    wanted = [*REQUIREMENTS, *further]
    if not set(wanted) <= set(installed):
        kept = [line for line in installed if line in REQUIREMENTS or line in PEERS]
        wanted = list(dict.fromkeys([*wanted, *kept]))
        print(f"installing {', '.join(wanted)} into {VENV}", file=sys.stderr, flush=True)
        if len(kept) < len(installed) or not kept:
            venv.create(VENV, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--no-cache-dir", *wanted], check=True)
        stamp.write_text("\n".join(wanted) + "\n")
    if Path(sys.prefix).resolve() != VENV.resolve():
        os.execv(python, [str(python), *sys.argv])
