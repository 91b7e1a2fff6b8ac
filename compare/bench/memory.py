"""Memory: what an epoch at MovieLens-20M's shape takes, the whole process.

From memory-mapped ratings, k = 64, in a process of its own; the most it ever held (VmHWM; what
getrusage says is at least what the process that started it held).
"""

import subprocess
import sys

from compare.bench import scale
from compare.bench.measuring import Times
from compare.bench.options import Answer, Options
from compare.bench.rows import Must, figure_row

MUST = Must(False, 550, 400)
PROGRAM = """
import sys
from compare.bench import scale
from npcf.training import PerRatingSGD
train, _ = scale.loaded(scale.Shape(*map(int, sys.argv[1:4])), mapped=True)
trainer = PerRatingSGD(n_factors=64, lr=0.02, weight_decay=0.05)
trainer.fit(train, 1, threads=2, progress=False)
status = open("/proc/self/status").read().split()
print(status[status.index("VmHWM:") + 1])
"""


def run(options: Options) -> Answer:
    """Measure in fresh processes; the first compiles, and is not counted."""
    shape = scale.SMALL if options.small else scale.Shape()
    scale.planted_files(shape)
    command = [sys.executable, "-c", PROGRAM, *map(str, shape)]
    peaks = [_megabytes(command) for _ in range(options.rounds + 1)]
    question = "peak memory, 20M ratings from memory-mapped files, k = 64, one epoch"
    return Answer([figure_row(question, Times(tuple(peaks[1:])), MUST, "MB")], {})


def _megabytes(command: list[str]) -> float:
    """Return the peak of a process that prints it in KiB."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024 / 1e6
