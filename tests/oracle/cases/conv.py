"""Convolutions and windows: forward, derivatives of first and second order, batched; paddings, strides, dilations, groups."""

import numpy as onp

from cases.inputs import distinct, uniform
from record import close, lax, np, vn

HALVES = ["float16", "bfloat16"]
T = close(1e-5, 1e-5)
T2 = close(1e-4, 2e-4)

# name -> (shape of lhs, shape of rhs, strides, padding, options)
CONVS = {
    "0-d": ((3, 4), (5, 4), (), (), {}),
    "1-d valid": ((2, 3, 7), (4, 3, 3), (1,), "VALID", {}),
    "1-d same": ((2, 3, 7), (4, 3, 4), (1,), "SAME", {}),
    "1-d same lower, stride": ((2, 3, 8), (4, 3, 4), (2,), "SAME_LOWER", {}),
    "1-d strides that leave a rest": ((1, 2, 9), (3, 2, 2), (4,), "VALID", {}),
    "1-d asymmetric padding": ((2, 2, 5), (3, 2, 3), (1,), ((2, 1),), {}),
    "1-d cropped": ((2, 2, 9), (3, 2, 3), (2,), ((-2, 1),), {}),
    "1-d cropped on both sides": ((1, 2, 9), (3, 2, 2), (1,), ((-1, -3),), {}),
    "1-d window larger than the operand": ((1, 2, 2), (3, 2, 4), (1,), ((2, 2),), {}),
    "1-d no windows": ((1, 2, 2), (3, 2, 4), (1,), "VALID", {}),
    "1-d lhs dilation": ((2, 3, 4), (2, 3, 3), (1,), ((2, 2),), {"lhs_dilation": (2,)}),
    "1-d lhs dilation, stride": ((1, 2, 5), (2, 2, 3), (3,), ((1, 2),), {"lhs_dilation": (2,)}),
    "1-d lhs dilation, cropped": ((1, 2, 5), (2, 2, 2), (1,), ((-1, -2),), {"lhs_dilation": (3,)}),
    "1-d rhs dilation": ((2, 3, 9), (2, 3, 3), (2,), ((1, 0),), {"rhs_dilation": (2,)}),
    "1-d both dilations": ((1, 2, 5), (2, 2, 3), (2,), ((2, 1),), {"lhs_dilation": (3,), "rhs_dilation": (2,)}),
    "1-d features last": ((2, 7, 3), (3, 3, 4), (1,), "SAME", {"dimension_numbers": ("NHC", "HIO", "NHC")}),
    "1-d strange orders": ((7, 2, 3), (2, 4, 3), (1,), "SAME", {"dimension_numbers": ("HCN", "IHO", "CNH")}),
    "2-d 3x3": ((2, 3, 5, 6), (4, 3, 3, 3), (1, 1), "SAME", {}),
    "2-d 1x1": ((2, 3, 4, 5), (4, 3, 1, 1), (1, 1), "VALID", {}),
    "2-d strides": ((1, 2, 7, 6), (3, 2, 3, 2), (2, 3), ((1, 0), (0, 2)), {}),
    "2-d NHWC": ((2, 5, 6, 3), (3, 2, 3, 4), (2, 1), "SAME", {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}),
    "2-d spatial axes exchanged": ((1, 2, 6, 5), (3, 2, 3, 2), (1, 2), "SAME", {"dimension_numbers": ("NCWH", "OIHW", "NCHW")}),
    "2-d dilations": ((1, 2, 5, 4), (2, 2, 2, 3), (1, 2), ((1, 2), (3, 1)), {"lhs_dilation": (2, 1), "rhs_dilation": (1, 2)}),
    "2-d groups": ((2, 6, 5, 4), (4, 3, 3, 2), (1, 2), "SAME", {"feature_group_count": 2}),
    "2-d depthwise": ((2, 4, 5, 5), (4, 1, 3, 3), (1, 1), "SAME", {"feature_group_count": 4}),
    "2-d depthwise, two outputs each": ((1, 3, 5, 4), (6, 1, 2, 3), (2, 1), ((1, 1), (0, 1)), {"feature_group_count": 3}),
    "2-d groups, NHWC": ((2, 4, 5, 4), (2, 2, 2, 6), (1, 1), "VALID", {"feature_group_count": 2, "dimension_numbers": ("NHWC", "HWIO", "NHWC")}),
    "2-d batch groups": ((4, 3, 5, 4), (6, 3, 3, 2), (1, 1), "SAME", {"batch_group_count": 2}),
    "2-d batch groups, stride": ((6, 2, 5, 4), (3, 2, 2, 2), (2, 1), ((0, 1), (1, 0)), {"batch_group_count": 3}),
    "3-d": ((1, 2, 4, 3, 5), (3, 2, 2, 3, 2), (1, 2, 1), ((0, 1), (1, 1), (1, 0)), {}),
    "3-d NDHWC": ((1, 4, 3, 5, 2), (2, 3, 2, 2, 3), (2, 1, 1), "SAME", {"dimension_numbers": ("NDHWC", "DHWIO", "NDHWC")}),
}


