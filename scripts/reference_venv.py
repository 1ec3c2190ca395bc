"""The virtual environment of the scripts that make reference vectors: sentence-transformers and what
it needs, at fixed versions, under target/reference-venv.

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


def enter():
    """Goes on in the environment: makes it when needed and starts the calling script again in it."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        return
    python = VENV / "bin" / "python"
    stamp = VENV / "requirements.txt"  # Written last, so that half an installation is made again.
    wanted = "\n".join(REQUIREMENTS) + "\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {', '.join(REQUIREMENTS)} into {VENV}", file=sys.stderr, flush=True)
        venv.create(VENV, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--no-cache-dir", *REQUIREMENTS], check=True)
        stamp.write_text(wanted)
    os.execv(python, [str(python), *sys.argv])
