"""Ends with a sentence if this Python is too old or too new. Every Python since 2.7 can read it."""

import sys

OLDEST = (3, 11)
NEWEST = (3, 14)

if not OLDEST <= tuple(sys.version_info[:2]) <= NEWEST:
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(
        "Python 3.11 to 3.14 is needed, and "
        + (sys.executable or "this one")
        + " is Python "
        + found
        + ". Nothing was installed: install a newer one, or name one that you have, as in "
        "make PYTHON=python3.12 or py -3.12"
    )