def convolutions(add):
    for name, (xs, ws, strides, padding, options) in CONVS.items():
        x, w = uniform(xs), uniform(ws, seed=1)
        conv = lambda x, w: lax.conv_general_dilated(x, w, strides, padding, **options)
        loss = lambda x, w: np.sum(np.sin(conv(x, w)))
        add(f"lax.convGeneralDilated/{name}", lambda x, w: conv(x, w), x, w, tol=T)
        add(f"grad of lax.convGeneralDilated/{name}", lambda x, w: vn.grad(loss, argnums=(0, 1))(x, w), x, w, tol=T)
        add(f"jvp of lax.convGeneralDilated/{name}", lambda x, w, tx, tw: vn.jvp(conv, (x, w), (tx, tw)), x, w, uniform(xs, seed=2), uniform(ws, seed=3), tol=T)
        for argnums in (0, 1) if len(xs) < 5 else ():
            inner = lambda x, w: np.sum(np.cos(vn.grad(loss, argnums=argnums)(x, w)))
            add(f"second derivative of lax.convGeneralDilated/{name}, {argnums}", lambda x, w: vn.grad(inner, argnums=(0, 1))(x, w), x, w, tol=T2)
        bx, bw = uniform((3, *xs), seed=4), uniform((3, *ws), seed=5)
        add(f"vmap of lax.convGeneralDilated/{name}, lhs", lambda x, w: vn.vmap(conv, in_axes=(0, None))(x, w), bx, w, tol=T)
        add(f"vmap of lax.convGeneralDilated/{name}, rhs", lambda x, w: vn.vmap(conv, in_axes=(None, 0))(x, w), x, bw, tol=T)
        add(f"vmap of lax.convGeneralDilated/{name}, both", lambda x, w: vn.vmap(conv)(x, w), bx, bw, tol=T)
        last = lambda v: onp.moveaxis(v, 0, -1).copy()
        add(f"vmap of lax.convGeneralDilated/{name}, last axis", lambda x, w: vn.vmap(conv, in_axes=(-1, -1), out_axes=1)(x, w), last(bx), last(bw), tol=T)
        add(f"vmap of grad of lax.convGeneralDilated/{name}", lambda x, w: vn.vmap(vn.grad(loss, argnums=(0, 1)), in_axes=(0, None))(x, w), bx, w, tol=T)
    # Forward only: with more padding than the window has room for, XLA's derivative is not that of its result.
    add("lax.convGeneralDilated/1-d, more padding than window", lambda x, w: lax.conv_general_dilated(x, w, (1,), ((3, 1),)), uniform((2, 2, 5)), uniform((3, 2, 3), seed=1), tol=T)
    x, w = uniform((2, 3, 7), "float64"), uniform((4, 3, 3), "float64", seed=1)
    add("lax.convGeneralDilated/float64", lambda x, w: lax.conv_general_dilated(x, w, (2,), "SAME"), x, w, x64=True, tol=close(1e-14, 1e-14))
    for dtype in ("int32", "uint8"):
        x, w = uniform((2, 3, 7), dtype), uniform((4, 3, 3), dtype, seed=1)
        add(f"lax.convGeneralDilated/{dtype}", lambda x, w: lax.conv_general_dilated(x, w, (2,), "SAME"), x, w)
    for dtype in HALVES:
        x, w = uniform((2, 3, 7)).astype(dtype), uniform((4, 3, 3), seed=1).astype(dtype)
        conv = lambda x, w: lax.conv_general_dilated(x, w, (2,), "SAME")
        add(f"lax.convGeneralDilated/{dtype}", lambda x, w: conv(x, w), x, w, tol=close(1e-2, 1e-2))
        add(f"grad of lax.convGeneralDilated/{dtype}", lambda x, w: vn.grad(lambda x, w: np.sum(conv(x, w)), argnums=(0, 1))(x, w), x, w, tol=close(2e-2, 2e-2))
    x, w = uniform((1, 16, 9, 9)).astype("bfloat16"), uniform((16, 16, 3, 3), seed=1).astype("bfloat16")
    add("lax.convGeneralDilated/large, bfloat16", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME"), x, w, tol=close(2e-2, 5e-2))
    add("lax.convGeneralDilated/large, int32", lambda x, w: lax.conv_general_dilated(x, w, (1, 1), "SAME"), uniform((2, 5, 11, 12), "int32", -(2**31), 2**31 - 1), uniform((7, 5, 3, 3), "int32", -(2**31), 2**31 - 1, seed=1))
    add("lax.convGeneralDilated/large, uint8", lambda x, w: lax.conv_general_dilated(x, w, (2, 1), ((1, 2), (-1, 1)), rhs_dilation=(2, 1)), uniform((2, 5, 11, 12), "uint8", 0, 255), uniform((7, 5, 3, 3), "uint8", 0, 255, seed=1))
    add("lax.convGeneralDilated/preferred type", lambda x, w: lax.conv_general_dilated(x, w, (1,), "VALID", preferred_element_type="int32"), uniform((1, 2, 5), "uint8", 0, 255), uniform((1, 2, 3), "uint8", 0, 255))
    # Large enough for the kernels that work by blocks, with edges in every direction.
    for name, xs, ws, strides, padding, options in [
        ("3x3", (2, 19, 13, 15), (23, 19, 3, 3), (1, 1), "SAME", {}),
        ("5x3, strides", (1, 8, 17, 18), (37, 8, 5, 3), (2, 3), ((2, 1), (0, 3)), {}),
        ("1x1", (3, 40, 5, 7), (33, 40, 1, 1), (1, 1), "VALID", {}),
        ("NHWC", (2, 9, 11, 16), (3, 3, 16, 24), (1, 1), "SAME", {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}),
        ("lhs dilation", (1, 12, 7, 8), (10, 12, 4, 3), (1, 1), ((2, 3), (2, 1)), {"lhs_dilation": (2, 3)}),
        ("all dilations and strides", (2, 6, 9, 8), (9, 6, 3, 4), (3, 2), ((4, 3), (5, -2)), {"lhs_dilation": (2, 3), "rhs_dilation": (2, 2)}),
        ("depthwise", (2, 16, 14, 15), (16, 1, 3, 3), (1, 1), "SAME", {"feature_group_count": 16}),
        ("depthwise, features last", (2, 10, 11, 16), (3, 3, 1, 32), (1, 1), "SAME", {"feature_group_count": 16, "dimension_numbers": ("NHWC", "HWIO", "NHWC")}),
        ("groups", (1, 24, 9, 10), (16, 6, 3, 3), (1, 1), "SAME", {"feature_group_count": 4}),
        ("batch groups", (8, 10, 9, 8), (12, 10, 3, 3), (1, 1), "SAME", {"batch_group_count": 4}),
        ("long window", (2, 1, 700), (20, 1, 128), (32,), ((64, 64),), {}),
        ("long axis", (1, 2, 1500), (3, 2, 5), (1,), "SAME", {"rhs_dilation": (7,)}),
        ("3-d", (1, 5, 7, 8, 6), (9, 5, 3, 2, 3), (1, 1, 2), "SAME", {}),
    ]:
        x, w = uniform(xs), uniform(ws, seed=1)
        conv = lambda x, w: lax.conv_general_dilated(x, w, strides, padding, **options)
        scale = float(onp.prod(ws) / ws[1 if "HWIO" not in str(options) else -1]) ** -0.5
        add(f"lax.convGeneralDilated/large, {name}", lambda x, w: conv(x, w) * scale, x, w, tol=close(2e-5, 2e-5))
        add(f"grad of lax.convGeneralDilated/large, {name}", lambda x, w: vn.grad(lambda x, w: np.mean(np.sin(conv(x, w) * scale)) * 100.0, argnums=(0, 1))(x, w), x, w, tol=close(2e-5, 5e-5))
    x, w = uniform((2, 3, 7)), uniform((4, 3, 3), seed=1)
    bad = [
        ("features", x, uniform((4, 2, 3)), (1,), "VALID", {}), ("groups of features", x, w, (1,), "VALID", {"feature_group_count": 2}),
        ("groups of outputs", uniform((2, 6, 7)), uniform((3, 3, 3)), (1,), "VALID", {"feature_group_count": 2}),
        ("groups of examples", uniform((3, 3, 7)), w, (1,), "VALID", {"batch_group_count": 2}), ("both groups", uniform((2, 6, 7)), w, (1,), "VALID", {"batch_group_count": 2, "feature_group_count": 2}),
        ("ranks", x, uniform((4, 3)), (1,), "VALID", {}), ("strides", x, w, (1, 1), "VALID", {}), ("padding", x, w, (1,), ((0, 0), (0, 0)), {}), ("name of a padding", x, w, (1,), "WIDE", {}),
        ("dilations", x, w, (1,), "VALID", {"rhs_dilation": (1, 2)}), ("named padding and lhs dilation", x, w, (1,), "SAME", {"lhs_dilation": (2,)}),
        ("cropped to nothing", x, w, (1,), ((-5, -5),), {}), ("dimension numbers", x, w, (1,), "VALID", {"dimension_numbers": ("NCH", "OIW", "NCH")}),
        ("letters", x, w, (1,), "VALID", {"dimension_numbers": ("NHH", "OIH", "NCH")}), ("dtypes", x, uniform((4, 3, 3), "int32"), (1,), "VALID", {}),
    ]
    for name, x, w, strides, padding, options in bad:
        add(f"lax.convGeneralDilated/wrong {name}", lambda x, w: lax.conv_general_dilated(x, w, strides, padding, **options), x, w, throws=True)


def conveniences(add):
    x, w = uniform((2, 3, 7, 6)), uniform((4, 3, 3, 2), seed=1)
    add("lax.conv", lambda x, w: lax.conv(x, w, (2, 1), "SAME"), x, w, tol=T)
    add("lax.convWithGeneralPadding", lambda x, w: lax.conv_with_general_padding(x, w, (1, 2), ((1, 0), (2, 1)), (1, 2), (2, 1)), x, w, tol=T)
    add("lax.convWithGeneralPadding/no dilations", lambda x, w: lax.conv_with_general_padding(x, w, (1, 2), "VALID", None, None), x, w, tol=T)
    for stride in (1, 2, 3):
        for k in (1, 2, 3, 4):
            for padding in ("SAME", "VALID", ((1, 2),)):
                add(f"lax.convTranspose/{stride} {k} {padding}", lambda x, w: lax.conv_transpose(x, w, (stride,), padding), uniform((1, 4, 2)), uniform((k, 2, 3)), tol=T)
    for n in (2, 3):
        shape = (1, *(4,) * n, 2)
        kernel = (*(3,) * n, 2, 3)
        add(f"lax.convTranspose/{n}-d", lambda x, w: lax.conv_transpose(x, w, (2,) * n, "SAME"), uniform(shape), uniform(kernel), tol=T)
        add(f"lax.convTranspose/{n}-d, kernel transposed", lambda x, w: lax.conv_transpose(x, w, (2,) * n, "VALID", transpose_kernel=True), uniform(shape), uniform((*(3,) * n, 3, 2)), tol=T)
    add("lax.convTranspose/dimension numbers", lambda x, w: lax.conv_transpose(x, w, (2,), "SAME", dimension_numbers=("NCH", "OIH", "NCH")), uniform((1, 2, 4)), uniform((3, 2, 3)), tol=T)
    add("lax.convTranspose/dilation", lambda x, w: lax.conv_transpose(x, w, (2,), "SAME", rhs_dilation=(2,)), uniform((1, 4, 2)), uniform((3, 2, 3)), tol=T)
    add("lax.convTranspose/consistent padding", lambda x, w: lax.conv_transpose(x, w, (2,), ((1, 0),), use_consistent_padding=True), uniform((1, 4, 2)), uniform((3, 2, 3)), tol=T)
    add("grad of lax.convTranspose", lambda x, w: vn.grad(lambda x, w: np.sum(lax.conv_transpose(x, w, (2,), "SAME") ** 2), argnums=(0, 1))(x, w), uniform((1, 4, 2)), uniform((3, 2, 3)), tol=T)
    for dims in (None, ("NHWC", "HWIO", "CNHW"), ("NCHW", "OIWH", "NCHW")):
        add(f"lax.convGeneralDilatedPatches/{dims}", lambda x: lax.conv_general_dilated_patches(x, (2, 3), (2, 1), "SAME", rhs_dilation=(1, 2), dimension_numbers=dims), uniform((2, 5, 6, 3)), tol=T)
    a, b = uniform(9), uniform(4, seed=1)
    for mode in ("full", "same", "valid"):
        for name in ("convolve", "correlate"):
            f = getattr(np, name)
            for first, second in ((a, b), (b, a), (a, a), (a[:1], b), (b, uniform(5))):
                add(f"np.{name}/{mode} {first.size} {second.size}", lambda x, y: f(x, y, mode=mode), first, second, tol=T)
            add(f"grad of np.{name}/{mode}", lambda x, y: vn.grad(lambda x, y: np.sum(f(x, y, mode=mode) ** 2), argnums=(0, 1))(x, y), a, b, tol=T)
    for name in ("convolve", "correlate"):
        f = getattr(np, name)
        add(f"np.{name}/default mode", lambda x, y: f(x, y), a, b, tol=T)
        add(f"np.{name}/mode in place", lambda x, y: f(x, y, "same"), a, b, tol=T)
        add(f"np.{name}/integers", lambda x, y: f(x, y), uniform(5, "int32"), uniform(3, "int32", seed=1), tol=T)
        add(f"np.{name}/wrong mode", lambda x, y: f(x, y, mode="wide"), a, b, throws=True)
        add(f"np.{name}/a matrix", lambda x, y: f(x, y), uniform((2, 2)), b, throws=True)
        add(f"np.{name}/nothing", lambda x, y: f(x, y), a[:0], b, throws=True)


# name -> (shape, window, options)
WINDOWS = {
    "1-d": ((9,), (3,), {}),
    "1-d, apart": ((9,), (2,), {"window_strides": (2,)}),
    "1-d, with gaps": ((9,), (2,), {"window_strides": (3,)}),
    "1-d, same": ((9,), (4,), {"padding": "SAME", "window_strides": (2,)}),
    "1-d, same lower": ((9,), (4,), {"padding": "SAME_LOWER", "window_strides": (1,)}),
    "1-d, cropped": ((9,), (2,), {"padding": ((-2, 1),)}),
    "2-d, overlapping": ((6, 7), (3, 3), {"window_strides": (2, 2), "padding": ((1, 1), (1, 1))}),
    "2-d, apart": ((2, 4, 6), (1, 2, 2), {"window_strides": (1, 2, 2)}),
    "4-d": ((2, 3, 5, 6), (1, 1, 3, 2), {"window_strides": (1, 1, 2, 2), "padding": ((0, 0), (0, 0), (1, 0), (0, 1))}),
    "none": ((2,), (4,), {}),
    "large": ((2, 3, 14, 15), (1, 1, 5, 6), {"window_strides": (1, 1, 2, 1), "padding": ((0, 0), (0, 0), (2, 3), (4, 1))}),
    "over all of two axes": ((2, 4, 13, 12), (1, 1, 13, 12), {}),
    "over all of one axis, cropped": ((3, 30, 12), (1, 32, 3), {"padding": ((0, 0), (1, 1), (-1, 2)), "window_strides": (1, 1, 2)}),
}
DILATED = {
    "window dilation": ((9,), (3,), {"window_dilation": (2,), "padding": ((1, 2),)}),
    "base dilation": ((5,), (3,), {"base_dilation": (2,), "window_strides": (2,), "padding": ((1, 0),)}),
    "both dilations": ((5, 4), (2, 3), {"base_dilation": (2, 1), "window_dilation": (3, 2), "window_strides": (1, 2), "padding": ((1, 2), (2, 1))}),
}


def windows(add):
    inf = float("inf")
    for op, init in (("add", 0.0), ("max", -inf), ("min", inf)):
        f = getattr(lax, op)
        for name, (shape, dims, options) in {**WINDOWS, **DILATED}.items():
            x = uniform(shape)
            fn = lambda x: lax.reduce_window(x, init, f, dims, **options)
            loss = lambda x: np.sum(np.sin(fn(x)))
            add(f"lax.reduceWindow/{op}, {name}", lambda x: fn(x), x, tol=T)
            add(f"jvp of lax.reduceWindow/{op}, {name}", lambda x, t: vn.jvp(fn, (x,), (t,)), x, uniform(shape, seed=2), tol=T)
            add(f"vmap of lax.reduceWindow/{op}, {name}", lambda x: vn.vmap(fn, in_axes=1, out_axes=1)(x), onp.moveaxis(uniform((3, *shape)), 0, 1).copy(), tol=T)
            if op != "add" and (name in DILATED or "cropped" in name):
                continue  # JAX has no transpose of these
            add(f"grad of lax.reduceWindow/{op}, {name}", lambda x: vn.grad(loss)(x), x, tol=T)
            add(f"second derivative of lax.reduceWindow/{op}, {name}", lambda x: vn.grad(lambda x: np.sum(np.cos(vn.grad(loss)(x))))(x), x, tol=T2)
            if x.size < 200:
                add(f"hessian of lax.reduceWindow/{op}, {name}", lambda x: vn.jacfwd(vn.grad(loss))(x), x, tol=T2)
            add(f"vmap of grad of lax.reduceWindow/{op}, {name}", lambda x: vn.vmap(vn.grad(loss))(x), uniform((3, *shape)), tol=T)
        ties = onp.array([1, 3, 3, 2, 3, 3, 1, 1, 1], "float32")
        for dims, options in (((3,), {}), ((2,), {"window_strides": (2,)}), ((4,), {"padding": ((2, 2),)})):
            weights = onp.arange(1, 20, dtype="float32")
            add(f"grad of lax.reduceWindow/{op}, ties {dims} {options}", lambda x: vn.vjp(lambda x: lax.reduce_window(x, init, f, dims, **options) ** 2, x)[1](lax.reduce_window(x, init, f, dims, **options)), ties, tol=T)
    for op, init in (("add", 0), ("max", -(2**31)), ("min", 2**31 - 1)):
        f = getattr(lax, op)
        add(f"lax.reduceWindow/{op}, int32", lambda x: lax.reduce_window(x, onp.array(init, "int32"), f, (3,), window_strides=(1,), padding="SAME"), distinct(9, "int32"))
    add("lax.reduceWindow/float64", lambda x: lax.reduce_window(x, onp.array(0.0), lax.add, (3,), window_strides=(1,), padding="SAME"), uniform(9, "float64"), x64=True)
    for dtype in HALVES:
        x = uniform((4, 9)).astype(dtype)
        same = {"window_strides": (1, 2), "padding": "SAME"}
        for op, init in (("add", 0.0), ("max", -inf), ("min", inf)):
            f = getattr(lax, op)
            fn = lambda x: lax.reduce_window(x, onp.array(init).astype(dtype), f, (2, 3), **same)
            add(f"lax.reduceWindow/{op}, {dtype}", lambda x: fn(x), x, tol=close(2e-2, 2e-2))
            add(f"grad of lax.reduceWindow/{op}, {dtype}", lambda x: vn.grad(lambda x: np.sum(fn(x)))(x), x, tol=close(2e-2, 2e-2))
    # Other operations: traced.
    prod = lambda x, **o: lax.reduce_window(x, 1.0, lax.mul, (2, 2), **o)
    for name, o in {"valid": {}, "same": {"padding": "SAME", "window_strides": (1, 1)}, "dilated": {"base_dilation": (2, 1), "window_dilation": (1, 2), "padding": ((1, 0), (2, 1)), "window_strides": (2, 1)}}.items():
        x = uniform((4, 5), lo=0.5, hi=2)
        add(f"lax.reduceWindow/mul, {name}", lambda x: prod(x, **o), x, tol=T)
        # (the second derivative of a product of windows: JAX has none)
        add(f"jvp of lax.reduceWindow/mul, {name}", lambda x, t: vn.jvp(lambda x: prod(x, **o), (x,), (t,)), x, uniform((4, 5), seed=2), tol=T)
        add(f"vmap of lax.reduceWindow/mul, {name}", lambda x: vn.vmap(lambda x: prod(x, **o))(x), uniform((3, 4, 5), lo=0.5, hi=2), tol=T)
    add("lax.reduceWindow/another start", lambda x: lax.reduce_window(x, 0.5, lax.max, (3,)), uniform(9), tol=T)
    add("lax.reduceWindow/a function", lambda x: lax.reduce_window(x, 0.0, lambda a, b: np.sqrt(a * a + b * b), (3,), window_strides=(2,)), uniform(9), tol=T)
    add("lax.reduceWindow/bool", lambda x: lax.reduce_window(x, False, lax.bitwise_or, (3,), window_strides=(2,)), uniform(9, "bool"))
    x = uniform((4, 5))
    for name, dims, o in [("dims", (2,), {}), ("strides", (2, 2), {"window_strides": (1,)}), ("padding", (2, 2), {"padding": ((0, 0),)}), ("name of a padding", (2, 2), {"padding": "WIDE"}),
                          ("dilation", (2, 2), {"base_dilation": (1,)})]:
        add(f"lax.reduceWindow/wrong {name}", lambda x: lax.reduce_window(x, 0.0, lax.add, dims, **o), x, throws=True)


def write(file):
    convolutions(file.add)
    conveniences(file.add)
    windows(file.add)
