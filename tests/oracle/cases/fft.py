"""Fourier transforms: lengths, axes, norms, dtypes, derivatives and batches."""

import numpy as onp

from cases.inputs import uniform
from record import close, np, vn

T, T64 = close(2e-5, 2e-5), close(1e-11, 1e-11)


def waves(shape, dtype="complex64", seed=0):
    part = "float32" if dtype == "complex64" else "float64"
    return (uniform(shape, part, seed=seed, lo=-1, hi=1) + 1j * uniform(shape, part, seed=seed + 1, lo=-1, hi=1)).astype(dtype)


def write(file):
    file.tol = T
    add = file.add
    for name in ("fft", "ifft", "hfft", "irfft"):
        f = getattr(np.fft, name)
        for n in (2, 3, 8, 60, 97):
            add(f"np.fft.{name}/{n}", lambda x: f(x), waves((n,)))
        add(f"np.fft.{name}/real", lambda x: f(x), uniform((2, 6)))
    for name in ("rfft", "ihfft"):
        f = getattr(np.fft, name)
        for n in (1, 2, 3, 8, 60, 97):
            add(f"np.fft.{name}/{n}", lambda x: f(x), uniform((n,)))
        add(f"np.fft.{name}/int", lambda x: f(x), onp.arange(6, dtype="int32"))
        add(f"np.fft.{name}/complex", lambda x: f(x), waves((4,)), throws=True)
    for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        f = getattr(np.fft, name)
        real = name in ("rfft", "ihfft")
        x = uniform((3, 5, 2)) if real else waves((3, 5, 2))
        wide = uniform((7,), "float64") if real else waves((7,), "complex128")
        # JAX divides by n in float32 for ihfft.
        add(f"np.fft.{name}/float64", lambda x: f(x), wide, tol=close(1e-7, 1e-7) if name == "ihfft" else T64)
        for norm in ("backward", "ortho", "forward"):
            for n in (4, 5, 9):
                add(f"np.fft.{name}/{norm} {n}", lambda x: f(x, n=n, axis=1, norm=norm), x)
        add(f"np.fft.{name}/n 0", lambda x: f(x, n=0), x, throws=True)
        add(f"np.fft.{name}/axis out of bounds", lambda x: f(x, axis=3), x, throws=True)
        add(f"np.fft.{name}/norm", lambda x: f(x, norm="other"), x, throws=True)
        add(f"vn.vmap/{name}", lambda x: vn.vmap(lambda r: f(r, axis=0))(x), x)
        loss = lambda x: np.sum(np.abs(f(x, n=6, axis=1)) ** 2 * (1 + np.arange(2)))
        add(f"vn.grad/{name}", lambda x: vn.grad(loss)(x), x)
        add(f"vn.jvp/{name}", lambda x, t: vn.jvp(lambda v: f(v), [x], [t]), x, (x * 2 + 1).astype(x.dtype))
    for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"):
        f = getattr(np.fft, name)
        x = uniform((3, 4, 5)) if name.startswith("r") else waves((3, 4, 5))
        add(f"np.fft.{name}/plain", lambda x: f(x), x)
        add(f"np.fft.{name}/s", lambda x: f(x, s=[5, 6]), x)
        for norm in ("ortho", "forward"):
            add(f"np.fft.{name}/axes {norm}", lambda x: f(x, axes=[2, 0], norm=norm), x)
        add(f"np.fft.{name}/s of one", lambda x: f(x, s=[4], axes=[0, 1]), x, throws=True)
    for n in (1, 4, 5, 8):
        add(f"np.fft.fftfreq/{n}", lambda: np.fft.fftfreq(n))
        add(f"np.fft.fftfreq/{n} d", lambda: np.fft.fftfreq(n, d=0.25))
        add(f"np.fft.rfftfreq/{n}", lambda: np.fft.rfftfreq(n, d=0.5))
    for name in ("fftshift", "ifftshift"):
        f = getattr(np.fft, name)
        add(f"np.fft.{name}/all", lambda x: f(x), uniform((3, 4)))
        add(f"np.fft.{name}/one", lambda x: f(x, axes=1), uniform((3, 5)))
    # Derivatives of the second order, of a loss that is not linear: forward over reverse, reverse over reverse, forward over forward.
    for name in ("fft", "ifft", "rfft", "irfft"):
        f = getattr(np.fft, name)
        for n in (6, 8, 9, 7, 53):  # even, odd, prime; 53 goes another way than products of small factors
            for part, tol in (("float32", close(1e-4, 1e-4)), ("float64", close(1e-10, 1e-10))):
                kind = "complex64" if part == "float32" else "complex128"
                x = uniform(n, part) if name == "rfft" else waves(n // 2 + 1 if name == "irfft" else n, kind)
                norm = "ortho"
                loss = lambda x: np.sum(np.sin(np.real(f(x, n=n, norm=norm))) * (1.0 + np.cos(np.imag(f(x, n=n, norm=norm)))))
                t = (x[::-1] * 0.5).astype(x.dtype)
                second = f"second derivatives of np.fft.{name}"
                x64 = part == "float64"
                add(f"{second}/forward over reverse {n} {part}", lambda x, t: vn.jvp(vn.grad(loss), [x], [t])[1], x, t, tol=tol, x64=x64)
                add(f"{second}/reverse over reverse {n} {part}", lambda x: vn.grad(lambda a: np.sum(np.abs(vn.grad(loss)(a)) ** 2))(x), x, tol=tol, x64=x64)
                add(f"{second}/forward over forward {n} {part}", lambda x, t: vn.jvp(lambda a: vn.jvp(loss, [a], [t])[1], [x], [t])[1], x, t, tol=tol, x64=x64)
