"""Settings of the whole test run, in force before any test module imports torch."""

from __future__ import annotations

import os

# One thread per process: on shared cores, OpenMP's barriers cost many times what a second thread gains.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
