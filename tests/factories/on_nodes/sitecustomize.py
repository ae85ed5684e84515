"""On the path of a node of a cluster: has its runs trained by forks, see tests/factories/forked.py.

A worker itself is new there, as for a user.
"""

import subprocess
import sys

if "core.workers.train" in sys.orig_argv:
    from tests.factories import forked

    subprocess.Popen = forked.Popen  # type: ignore[misc]
