"""Records small programs, runs them on JAX, and writes them down for the TypeScript side.

A case is an ordinary lambda over the namespaces ``np``, ``lax``, ``ops``, ``random``, ``nn``,
``optim`` and ``vn`` of this module. They compute nothing: every call is written into a list of steps. The list is
then evaluated on JAX, Equinox and optax (``replay``), and saved with the result (``File.save``).
``run.ts`` evaluates the very same list on this library, so that no test is written twice.

From Python to TypeScript: ``snake_case`` becomes ``camelCase``; positional arguments stay so;
keyword arguments become one trailing options object; an upper-case name is constructed by ``new``;
``x + y`` becomes the method ``x.add(y)``, ``x[1:3]`` becomes ``x.get(slice(1, 3))``.

Format of a data file, all JSON:

    {"file", "arrays": [[dtype, shape, base64 of little-endian bytes], ...], "cases": [case, ...],
     and tables that a module describes, such as ``cases/pairs.py``}
    case    = {"id", "fn", "in": [value], "p": program, "out": value, "tol"?, "weak"?, "jit"?,
               "throws"?}
    program = {"params": [id], "steps": [[id, fn, arg, ...]], "out": value}
    fn      = "np.sum" | ".add" (a method) | ".at.set" | "()" (call the first argument)
            | "." (a field) | "new nn.MLP"
    value   = number | string | boolean | null | [value, ...]
            | {"v": id}         the result of a step, or a parameter
            | {"a": i, "w": 1?} array i of the file; "w": an output of weak type
            | {"x": "nan" | "inf" | "-inf" | "-0"}   a number that JSON lacks
            | {"n": "123"}      a bigint
            | {"z": [1, 2]}     a complex number
            | {"d": {...}}      a dictionary
            | {"o": {...}}      an options object (last argument only)
            | {"k": {...}}      the same as a branded kwargs(...) object
            | {"s": [a, b, c]}  slice(a, b, c)
            | {"l": program}    a function
            | {"f": "nn.relu"}  a function of the library, as a value
            | {"text": "..."}   an output that is compared as text: a jaxpr
            | {"struct": [dtype, shape, weak]}  an output that is a ShapeDtypeStruct
            | {"any": 1}        an output that is not compared (a function, an opaque object)
    tol     = {"ulp": n, "atol"?: a} | {"rtol": r, "atol": a}; integers and booleans are exact
"""

import base64
import dataclasses
import inspect
import json
import math
import pathlib

import equinox as eqx
import equinox.internal
import jax
import jax.ad_checkpoint
import jax.extend
import jax.numpy as jnp
import numpy as onp
import optax

DTYPES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64",
          "uint8", "uint16", "uint32", "uint64", "bool", "complex64", "complex128"]


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(p[:1].upper() + p[1:] for p in rest)


# --- symbols -----------------------------------------------------------------------------------

_stack = []  # programs being recorded, innermost last


class _Program:
    def __init__(self):
        self.params, self.steps, self.out = [], [], None


_counter = 0


def _fresh():
    global _counter
    _counter += 1
    return _counter - 1


def _step(fn, *args, options=None, kw=False):
    ident = _fresh()
    args = [_close(a) for a in args]
    if options:
        args.append((_Kwargs if kw else _Options)({k: _close(v) for k, v in options.items()}))
    _stack[-1].steps.append((ident, fn, args))
    return Sym(ident)


class _Options(dict):
    pass


class _Kwargs(dict):
    pass


class Sym:
    """Stands for a value while a program is recorded."""

    def __init__(self, ident):
        self.ident = ident

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return _Attr(self, name)

    @property
    def at(self):
        return _At(self)

    def __getitem__(self, index):
        if not isinstance(index, tuple):
            index = (index,)
        return _step("get", self, *index)

    def __call__(self, *args, **kwargs):
        return _step("()", self, *args, options=kwargs)

    def __iter__(self):
        raise TypeError("a recorded value cannot be unpacked: index it")

    def __bool__(self):
        raise TypeError("a recorded value has no truth")

    __hash__ = object.__hash__


