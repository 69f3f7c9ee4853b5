"""The machine that a run was recorded on."""

import os
import platform
from pathlib import Path

SIMD = ["avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"]


def machine():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    values = {key: next((line.split(":")[1].strip() for line in lines if line.startswith(key)), "") for key in ["model name", "flags"]}
    flags = values["flags"].split()
    return {"cpu": values["model name"], "cores": os.cpu_count(), "simd": [flag for flag in SIMD if flag in flags],
            "system": platform.platform(), "python": platform.python_version()}
