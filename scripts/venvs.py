"""The virtual environments of the scripts that compare with other libraries or fit parameters: below target/,
one for each, with packages at fixed versions."""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def enter(name, requirements):
    """Goes on in target/NAME: makes it when needed and starts the calling script again in it."""
    folder = ROOT / "target" / name
    if Path(sys.prefix).resolve() == folder.resolve():
        return
    python, stamp, wanted = folder / "bin" / "python", folder / "requirements.txt", "\n".join(requirements) + "\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {', '.join(requirements)} into {folder}", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
                       check=True)
        stamp.write_text(wanted)  # Last, so that half an installation is made again.
    os.execv(python, [str(python), *sys.argv])