for _op, _name in {
    "add": ".add", "sub": ".sub", "mul": ".mul", "truediv": ".div", "pow": ".pow", "mod": ".mod",
    "matmul": ".matmul", "eq": ".equal", "ne": ".notEqual", "lt": ".less", "le": ".lessEqual",
    "gt": ".greater", "ge": ".greaterEqual",
}.items():
    setattr(Sym, f"__{_op}__", lambda self, other, n=_name: _step(n, self, other))
for _op, _name in {
    "radd": "np.add", "rsub": "np.subtract", "rmul": "np.multiply", "rtruediv": "np.divide",
    "rpow": "np.power", "rmatmul": "np.matmul",
}.items():
    setattr(Sym, f"__{_op}__", lambda self, other, n=_name: _step(n, other, self))
Sym.__neg__ = lambda self: _step(".neg", self)
Sym.__abs__ = lambda self: _step(".abs", self)


class _Attr(Sym):
    """``x.name``: a field unless it is called."""

    def __init__(self, owner, name):
        self.owner, self.name, self._ident = owner, name, None

    @property
    def ident(self):
        if self._ident is None:
            self._ident = _step(".", self.owner, camel(self.name)).ident
        return self._ident

    def __call__(self, *args, **kwargs):
        return _step("." + camel(self.name), self.owner, *args, options=kwargs)


class _At:
    def __init__(self, owner):
        self.owner = owner

    def __getitem__(self, index):
        return _AtIndex(self.owner, index if isinstance(index, tuple) else (index,))


class _AtIndex:
    def __init__(self, owner, index):
        self.owner, self.index = owner, index

    def __getattr__(self, name):
        return lambda *args, **kw: _step(".at." + name, self.owner, list(self.index), *args, options=kw)


class _Fn:
    """A function of the library: recorded when called, a value otherwise."""

    def __init__(self, name):
        self.name = name

    def __getattr__(self, name):
        return _Fn(f"{self.name}.{name}")

    def __call__(self, *args, **kwargs):
        last = self.name.split(".")[-1]
        fn = self.ts
        if last[0].isupper() and last not in ("PRNGKey",):
            fn = "new " + fn
        kw = last in ("filter_jvp", "filter_vjp", "filter_eval_shape", "filter_pure_callback", "kwargs", "meshgrid", "einsum")
        return _step(fn, *args, options=kwargs, kw=kw)

    @property
    def ts(self):
        return ".".join(camel(p) for p in self.name.split("."))


class _Namespace:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        return _Fn(f"{self._name}.{name}")


np, lax, random = _Namespace("np"), _Namespace("lax"), _Namespace("random")
nn, optim, vn, tree = _Namespace("nn"), _Namespace("optim"), _Namespace("vn"), _Namespace("tree")
ops = _Namespace("ops")
internal = _Namespace("internal")
sharding = _Namespace("sharding")


def _close(value):
    """Turns lambdas into recorded programs, and containers likewise."""
    if isinstance(value, (Sym, _Fn, _Program)):
        if isinstance(value, _Attr):
            return Sym(value.ident)
        return value
    if isinstance(value, (tuple, list)):
        return [_close(v) for v in value]
    if isinstance(value, dict):
        return {k: _close(v) for k, v in value.items()}
    if callable(value) and not isinstance(value, type):
        return record(value)
    return value


def record(fn):
    """The program that ``fn`` writes when given symbols."""
    program = _Program()
    count = len(inspect.signature(fn).parameters)
    syms = [Sym(_fresh()) for _ in range(count)]
    program.params = [s.ident for s in syms]
    _stack.append(program)
    try:
        program.out = _close(fn(*syms))
    finally:
        _stack.pop()
    return program


# --- replay on JAX -----------------------------------------------------------------------------


# What Equinox has under another name, and has not made public.
_ALIASES = {"vn.filter_while_loop": eqx.internal.while_loop, "vn.filter_scan": eqx.internal.scan,
            "nn.dot_product_attention_weights": eqx.nn._attention.dot_product_attention_weights}


