"""The work in numpy, one thread: what its own sorts and transforms and OpenBLAS's factorisations take.

Called as `python numpy_peer.py WORK PLAN MODE`, like jax_peer.py.
"""

import json
import sys

from measuring import kernel_data, measure, np

functions = {
    "sort": np.sort,
    "cumsum": np.cumsum,
    "fft": np.fft.fft,
    "cholesky": np.linalg.cholesky,
    "solve": np.linalg.solve,
    "qr": np.linalg.qr,
    "eigh": np.linalg.eigh,
    "svd": np.linalg.svd,
}

work, plan = (json.loads(a) for a in sys.argv[1:3])
if work["kind"] != "kernel" or sys.argv[3] != "warm":
    print("@@" + json.dumps({"able": False}))
    sys.exit(0)
f = functions[work["name"]]
args = kernel_data(work["name"], work["size"])
timing = measure(lambda: f(*args), plan)
facts = {"note": f"numpy {np.__version__}"}
print("@@" + json.dumps({"able": True, "timing": timing, "facts": facts}))
