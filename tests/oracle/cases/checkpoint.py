"""Checkpoints: values and derivatives, under each policy and inside of the other transformations."""

import numpy as onp

from cases.inputs import uniform
from record import close, lax, np, vn


def net(x, w):
    y = vn.checkpoint_name(np.tanh(x @ w), "a")
    return np.sum(np.sin(vn.checkpoint_name(np.sin(y @ w), "b")))


policies = vn.checkpoint_policies

POLICIES = {
    "none": lambda: None,
    "everythingSaveable": lambda: policies.everything_saveable,
    "nothingSaveable": lambda: policies.nothing_saveable,
    "dotsSaveable": lambda: policies.dots_saveable,
    "checkpointDots": lambda: policies.checkpoint_dots,
    "dotsWithNoBatchDimsSaveable": lambda: policies.dots_with_no_batch_dims_saveable,
    "checkpointDotsWithNoBatchDims": lambda: policies.checkpoint_dots_with_no_batch_dims,
    "saveOnlyTheseNames": lambda: policies.save_only_these_names("a"),
    "saveAnyNamesButThese": lambda: policies.save_any_names_but_these("a"),
    "saveAnythingExceptTheseNames": lambda: policies.save_anything_except_these_names("a"),
    "saveFromBothPolicies": lambda: policies.save_from_both_policies(policies.dots_saveable, policies.save_only_these_names("b")),
}


def write(file):
    tol = close(1e-5, 1e-6)

    def add(name, *args):
        file.add(name, *args, tol=tol)

    v, t, m, square = uniform(3), uniform(3, seed=1), uniform((3, 4)), uniform((3, 3))

    def under(name, policy):
        add(f"filterCheckpoint/{name}", lambda w, x: vn.filter_value_and_grad(vn.filter_checkpoint(net, policy=policy()))(w, x), square, square)

    for name, policy in POLICIES.items():
        under(name, policy)
    twice = lambda x: np.sum(np.sin(np.sin(x)))
    add("checkpoint/value", lambda x, w: vn.checkpoint(net)(x, w), square, square)
    add("checkpoint/grad", lambda x: vn.grad(vn.checkpoint(twice))(x), v)
    add("checkpoint/jvp", lambda x, t: vn.jvp(vn.checkpoint(twice), [x], [t]), v, t)
    add("checkpoint/hessian", lambda x: vn.hessian(vn.checkpoint(twice))(x), v)
    add("checkpoint/of grad", lambda x: vn.grad(vn.checkpoint(lambda x: np.sum(vn.grad(vn.checkpoint(twice))(x) * x)))(x), v)
    add("checkpoint/nested", lambda x: vn.grad(vn.checkpoint(lambda x: np.sum(np.sin(vn.checkpoint(lambda y: np.sin(y))(np.cos(x))))))(x), v)
    add("checkpoint/vmap of grad", lambda x: vn.vmap(vn.grad(vn.checkpoint(twice)))(x), m)
    add("checkpoint/grad of vmap", lambda x: vn.grad(lambda x: np.sum(vn.vmap(vn.checkpoint(twice))(x)))(x), m)
    add("checkpoint/of jit", lambda x: vn.grad(vn.checkpoint(vn.jit(twice), policy=policies.dots_saveable))(x), v)
    step = lambda c, x: [np.sin(np.tanh(c) * x), c]
    add("checkpoint/scan", lambda c, xs: vn.grad(lambda c: lax.scan(vn.checkpoint(step), c, xs)[0])(c), onp.float32(0.3), v)
    add("checkpoint/scan, merging allowed", lambda c, xs: vn.grad(
        lambda c: lax.scan(vn.checkpoint(step, prevent_cse=False), c, xs)[0])(c), onp.float32(0.3), v)
    add("checkpoint/of scan", lambda c, xs: vn.grad(
        lambda c: vn.checkpoint(lambda c: lax.scan(step, c, xs)[0])(c))(c), onp.float32(0.3), v)
    add("checkpoint/of cond", lambda x: vn.grad(
        vn.checkpoint(lambda x: lax.cond(np.sum(x) > 0, lambda x: np.sum(np.sin(x)), lambda x: np.sum(np.cos(x)), x)))(x), v)
    add("checkpointName", lambda x: vn.grad(lambda x: np.sum(vn.checkpoint_name(np.sin(x), "a")))(x), v)
    add("lax.optimizationBarrier", lambda x, y: lax.optimization_barrier([x, y]), v, t)
    add("lax.optimizationBarrier/grad", lambda x: vn.grad(lambda x: np.sum(lax.optimization_barrier(np.sin(x))))(x), v)
    add("lax.optimizationBarrier/jvp", lambda x, t: vn.jvp(lambda x: lax.optimization_barrier(np.sin(x)), [x], [t]), v, t)
    add("lax.optimizationBarrier/vmap", lambda x: vn.vmap(lambda x: lax.optimization_barrier([x, np.sum(x)]), in_axes=1)(x), m)
