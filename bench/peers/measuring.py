"""What the contenders on Python share: one processor, the inputs, and how a call is timed.

Import this before what reads the environment.
"""

import os
import time

os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[-1]})
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np  # noqa: E402


def uniform(n, seed):
    """The numbers of `uniform` in work.ts: a linear congruential generator, jumped in numpy."""
    a, c, mask = 1664525, 1013904223, 0xFFFFFFFF
    out = np.empty(n, np.uint64)
    state = (seed * 2654435761 + 12345) & mask
    block = min(n, 4096)
    for i in range(block):
        state = (state * a + c) & mask
        out[i] = state
    # One jump of `block` steps is again of the form a x + c.
    ja, jc = 1, 0
    for _ in range(block):
        ja, jc = (ja * a) & mask, (jc * a + c) & mask
    for start in range(block, n, block):
        stop = min(start + block, n)
        prev = out[start - block : start - block + stop - start]
        out[start:stop] = (prev * ja + jc) & mask
    return ((out >> np.uint64(8)).astype(np.float64) / 8388608 - 1).astype(np.float32)


def measure(run, plan):
    start = time.perf_counter()
    calls = 0
    while True:
        run()
        calls += 1
        if time.perf_counter() - start >= plan["warm"]:
            break
    per_call = (time.perf_counter() - start) / calls
    n = max(1, int(np.ceil(plan["sample"] / per_call)))
    seconds = []
    begin = time.perf_counter()
    while len(seconds) < plan["samples"] or (
        len(seconds) < 101 and time.perf_counter() - begin < plan["most"]
    ):
        t = time.perf_counter()
        for _ in range(n):
            run()
        seconds.append((time.perf_counter() - t) / n)
    q = np.quantile(seconds, [0, 0.25, 0.5, 0.75])
    return {
        "median": q[2],
        "least": q[0],
        "quartiles": [q[1], q[3]],
        "samples": len(seconds),
        "callsPerSample": n,
    }


def kernel_data(name, n):
    """The inputs of `kernelData` and `sidesData` in work_kernels.ts."""
    if name in ("sort", "cumsum"):
        return [uniform(n, 1)]
    if name == "fft":
        return [uniform(2 * n, 1).view(np.complex64)]
    x = uniform(n * n, 1).reshape(n, n)
    if name == "solve":
        return [x, uniform(n * 64, 2).reshape(n, 64)]
    if name in ("cholesky", "eigh"):
        half = ((x.astype(np.float64) + x.T) / 2).astype(np.float32)
        x = (half + 2 * np.sqrt(n) * np.eye(n)).astype(np.float32)
    return [x]
