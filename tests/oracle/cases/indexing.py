"""``x[...]`` and ``x.at[...]``: basic, advanced, mixed, out of bounds."""

import numpy as onp

from cases.inputs import ALL, i32, uniform
from record import close, lax, np, ulp

S = slice


def write(file):
    file.tol = ulp(1)
    add = file.add
    x5, x34, x234 = uniform(5), uniform((3, 4)), uniform((2, 3, 4))

    basic = {
        "0": (0,), "-1": (-1,), "1, 2": (1, 2), "1, -1, 0": (1, -1, 0), ":": (S(None),), "1:": (S(1, None),),
        ":2": (S(None, 2),), "::2": (S(None, None, 2),), "::-1": (S(None, None, -1),), ":, ::-2": (S(None), S(None, None, -2)),
        "0:0": (S(0, 0),), "5:9": (S(5, 9),), "-2:": (S(-2, None),), ":-1": (S(None, -1),), "3:0:-1 last": (Ellipsis, S(3, 0, -1)),
        "...": (Ellipsis,), "..., 0": (Ellipsis, 0), "0, ...": (0, Ellipsis), "0, ..., 1": (0, Ellipsis, 1),
        "null": (None,), ":, null": (S(None), None), "..., null": (Ellipsis, None), "null, 0, :, null, 1": (None, 0, S(None), None, 1),
        "0, 1:, ::2": (0, S(1, None), S(None, None, 2)), "-9:9": (S(-9, 9),), "2:1": (S(2, 1),),
    }
    for name, index in basic.items():
        add(f"get/{name}", lambda x: x[index], x234)
    add("get/nothing", lambda x: x[()], x34)
    add("get/0-d", lambda x: x[...], uniform(()))
    add("get/too many", lambda x: x[0, 0, 0], x34, throws=True)
    add("get/two ellipses", lambda x: x[..., ...], x34, throws=True)
    add("get/float index", lambda x, i: x[i], x34, onp.array([1.0], "float32"), throws=True)
    for dtype in ALL:
        add(f"get/{dtype}", lambda x: x[1, ::2], uniform((3, 4), dtype))

    ii, jj = i32(2, 0, 1, -1), i32(0, 3, 1, -2)
    add("get/array", lambda x, i: x[i], x34, ii)
    add("get/2-d array", lambda x, i: x[i], x34, ii.reshape(2, 2))
    add("get/empty array", lambda x, i: x[i], x34, onp.zeros((0,), "int32"))
    add("get/0-d array", lambda x, i: x[i], x34, onp.array(1, "int32"))
    add("get/0-d negative", lambda x, i: x[i], x34, onp.array(-1, "int32"))
    add("get/traced scalar and slice", lambda x, i: x[i, 1:], x34, onp.array(1, "int32"))
    add("get/two arrays", lambda x, i, j: x[i, j], x34, ii, jj)
    add("get/broadcast arrays", lambda x, i, j: x[i, j], x34, ii[:, None], jj[None, :2])
    add("get/array and number", lambda x, i: x[i, 1], x34, ii)
    add("get/number and array", lambda x, i: x[1, i], x34, jj)
    add("get/array then slice", lambda x, i: x[i, 1:3], x34, ii)
    add("get/slice then array", lambda x, i: x[:, i], x34, jj)
    add("get/reverse slice then array", lambda x, i: x[::-1, i], x34, jj)
    add("get/array, slice, array", lambda x, i, j: x[i, :, j], x234, i32(0, 1), i32(3, 0))
    add("get/slice, array, array", lambda x, i, j: x[:, i, j], x234, i32(0, 2), i32(3, 0))
    add("get/array, slice, number", lambda x, i: x[i, :, 0], x234, i32(0, 1, 1))
    add("get/number, slice, array", lambda x, i: x[1, :, i], x234, i32(0, 1, 1))
    add("get/ellipsis then array", lambda x, i: x[..., i], x234, i32(3, 0, 0))
    add("get/array, new axis", lambda x, i: x[i, None], x34, ii)
    add("get/new axis, array", lambda x, i: x[None, i], x34, ii)
    add("get/new axis between arrays", lambda x, i, j: x[i, None, j], x34, ii, jj)
    add("get/2-d array after slice", lambda x, i: x[:, i], x234, i32(2, 0, 1, 1).reshape(2, 2))
    for dtype in ("int64", "uint8", "uint32"):
        add(f"get/{dtype} index", lambda x, i: x[i], x34, onp.array([2, 0], dtype))
    add("get/out of bounds", lambda x, i: x[i], x5, i32(4, 5, 100, -5, -6, -100))
    add("get/out of bounds int", lambda x, i: x[i], uniform(5, "int32"), i32(4, 5, -6))
    add("get/out of bounds bool", lambda x, i: x[i], uniform(5, "bool"), i32(4, 5, -6))
    add("get/out of bounds 2-d", lambda x, i, j: x[i, j], x34, i32(0, 3, -4, 2), i32(4, 0, 0, 9))
    mask = onp.array([True, False, True])
    add("get/mask", lambda x: x[mask], x34)
    add("get/mask of two axes", lambda x: x[mask[:2, None] & onp.array([True, True, False])], x234)
    add("get/mask and slice", lambda x: x[mask, 1:], x34)
    add("get/slice and mask", lambda x: x[:, mask], x234)
    add("get/wrong mask", lambda x: x[onp.array([True, False])], x34, throws=True)
    for mode in ("clip", "fill"):
        add(f".at.get/{mode}", lambda x, i: x.at[i].get(mode=mode), x5, i32(4, 5, 100, -5, -6))
    add(".at.get/fillValue", lambda x, i: x.at[i].get(mode="fill", fill_value=-1.0), x5, i32(4, 5, -6))

    values = {"set": 2.5, "add": 2.5, "mul": 2.5, "div": 2.0, "pow": 2.0, "min": 0.25, "max": 0.25}
    for op, v in values.items():
        up = lambda x, index, val: getattr(x.at[index], op)(val)
        add(f".at.{op}/number", lambda x: up(x, 1, v), x34, tol=ulp(2))
        add(f".at.{op}/slice", lambda x: up(x, (S(None), S(1, 3)), v), x34, tol=ulp(2))
        add(f".at.{op}/array", lambda x, i: up(x, i, v), x34, i32(2, 0), tol=ulp(2))
        add(f".at.{op}/arrays and values", lambda x, i, j, u: up(x, (i, j), u), x34, i32(2, 0, 1), i32(0, 3, 3), uniform(3, lo=0.5, hi=2), tol=ulp(2))
        add(f".at.{op}/row values", lambda x, i, u: up(x, i, u), x34, i32(2, 0), uniform((2, 4), lo=0.5, hi=2), tol=ulp(2))
        add(f".at.{op}/broadcast row", lambda x, i, u: up(x, i, u), x34, i32(2, 0), uniform(4, lo=0.5, hi=2), tol=ulp(2))
        add(f".at.{op}/out of bounds", lambda x, i: up(x, i, v), x5, i32(4, 5, -5, -6, 77), tol=ulp(2))
        if op != "div":
            add(f".at.{op}/int32", lambda x, i: up(x, i, 3), uniform((3, 4), "int32"), i32(1, -1))
        add(f".at.{op}/step", lambda x: up(x, S(None, None, 2), v), x5, tol=ulp(2))
        add(f".at.{op}/backwards", lambda x, u: up(x, S(None, None, -1), u), x5, uniform(5, lo=0.5, hi=2), tol=ulp(2))
        if op not in ("set",):
            add(f".at.{op}/repeated", lambda x, i, u: up(x, i, u), uniform(4, lo=0.5, hi=2), i32(1, 1, 3, 1), uniform(4, lo=0.5, hi=2), tol=close(2e-6))
    add(".at.set/last wins over equal values", lambda x, i: x.at[i].set(7.0), x5, i32(1, 1, 3))
    add(".at.set/mask", lambda x: x.at[mask].set(0.0), x34)
    add(".at.set/mask add", lambda x: x.at[mask, 1].add(1.0), x34)
    add(".at.set/bool", lambda x, i: x.at[i].set(True), uniform(5, "bool"), i32(0, 3))
    add(".at.set/uint8", lambda x, i: x.at[i].set(200), uniform(5, "uint8"), i32(0, 3))
    add(".at.add/uint8 wraps", lambda x, i: x.at[i].add(200), uniform(5, "uint8"), i32(0, 0, 3))
    add(".at.set/float64", lambda x, i: x.at[i].set(0.1), uniform(5, "float64"), i32(0, 3), x64=True)
    add(".at.set/int64", lambda x, i: x.at[i].set(5), uniform(5, "int64"), i32(0, 3), x64=True)
    add(".at.set/slice, array, array", lambda x, i, j, u: x.at[:, i, j].set(u), x234, i32(0, 2), i32(3, 0), uniform((2, 2)))
    add(".at.set/array, slice, array", lambda x, i, j, u: x.at[i, :, j].set(u), x234, i32(0, 1), i32(3, 0), uniform((2, 3)))
    add(".at.set/ellipsis", lambda x: x.at[..., 0].set(9.0), x234)
    add(".at.set/everything", lambda x: x.at[...].set(1.5), x34)
    add(".at.set/0-d index", lambda x, i: x.at[i].set(1.5), x34, onp.array(-1, "int32"))
    add(".at.set/nothing", lambda x, i: x.at[i].set(1.5), x34, onp.zeros((0,), "int32"))
    add(".at.set/wrong shape", lambda x, u: x.at[0].set(u), x34, uniform(3), throws=True)
    add(".at.apply", lambda x, i: x.at[i].apply(lambda v: v * v), x5, i32(0, 3), tol=ulp(1))
    add(".at.set/clip", lambda x, i: x.at[i].set(9.0, mode="clip"), x5, i32(0, 77))
    add(".at.set/drop", lambda x, i: x.at[i].set(9.0, mode="drop"), x5, i32(0, 77))
    add(".at.add/one hot counts", lambda x, i: x.at[i].add(1), onp.zeros(4, "int32"), i32(0, 2, 2, 2, 3, 0))