def _resolve(name):
    if name in _ALIASES:
        return _ALIASES[name]
    space, *rest = name.split(".")
    if space == "nn":
        roots = [jax.nn, eqx.nn]
    elif space == "vn":
        roots = [eqx, jax, jax.ad_checkpoint]
    elif space == "sharding":
        roots = [_Sharding]
    else:
        roots = [{"np": jnp, "lax": jax.lax, "random": jax.random, "optim": optax, "ops": jax.ops, "tree": jax.tree, "internal": eqx.internal}[space]]
    for root in roots:
        value = root
        try:
            for part in rest:
                value = getattr(value, part)
            return value
        except AttributeError:
            continue
    raise AttributeError(f"JAX has no {name}")


class _Sharding:
    """Shardings as plain lists; ``sharding.ts`` has the same functions. A mesh is given by sizes and names of its axes."""

    @staticmethod
    def named(sizes, names, spec):
        devices = onp.array(jax.devices()[: math.prod(sizes)]).reshape(sizes)
        spec = jax.sharding.PartitionSpec(*[tuple(e) if isinstance(e, (list, tuple)) else e for e in spec])
        return jax.sharding.NamedSharding(jax.sharding.Mesh(devices, tuple(names)), spec)

    @staticmethod
    def device(i):
        return jax.devices()[i]

    @staticmethod
    def of(tree):
        return [_Sharding._of(x) for x in jax.tree.leaves(tree)]

    @staticmethod
    def _of(x):
        if not isinstance(x.sharding, jax.sharding.NamedSharding):
            return [str(d) for d in x.devices()] + [x.committed]
        entries = list(x.sharding.spec) + [None] * (x.ndim - len(x.sharding.spec))
        assert x.committed
        return [[] if e is None else [e] if isinstance(e, str) else list(e) for e in entries]


_snake = {}  # TypeScript name -> Python name


_METHODS = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y, "pow": lambda x, y: x**y, "mod": lambda x, y: x % y,
    "matmul": lambda x, y: x @ y, "neg": lambda x: -x, "abs": lambda x: abs(x),
    "equal": lambda x, y: x == y, "notEqual": lambda x, y: x != y, "less": lambda x, y: x < y,
    "lessEqual": lambda x, y: x <= y, "greater": lambda x, y: x > y,
    "greaterEqual": lambda x, y: x >= y,
}


def _tuples(value):
    """Lists back to tuples: JAX wants shapes, axes and indices hashable."""
    if type(value) is list:
        return tuple(_tuples(v) for v in value)
    return value


def replay(program, inputs, outer=None):
    """Evaluates a recorded program on JAX."""
    env = dict(outer or {})
    env.update(zip(program.params, inputs))

    def get(value):
        if isinstance(value, Sym):
            return env[value.ident]
        if isinstance(value, _Fn):
            return _resolve(value.name)
        if isinstance(value, _Program):
            return _make(value)
        if isinstance(value, (tuple, list)):
            return [get(v) for v in value]
        if isinstance(value, dict):
            return {k: get(v) for k, v in value.items()}
        if isinstance(value, onp.ndarray):
            return array(value)
        return value

    def _make(sub):
        # A function with the right number of parameters: some transformations count them.
        names = [f"p{i}" for i in range(len(sub.params))]
        scope = {"run": lambda *a: replay(sub, a, env)}
        exec(f"def f({', '.join(names)}): return run({', '.join(names)})", scope)
        return scope["f"]

    for ident, fn, args in program.steps:
        kwargs = {}
        if args and isinstance(args[-1], (_Options, _Kwargs)):
            # The outputs are lists, and out_axes must match them.
            kwargs = {k: get(v) if k == "out_axes" else _tuples(get(v)) for k, v in args[-1].items()}
            args = args[:-1]
        values = [get(a) for a in args]
        if fn == "()":
            f, *rest = values
            env[ident] = f(*rest, **kwargs)
        elif fn == "get":
            owner, *index = values
            if isinstance(owner, jax.Array) or len(index) != 1:
                env[ident] = owner[tuple(index)]
            else:
                env[ident] = owner[index[0]]
        elif fn == ".":
            env[ident] = getattr(values[0], _python_field(values[0], values[1]))
        elif fn.startswith(".at."):
            owner, index, *rest = values
            env[ident] = getattr(owner.at[tuple(index)], _AT.get(fn[4:], fn[4:]))(*rest, **kwargs)
        elif fn.startswith("."):
            owner, *rest = values
            method = _METHODS.get(fn[1:])
            if method is None or not isinstance(owner, jax.Array):
                env[ident] = getattr(owner, _python_field(owner, fn[1:]))(*map(_tuples, rest), **kwargs)
            else:
                env[ident] = method(owner, *rest)
        else:
            name = fn.removeprefix("new ")
            env[ident] = _resolve(_snake.get(name, name))(*_arguments(name, values), **kwargs)
    return get(program.out)


