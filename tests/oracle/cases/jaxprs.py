"""Printed jaxprs, letter for letter. Only ``lax`` functions that are one primitive in both, and the
higher-order primitives; what ``numpy`` functions are made of is each library's own affair, and so is
``sort``, which is an ``argsort`` and a ``gather`` here."""

import numpy as onp

from cases.inputs import uniform
from record import lax, np, vn


def write(file):
    v, m = uniform(3), uniform((3, 4))

    def add1(name, f, x, **kw):
        file.add(f"jaxpr/{name}", lambda x: vn.make_jaxpr(f)(x), x, jit=False, **kw)

    def add2(name, f, x, y, **kw):
        file.add(f"jaxpr/{name}", lambda x, y: vn.make_jaxpr(f)(x, y), x, y, jit=False, **kw)

    add1("one equation", lambda x: lax.sin(x), m)
    add1("two equations", lambda x: lax.cos(lax.sin(x)), v)
    add1("literals", lambda x: lax.add(lax.mul(x, 2.0), 1.0), m)
    add1("operators", lambda x: x * 2.0 + 1.0, m)
    add1("identity", lambda x: x, v)
    add1("outputs", lambda x: [x, 1.0, lax.neg(x)], v)
    add1("unused equation", lambda x: (lax.sin(x), lax.cos(x))[1], v)
    add1("tree", lambda p: {"z": lax.add(p["a"], p["b"]), "y": p["a"]}, {"b": v, "a": v})
    add2("two inputs", lambda x, y: lax.sub(x, y), v, v)
    add1("transpose", lambda x: lax.transpose(x, (1, 0)), m)
    add1("reshape", lambda x: lax.reshape(x, (4, 3)), m)
    add1("broadcast_in_dim", lambda x: lax.broadcast_in_dim(x, (2, 3), (1,)), v)
    add1("slice", lambda x: lax.slice(x, (0, 1), (2, 3)), m)
    add1("slice strides", lambda x: lax.slice(x, (0, 1), (3, 4), strides=(2, 1)), m)
    add1("squeeze", lambda x: lax.squeeze(x, (0,)), uniform((1, 3)))
    add1("reduce", lambda x: [lax.reduce_sum(x, (0,)), lax.reduce_max(x, (0, 1))], m)
    add1("convert", lambda x: lax.convert_element_type(x, "int32"), v)
    add1("argmax", lambda x: lax.argmax(x, 0, "int32"), v)
    add1("integer_pow", lambda x: lax.integer_pow(x, 3), v)
    add1("pad", lambda x: lax.pad(x, 0.0, ((1, 2, 0),)), v)
    add1("rev", lambda x: lax.rev(x, (0,)), v)
    add1("cumsum", lambda x: lax.cumsum(x, axis=0, reverse=True), v)
    add1("iota", lambda x: lax.add(x, lax.iota("float32", 3)), v)
    add1("compare and select", lambda x: lax.select(lax.gt(x, lax.neg(x)), x, lax.exp(x)), v)
    add1("clamp", lambda x: lax.clamp(-1.0, x, 1.0), v)
    add1("is_finite", lambda x: lax.is_finite(x), v)
    add1("rsqrt and logistic", lambda x: lax.logistic(lax.rsqrt(x)), v)
    add1("bitcast", lambda x: lax.bitcast_convert_type(x, "int32"), v)
    add2("concatenate", lambda x, y: lax.concatenate([x, y], 0), v, v)
    add2("dot_general", lambda x, y: lax.dot_general(x, y, (((1,), (0,)), ((), ()))), m, m.T.copy())
    add2("dot_general batch", lambda x, y: lax.dot_general(x, y, (((2,), (1,)), ((0,), (0,)))), uniform((2, 3, 4)), uniform((2, 4, 5)))
    add1("jit", lambda x: lax.cos(vn.jit(lambda y: lax.sin(y))(x)), v)
    add1("nested jit", lambda x: vn.jit(lambda y: vn.jit(lambda z: lax.sin(z))(y))(x), v)
    add1("scan", lambda x: lax.scan(lambda c, y: [lax.add(c, y), lax.mul(c, y)], np.sum(x), x), v)
    add1("cond", lambda x: lax.cond(lax.gt(np.sum(x), 0.0), lambda y: lax.sin(y), lambda y: y, x), v)
    add1("while", lambda x: lax.while_loop(lambda c: lax.lt(lax.reduce_sum(c, (0,)), 3.0), lambda c: lax.mul(c, 2.0), x), v)
    add1("grad", lambda x: vn.grad(lambda y: lax.reduce_sum(lax.sin(y), (0,)))(x), v)
    add1("jvp", lambda x: vn.jvp(lambda y: lax.mul(y, y), [x], [x]), v)
    add2("vmap", lambda x, y: vn.vmap(lambda a, b: lax.mul(a, b))(x, y), m, m)
    add2("vmap of dot", lambda x, y: vn.vmap(lambda a, b: lax.dot(a, b))(x, y), m, m)
    add1("float64", lambda x: lax.sin(x), uniform(3, "float64"))
    add1("int32", lambda x: lax.add(x, 1), onp.array([1, 2], "int32"))
    add1("many variables", lambda x: [lax.mul(x, float(n + 2)) for n in range(30)], v)
    add1("stop gradient", lambda x: lax.stop_gradient(x), v)
    # A weak input prints its weakness.
    file.add("jaxpr/weak", lambda: vn.make_jaxpr(lambda x: lax.mul(x, 2.5))(1.5), jit=False)
