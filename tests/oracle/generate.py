"""Writes the reference files of the oracle tests from JAX, Equinox and optax.

    python -m venv .venv
    .venv/bin/pip install jax==0.10.2 equinox==0.13.8 optax==0.2.8 scipy==1.17.1
    .venv/bin/python tests/oracle/generate.py            # every file
    .venv/bin/python tests/oracle/generate.py random nn  # some of them

The output is deterministic on one machine; another processor may differ in the last bits of the
floating results, which the tolerances allow for. x86 is needed: the references for float64
functions are taken in its 80-bit floats.

JAX runs with 64-bit types off by default but allowed where named (``jax_explicit_x64_dtypes``):
the very rules of this library. Where that mode narrows or refuses (uint32 with int32 is int64 only
with 64-bit types on; float64 ``argmax`` and ``random.normal`` fail), a case says ``x64=True`` and
names its dtypes.

``record.py`` describes the format, ``cases/`` holds the cases, ``run.ts`` replays them.
"""

import importlib
import os
import pathlib
import subprocess
import sys

os.environ["JAX_PLATFORMS"] = "cpu"
here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here))

import warnings  # noqa: E402

import jax  # noqa: E402

jax.config.update("jax_explicit_x64_dtypes", "allow")
warnings.simplefilter("ignore")

# Every module of cases writes the data file of its name.
FILES = sorted(p.stem for p in (here / "cases").glob("[a-z]*.py") if p.stem != "inputs")

# Files that need more than one device have a process of their own, because JAX counts devices once.
MORE_DEVICES = {"devices": 4, "partition": 8}


def main():
    from record import File

    (here / "data").mkdir(exist_ok=True)
    total, problems = 0, []
    for name in sys.argv[1:] or FILES:
        if name in MORE_DEVICES and "XLA_FLAGS" not in os.environ:
            flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={MORE_DEVICES[name]}"}
            done = subprocess.run([sys.executable, __file__, name], env={**os.environ, **flags})
            if done.returncode != 0:
                problems.append(f"{name}: see above")
            continue
        file = File(name)
        importlib.import_module(f"cases.{name}").write(file)
        cases, size = file.save(here / "data")
        total += size
        print(f"{name}: {cases} cases, {size / 1024:.0f} KB")
        problems += [f"{name}: {p}" for p in file.problems]
    print(f"{total / 1024:.0f} KB")
    if problems:
        sys.exit("\n".join(["cases that JAX refused, and that were left out:", *problems]))


if __name__ == "__main__":
    main()