_AT = {"mul": "multiply", "div": "divide", "pow": "power"}


def _python_field(owner, name):
    for candidate in (name, _unsnake(name)):
        if hasattr(owner, candidate):
            return candidate
    raise AttributeError(name)


def _unsnake(name):
    return "".join("_" + c.lower() if c.isupper() else c for c in name)


# Functions whose sequence argument holds arrays and must stay a list.
_KEEP_LISTS = {"np.stack", "np.concatenate", "np.vstack", "np.hstack", "np.block", "np.array",
               "np.dstack", "np.columnStack", "np.asarray", "nn.Sequential"}


def _arguments(name, values):
    if name in _KEEP_LISTS or name.startswith(("optim.", "vn.", "tree.")):
        return values
    return [_tuples(v) for v in values]


_orig_ts = _Fn.ts.fget


def _ts(self):
    name = _orig_ts(self)
    _snake[name] = self.name
    return name


_Fn.ts = property(_ts)


def array(value):
    """A NumPy array as a JAX array of exactly its dtype."""
    if value.dtype in (onp.float64, onp.int64, onp.uint64, onp.complex128):
        with jax.enable_x64(True):
            return jnp.asarray(value)
    return jnp.asarray(value)


# --- files -------------------------------------------------------------------------------------


def _narrowed(out, inputs):
    """Whether float64 went in and float32 came out: worth a look by whoever adds the case."""
    wide = any(str(getattr(v, "dtype", "")) == "float64" for v in inputs)
    leaves = jax.tree.leaves(out)
    return wide and any(str(getattr(v, "dtype", "")) == "float32" for v in leaves)


def ulp(n, atol=None):
    return {"ulp": n} if atol is None else {"ulp": n, "atol": atol}


def close(rtol, atol=0.0):
    return {"rtol": rtol, "atol": atol}


