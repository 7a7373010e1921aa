"""The web process must start in about a second and stay small: nothing it imports brings torch along."""

from __future__ import annotations

import subprocess
import sys


def test_the_host_side_of_generation_imports_no_torch():
    program = (
        "import sys, invoke_host.generation.local, invoke_host.generation.requests, invoke_host.models.routes\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'numpy', 'PIL', 'scipy'} & set(sys.modules)\n"
        "sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
