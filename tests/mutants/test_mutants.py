"""The list of guards fits the code; `make mutants` tries them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "run.py"


def test_each_guard_is_where_the_list_says() -> None:
    """Kind: a check that no longer breaks anything, and so cannot fail."""
    ended = subprocess.run(
        [sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
