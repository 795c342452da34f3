"""The environment of the comparison: its Python packages, and a description of the machine."""
import importlib.util
import os
import pathlib
import platform
import subprocess
import sys

PACKAGES = ["torch", "numpy"]


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def enter(folder, threads=None, packages=PACKAGES):
    """Continues in a Python that has the packages, this one or that of `folder`, with this number of threads for all.

    Libraries read these variables when they are loaded, so this has to come first; it may start the program again.
    """
    for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
        if threads is not None:
            os.environ[name] = str(threads)
    if all(importlib.util.find_spec(package) for package in packages):
        return
    python = folder / "bin/python"
    if pathlib.Path(sys.prefix) == folder:
        sys.exit(f"{', '.join(packages)} cannot be imported from {folder}; remove that folder and try again.")
    imports = f"import {', '.join(packages)}"
    if not python.exists() or subprocess.run([python, "-c", imports], capture_output=True).returncode != 0:
        print(f"installing {', '.join(packages)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    os.execv(python, [str(python), *sys.argv])


def binary(root):
    """The newest echelon that was built."""
    built = [path for kind in ["release", "debug"] if (path := root / f".build/{kind}/echelon").exists()]
    if not built:
        sys.exit("There is no echelon under .build: run `swift build --product echelon` first.")
    return max(built, key=lambda path: path.stat().st_mtime)


def machine():
    """The processor's name, and the instruction sets that decide its arithmetic."""
    name, flags = platform.processor() or platform.machine(), []
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            name = value.strip()
        if key.strip() == "flags":
            flags = value.split()
    wanted = ["avx2", "avx_vnni", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8"]
    return {"name": name, "cores": cores(), "instructions": [flag for flag in wanted if flag in flags]}


def commit(root):
    """The commit that is checked out, and whether files differ from it."""
    def git(*words):
        return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + (", with changes" if git("status", "--porcelain", "-uno") else "")
