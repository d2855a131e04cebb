"""Where development keeps its data."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def var_dir() -> Path:
    """The directory of development's data: `VAR_DIR`, or `var` in the checkout."""
    return Path(os.environ.get("VAR_DIR") or CHECKOUT / "var").absolute()


def make_directory(path: Path) -> Path:
    """Make `path` where it is missing; others may pass through it, as root's services must, but not
    list it.
    """
    path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    return path
