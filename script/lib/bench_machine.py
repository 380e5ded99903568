"""What the benchmarks ran on, and what they were built with."""

import os
import platform
import subprocess
import tempfile


def describe():
    cpus = (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    return {
        "cpu": next(cpus, "unknown"),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "load": os.getloadavg()[1],  # of the last five minutes
        "filesystem": first_line_of("stat", "--file-system", "--format=%T", tempfile.gettempdir()),
        "system": platform.system() + " " + platform.release(),
    }


def lmdb():
    return first_line_of("pkg-config", "--modversion", "lmdb")


def compiler(root):
    cache = root / "build" / "release" / "CMakeCache.txt"
    lines = cache.read_text().splitlines() if cache.exists() else []
    program = next((line.split("=", 1)[1] for line in lines if line.startswith("CMAKE_CXX_COMPILER:")), "c++")
    return first_line_of(program, "--version")


def first_line_of(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.partition("\n")[0].strip() or "unknown"