class File:
    """One data file: cases that share a pool of arrays."""

    def __init__(self, name):
        self.name, self.cases, self.arrays, self.pool, self.ids = name, [], [], {}, set()
        self.tol, self.problems, self.tables = ulp(4), [], {}

    def add(self, ident, fn, *inputs, tol=None, x64=False, out=None, weak=True, jit=True, throws=False):
        """Records ``fn`` on ``inputs`` and keeps what JAX answers (``out`` overrides it).

        x64: evaluate under ``jax.enable_x64``, where JAX without it refuses or narrows.
        weak: whether the weak type of the outputs is compared.
        throws: JAX refuses, and so must this library.
        jit: False keeps the case out of the compiled run.
        """
        global _counter
        assert ident not in self.ids, f"{self.name}: two cases named {ident}"
        self.ids.add(ident)
        _counter = 0
        program = record(fn)
        if throws:
            try:
                with jax.enable_x64(x64):
                    replay(program, [self._input(v) for v in inputs])
                self.problems.append(f"{ident}: JAX does not throw")
                return
            except Exception:
                pass
        elif out is None:
            try:
                with jax.enable_x64(x64):
                    out = replay(program, [self._input(v) for v in inputs])
            except Exception as error:
                self.problems.append(f"{ident}: {type(error).__name__}: {str(error)[:150]}")
                return
            if not x64 and _narrowed(out, inputs) and not ident.startswith(".astype"):
                print(f"note: {self.name}: {ident}: 64-bit inputs, 32-bit result")
        fns = [s[1] for s in program.steps if s[1] not in ("get", "()", ".")]
        case = {"id": ident, "fn": (fns or ["get"])[-1].removeprefix("new ")}
        case["in"] = [self.encode(v) for v in inputs]
        case["p"] = self.program(program)
        if throws:
            case["throws"] = True
        else:
            case["out"] = self.encode(out, output=True)
            case["tol"] = tol or self.tol
        if not weak:
            case["weak"] = False
        if not jit:
            case["jit"] = False
        self.cases.append(case)

    def _input(self, value):
        if isinstance(value, onp.ndarray):
            return array(value)
        if isinstance(value, (list, tuple)):
            return [self._input(v) for v in value]
        if isinstance(value, dict):
            return {k: self._input(v) for k, v in value.items()}
        return value

    def program(self, p):
        return {
            "params": p.params,
            "steps": [[i, fn, *[self.encode(a) for a in args]] for i, fn, args in p.steps],
            "out": self.encode(p.out),
        }

    def encode(self, v, output=False):
        again = lambda x: self.encode(x, output)
        if isinstance(v, jax.extend.core.ClosedJaxpr):
            return {"text": str(v)}
        if isinstance(v, Sym):
            return {"v": v.ident}
        if isinstance(v, _Fn):
            return {"f": v.ts}
        if isinstance(v, _Program):
            return {"l": self.program(v)}
        if isinstance(v, jax.Array):
            if jnp.issubdtype(v.dtype, jax.dtypes.prng_key):
                raise TypeError("a key cannot be saved: return random.key_data of it")
            return {"a": self.index_of(v), "w": 1} if v.weak_type else {"a": self.index_of(v)}
        if isinstance(v, (onp.ndarray, onp.generic)):
            return {"a": self.index_of(v)}
        if isinstance(v, slice):
            return {"s": [v.start, v.stop, v.step]}
        if v is Ellipsis:
            return "..."
        if v is None or isinstance(v, (bool, str)):
            return v
        if isinstance(v, int):
            return v if abs(v) < 2**53 else {"n": str(v)}
        if isinstance(v, float):
            if math.isnan(v):
                return {"x": "nan"}
            if math.isinf(v):
                return {"x": "inf" if v > 0 else "-inf"}
            return {"x": "-0"} if v == 0 and math.copysign(1, v) < 0 else v
        if isinstance(v, complex):
            return {"z": [again(v.real), again(v.imag)]}
        if isinstance(v, (_Options, _Kwargs)):
            return {"k" if isinstance(v, _Kwargs) else "o": {camel(k): again(x) for k, x in v.items()}}
        if isinstance(v, dict):
            return {"d": {k: again(x) for k, x in v.items()}}
        if isinstance(v, (list, tuple)):
            return [again(x) for x in v]
        if isinstance(v, jax.ShapeDtypeStruct):
            return {"struct": [str(v.dtype), list(v.shape), bool(getattr(v, "weak_type", False))]}
        if output and isinstance(v, eqx.Module):
            return {"d": {camel(f.name): again(getattr(v, f.name)) for f in dataclasses.fields(v)
                          if not f.metadata.get("static", False)}}
        if output and callable(v):
            return {"any": 1}
        raise TypeError(f"cannot write {type(v)}: {v!r}")

    def index_of(self, v):
        value = onp.asarray(v)
        value = value.astype(value.dtype.newbyteorder("<"), copy=False)
        dtype = str(value.dtype)
        assert dtype in DTYPES, dtype
        raw = base64.b64encode(onp.ascontiguousarray(value).tobytes()).decode()
        key = (dtype, value.shape, raw)
        if key not in self.pool:
            self.pool[key] = len(self.arrays)
            self.arrays.append([dtype, list(value.shape), raw])
        return self.pool[key]

    def save(self, folder):
        path = pathlib.Path(folder) / f"{self.name}.json"
        dump = lambda x: json.dumps(x, separators=(",", ":"), allow_nan=False)
        lines = ",\n".join(dump(c) for c in self.cases)
        arrays = ",\n".join(dump(a) for a in self.arrays)
        tables = "".join(f',\n"{k}":{dump(v)}' for k, v in self.tables.items())
        path.write_text(f'{{"file":"{self.name}",\n"arrays":[\n{arrays}\n],\n"cases":[\n{lines}\n]{tables}}}\n')
        return len(self.cases), path.stat().st_size
