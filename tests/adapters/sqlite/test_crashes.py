"""What was reported as durable is there after `kill -9`, whenever it comes."""

import json
import os
import random
import subprocess
import sys
import tempfile

import pytest

RUNS = int(os.environ.get("LOGUX_CRASHES", "300"))
# What a killed process has written the system has, whether it is on the disk or not.
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it forks")
@pytest.mark.timeout(60 + RUNS)
def test_what_was_reported_as_durable_survives_hundreds_of_kills() -> None:
    seed = random.randrange(10**6)
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        result = subprocess.run(
            [sys.executable, "-m", "tests.adapters.sqlite.crashing", folder, str(RUNS), str(seed)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
    assert result.returncode == 0, f"seed {seed}: {result.stderr}"
    done = json.loads(result.stdout)
    assert done["runs"] == RUNS
    assert done["turns"] > RUNS, "it was never killed while it wrote"
