"""``lax`` functions that are not covered where their ``numpy`` counterparts are."""

import numpy as onp

from cases.elementwise import fn_of
from cases.inputs import ALL, FLOATS, INTS, distinct, i32, specials, uniform
from record import close, lax, np, ulp


def write(file):
    file.tol = ulp(2)
    add = file.add
    x34, x234 = uniform((3, 4)), uniform((2, 3, 4))
    y34 = uniform((3, 4), seed=1)

    for name in ("add", "sub", "mul", "div", "max", "min", "pow", "atan2", "eq", "ne", "lt", "le", "gt", "ge", "rem"):
        f = fn_of(f"lax.{name}")
        x = uniform((3, 4), lo=0.1, hi=3) if name == "pow" else x34
        add(f"lax.{name}/float32", lambda x, y: f(x, y), x, y34, tol=ulp(2, 1e-7))
        add(f"lax.{name}/scalar", lambda x: f(x, 1.5), x, tol=ulp(2, 1e-7))
        if name not in ("pow", "atan2"):
            add(f"lax.{name}/int32", lambda x, y: f(x, y), uniform((3, 4), "int32"), uniform((3, 4), "int32", 1, 5, seed=1))
        if name != "pow":
            add(f"lax.{name}/unlike dtypes", lambda x, y: f(x, y), x34, uniform((3, 4), "int32"), throws=True)
        add(f"lax.{name}/unlike shapes", lambda x, y: f(x, y), x34, uniform((2, 4)), throws=True)
    for name in ("and", "or", "xor"):
        f = fn_of(f"lax.bitwise_{name}")
        add(f"{f.ts}/int32", lambda x, y: f(x, y), specials("int32"), specials("int32")[::-1].copy())
        add(f"{f.ts}/bool", lambda x, y: f(x, y), uniform(5, "bool"), uniform(5, "bool", seed=1))
    add("lax.bitwiseNot/uint32", lambda x: lax.bitwise_not(x), specials("uint32"))
    # elementwise.py compares these with the truth; here with XLA, which is less exact.
    for name in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "tanh", "sqrt", "rsqrt", "cbrt", "asin", "acos", "atan",
                 "sinh", "cosh", "asinh", "acosh", "atanh", "logistic", "erf", "erfc", "erf_inv", "lgamma", "digamma",
                 "floor", "ceil", "round", "neg", "abs", "sign", "is_finite", "square", "reciprocal", "exp2"):
        f = fn_of(f"lax.{name}")
        lo, hi = {"acosh": (1.1, 5), "log": (0.1, 5), "sqrt": (0, 4), "rsqrt": (0.1, 4), "lgamma": (0.5, 9), "digamma": (0.5, 9),
                  "asin": (-1, 1), "acos": (-1, 1), "atanh": (-0.9, 0.9), "erf_inv": (-0.9, 0.9), "log1p": (-0.5, 2)}.get(name, (-2, 2))
        for dtype in FLOATS:
            add(f"{f.ts}/{dtype}", lambda x: f(x), uniform(23, dtype, lo, hi), x64=dtype == "float64",
                tol=ulp(64, 1e-6 if dtype == "float32" else 1e-14))
    add("lax.exp/int32", lambda x: lax.exp(x), uniform(3, "int32"), throws=True)
    add("lax.round/away from zero", lambda x: lax.round(x), onp.arange(-2.5, 3, 1, dtype="float32"))
    for n in (0, 1, 2, 3, 5, -1, -3):
        add(f"lax.integerPow/{n}", lambda x: lax.integer_pow(x, n), uniform(9, lo=0.5, hi=2), tol=ulp(4))
        if n >= 0:
            add(f"lax.integerPow/int32 {n}", lambda x: lax.integer_pow(x, n), uniform(9, "int32"))
    for dtype in ALL:
        for dim in (0, 1):
            if dtype != "bool":
                add(f"lax.broadcastedIota/{dtype} {dim}", lambda: lax.broadcasted_iota(dtype, (3, 4), dim), x64=dtype.endswith("64"))
        if dtype != "bool":
            add(f"lax.iota/{dtype}", lambda: lax.iota(dtype, 5), x64=dtype.endswith("64"))
        add(f"lax.convertElementType/{dtype}", lambda x: lax.convert_element_type(x, dtype), onp.array([0, 1.75, -2.5, 255], "float32"), x64=dtype.endswith("64"))
        add(f"lax.fullLike/{dtype}", lambda x: lax.full_like(x, 1), uniform(3, dtype), x64=dtype.endswith("64"))
    for a, b in (("float32", "int32"), ("float32", "uint32"), ("int32", "float32"), ("uint32", "int32"), ("float64", "int64"), ("int64", "float64")):
        add(f"lax.bitcastConvertType/{a} {b}", lambda x: lax.bitcast_convert_type(x, b), specials(a)[:12] if b[0] != "f" else uniform(9, a), x64=a.endswith("64"))
    add("lax.bitcastConvertType/widens", lambda x: lax.bitcast_convert_type(x, "int32"), uniform((3, 4), "uint8"))
    add("lax.bitcastConvertType/narrows", lambda x: lax.bitcast_convert_type(x, "uint8"), uniform((3,), "float32"))

    for shape, dims, x in [((2, 3), (1,), uniform(3)), ((2, 3), (0,), uniform(2)), ((2, 3, 4), (0, 2), uniform((2, 4))), ((2, 3), (), uniform(())),
                           ((3, 2), (0, 1), uniform((3, 1))), ((0, 3), (1,), uniform(3)), ((3,), (0,), uniform(3))]:
        add(f"lax.broadcastInDim/{x.shape} {shape} {dims}", lambda x: lax.broadcast_in_dim(x, shape, dims), x)
    add("lax.broadcastInDim/wrong", lambda x: lax.broadcast_in_dim(x, (2, 4), (1,)), uniform(3), throws=True)
    add("lax.broadcast", lambda x: lax.broadcast(x, (2, 1)), uniform(3))
    add("lax.reshape", lambda x: lax.reshape(x, (4, 3)), x34)
    add("lax.transpose", lambda x: lax.transpose(x, (2, 0, 1)), x234)
    add("lax.squeeze", lambda x: lax.squeeze(x, (0, 2)), uniform((1, 3, 1)))
    add("lax.expandDims", lambda x: lax.expand_dims(x, (0, 2)), uniform((3,)))
    add("lax.rev", lambda x: lax.rev(x, (0, 2)), x234)
    add("lax.concatenate", lambda x, y: lax.concatenate([x, y], 1), x34, y34)
    for config in [((1, 2, 0), (0, 0, 0)), ((0, 0, 1), (1, 0, 2)), ((-1, 1, 0), (0, -2, 0)), ((-1, -1, 1), (2, 0, 0)), ((0, 0, 0), (0, 0, 0))]:
        add(f"lax.pad/{config}", lambda x: lax.pad(x, 9.5, config), x34)
    add("lax.pad/zero size", lambda x: lax.pad(x, 9.5, ((2, 0, 3),)), onp.zeros(0, "float32"))
    for s, l, st in [((0, 1), (3, 3), None), ((0, 0), (3, 4), (2, 3)), ((1, 1), (1, 4), None), ((0, 0), (3, 4), (1, 1)), ((2, 3), (3, 4), None)]:
        add(f"lax.slice/{s} {l} {st}", lambda x: lax.slice(x, s, l) if st is None else lax.slice(x, s, l, strides=st), x34)
    add("lax.slice/wrong", lambda x: lax.slice(x, (0, 0), (3, 5)), x34, throws=True)
    add("lax.sliceInDim", lambda x: lax.slice_in_dim(x, 1, 4, stride=2, axis=1), x34)
    add("lax.indexInDim", lambda x: lax.index_in_dim(x, 1, axis=1), x34)
    for start in ((0, 0), (1, 2), (5, 5), (-1, -2), (-9, 0)):
        add(f"lax.dynamicSlice/{start}", lambda x, i, j: lax.dynamic_slice(x, (i, j), (2, 2)), x34, onp.array(start[0], "int32"), onp.array(start[1], "int32"))
        add(f"lax.dynamicUpdateSlice/{start}", lambda x, u, i, j: lax.dynamic_update_slice(x, u, (i, j)), x34, uniform((2, 2), seed=3), onp.array(start[0], "int32"), onp.array(start[1], "int32"))
    add("lax.dynamicSlice/numbers", lambda x: lax.dynamic_slice(x, (1, 1), (2, 2)), x34)
    add("lax.dynamicSlice/too large", lambda x: lax.dynamic_slice(x, (0, 0), (4, 2)), x34, throws=True)
    add("lax.dynamicSliceInDim", lambda x, i: lax.dynamic_slice_in_dim(x, i, 2, axis=1), x34, onp.array(1, "int32"))
    add("lax.dynamicIndexInDim", lambda x, i: lax.dynamic_index_in_dim(x, i), x34, onp.array(1, "int32"))
    add("lax.dynamicIndexInDim/no axis", lambda x, i: lax.dynamic_index_in_dim(x, i, axis=1, keepdims=False), x34, onp.array(-1, "int32"))
    add("lax.dynamicUpdateSliceInDim", lambda x, u, i: lax.dynamic_update_slice_in_dim(x, u, i, 1), x34, uniform((3, 2)), onp.array(1, "int32"))
    add("lax.dynamicUpdateIndexInDim", lambda x, u, i: lax.dynamic_update_index_in_dim(x, u, i, 0), x34, uniform(4), onp.array(1, "int32"))

    for name in ("sum", "prod", "max", "min"):
        f = fn_of(f"lax.reduce_{name}")
        for axes in ((0,), (1,), (0, 1), ()):
            add(f"{f.ts}/{axes}", lambda x: f(x, axes), x34, tol=close(2e-6, 1e-6))
        add(f"{f.ts}/int32", lambda x: f(x, (1,)), uniform((3, 4), "int32"))
    for name in ("and", "or", "xor"):
        f = fn_of(f"lax.reduce_{name}")
        add(f"{f.ts}/bool", lambda x: f(x, (1,)), uniform((3, 4), "bool"))
        add(f"{f.ts}/int32", lambda x: f(x, (0,)), uniform((3, 4), "int32"))
    add("lax.argmax", lambda x: lax.argmax(x, 1, "int32"), x34)
    add("lax.argmin", lambda x: lax.argmin(x, 0, "int32"), x34)
    add("lax.argmax/uint32", lambda x: lax.argmax(x, 1, "uint32"), x34)
    add("lax.select", lambda c, x, y: lax.select(c, x, y), uniform((3, 4), "bool"), x34, y34)
    add("lax.select/scalar predicate", lambda c, x, y: lax.select(c, x, y), onp.array(True), x34, y34)
    add("lax.select/unlike", lambda c, x, y: lax.select(c, x, y), onp.array(True), x34, uniform((3, 4), "int32"), throws=True)
    add("lax.selectN", lambda i, x, y, z: lax.select_n(i, x, y, z), uniform((3, 4), "int32", 0, 3), x34, y34, -x34)
    add("lax.clamp", lambda x: lax.clamp(-0.5, x, 0.75), x34)
    add("lax.clamp/arrays", lambda a, x, b: lax.clamp(a, x, b), uniform((3, 4), lo=-1, hi=0), x34, uniform((3, 4), lo=0, hi=1))
    add("lax.clamp/NaN", lambda x: lax.clamp(-0.5, x, 0.75), specials("float32"))
    add("lax.clamp/int32", lambda x: lax.clamp(-2, x, 3), specials("int32"))
    for dtype in ALL[:-1]:
        add(f"lax.sort/{dtype}", lambda x: lax.sort(x), specials(dtype), x64=dtype.endswith("64"))
    add("lax.sort/dimension", lambda x: lax.sort(x, dimension=0), distinct((4, 3)))
    add("lax.sort/several", lambda x, y: lax.sort([x, y], num_keys=1), i32(3, 1, 3, 2, 1), i32(0, 1, 2, 3, 4))
    add("lax.sort/two keys", lambda x, y: lax.sort([x, y], num_keys=2), i32(3, 1, 3, 2, 1), i32(4, 3, 2, 1, 0))
    add("lax.topK", lambda x: lax.top_k(x, 3), distinct((2, 7)))
    add("lax.topK/ties", lambda x: lax.top_k(x, 3), i32(1, 5, 5, 2, 5))
    add("lax.cumprod", lambda x: lax.cumprod(x, axis=1), x34, tol=close(2e-6))
    add("lax.stopGradient", lambda x: lax.stop_gradient(x), x34)
    add("lax.tile", lambda x: lax.tile(x, (2, 1)), x34)
    add("lax.split", lambda x: lax.split(x, (1, 3), axis=1), x34)
    add("lax.zerosLikeArray", lambda x: lax.full_like(x, 0), x34)

    # Control flow that the core already has to carry.
    add("lax.cond/true", lambda p, x: lax.cond(p, lambda v: np.sin(v), lambda v: np.cos(v), x), onp.array(True), x34, tol=ulp(3))
    add("lax.cond/false", lambda p, x: lax.cond(p, lambda v: np.sin(v), lambda v: np.cos(v), x), onp.array(False), x34, tol=ulp(3))
    add("lax.switch", lambda i, x: lax.switch(i, [lambda v: v, lambda v: v * 2.0, lambda v: v * v], x), onp.array(7, "int32"), x34)
    add("lax.scan/cumulative", lambda x: lax.scan(lambda c, v: [c + v, c * v], np.zeros((4,)), x), x34, tol=close(2e-6, 1e-6))
    add("lax.scan/length", lambda x: lax.scan(lambda c, v: [c * 0.5 + 1.0, c], x, None, length=4), uniform(3), tol=close(2e-6))
    add("lax.scan/reverse", lambda x: lax.scan(lambda c, v: [c + v, c], np.zeros((4,)), x, reverse=True), x34, tol=close(2e-6, 1e-6))
    add("lax.foriLoop", lambda x: lax.fori_loop(0, 5, lambda i, c: c * 0.5 + 1.0, x), uniform(3), tol=close(2e-6))
    add("lax.whileLoop", lambda x: lax.while_loop(lambda c: np.sum(c) < 50.0, lambda c: c * 2.0, x), uniform(3, lo=1, hi=2), tol=ulp(0))
    add("lax.map", lambda x: lax.map(lambda v: np.sum(v * v), x), x34, tol=close(2e-6))
