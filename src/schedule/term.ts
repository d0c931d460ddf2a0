/**
 * Terms: scalar expressions in normal form, each existing once.
 *
 * While it decides, the scheduler compares index expressions all the time ("do these two consumers read the same
 * element?"). Here two equal expressions are the same object, and int32 sums are kept as `Σ coefficient · atom +
 * constant` with known ranges, so that a division or remainder that a reshape introduces goes away wherever the loops
 * allow: `(x / n) * n + x % n` is `x`, and `(8i + j) / 8` with `0 ≤ j < 8` is `i`. Sharing makes a term a graph:
 * what a rule uses twice is one term, and is computed once.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import { type DType, isStored } from "../core/dtype.ts";
import {
  type BinaryOp,
  cast as castExpr,
  constant as constantExpr,
  type Expr,
  makeVar,
  type UnaryOp,
} from "../loopnest/expr.ts";
import { opCost } from "./cost.ts";

/** What a term can be. `acc` is the result of a reduction; `affine` an int32 sum. */
export type TermKind =
  | "var"
  | "const"
  | "affine"
  | "load"
  | "acc"
  | "unary"
  | "binary"
  | "select"
  | "cast"
  | "bitcast";

/** What a load or an accumulator refers to. */
export interface TermRef {
  /** Distinguishes it among its kind. */
  readonly index: number;
}

/** A scalar expression in normal form. Compare terms by identity. */
export class Term {
  /** Which loop variables it depends on, as bits. */
  mask = 0;
  /** How many reductions over the nest's inner loops must be complete before it can be computed. */
  phase = 0;
  /** For an int32: its bounds, where they are known; else NaN. */
  lo = NaN;
  hi = NaN;
  /** Of a loop variable: how many values it takes. */
  extent = 0;
  /** What it costs to compute from memory, as a tree. */
  cost = 0;
  /** Stands for the term in the hands of lowering rules. */
  expr: Expr | null = null;

  constructor(
    readonly id: number,
    readonly kind: TermKind,
    readonly dtype: DType,
    /** Of unary and binary terms. */
    readonly op: string,
    readonly args: readonly Term[],
    /** Of affine terms: one for each of `args`. */
    readonly coeffs: readonly number[],
    /** The constant, or the constant part of an affine term. */
    readonly value: number | bigint | boolean,
    /** The value loaded, or the accumulator. */
    readonly ref: TermRef | null,
  ) {}
}

const noTerms: readonly Term[] = [];
const noCoeffs: readonly number[] = [];
const intLow = -(2 ** 31);
const intHigh = 2 ** 31 - 1;
const comparisons: ReadonlySet<string> = new Set(["eq", "ne", "lt", "le", "gt", "ge"]);

/** All terms of one scheduling run. */
export class Terms {
  private readonly table = new Map<string, Term>();
  private readonly byExpr = new Map<number, Term>();
  private count = 0;
  /** The int32 zero. */
  readonly zero: Term = this.int(0);

  /** A fresh loop variable `0 ≤ v < extent`, with its bit. */
  loopVar(extent: number, bit: number): Term {
    const t = this.make("var", "int32", "", noTerms, noCoeffs, 0, null);
    t.mask = 1 << bit;
    t.lo = 0;
    t.hi = extent - 1;
    t.extent = extent;
    return t;
  }

  /** The result of a reduction, readable once `phase` reductions are complete. */
  accumulator(ref: TermRef, dtype: DType, mask: number, phase: number): Term {
    const t = this.make("acc", dtype, "", noTerms, noCoeffs, 0, ref);
    t.mask = mask;
    t.phase = phase;
    return t;
  }

  /** An int32 constant. */
  int(value: number): Term {
    return this.constant(value, "int32");
  }

  /** A constant. */
  constant(value: number | bigint | boolean, dtype: DType): Term {
    const key = `${dtype}${Object.is(value, -0) ? "-0" : value}`;
    let t = this.table.get(key);
    if (t === undefined) {
      t = this.make("const", dtype, "", noTerms, noCoeffs, value, null);
      if (dtype === "int32") t.lo = t.hi = value as number;
      this.table.set(key, t);
    }
    return t;
  }

  /** An element of a value's memory. */
  load(ref: TermRef, dtype: DType, index: Term): Term {
    return this.intern(`L${ref.index},${index.id}`, "load", dtype, "", [index], ref);
  }

  /** What a lowering rule gets to see of a term. */
  exprOf(t: Term): Expr {
    if (t.expr === null) {
      t.expr = t.kind === "const" ? constantExpr(t.value, t.dtype) : makeVar("t", t.dtype);
      this.byExpr.set(t.expr.id, t);
    }
    return t.expr;
  }

  /** The term of what a lowering rule gave back. */
  termOf(e: Expr): Term {
    const known = this.byExpr.get(e.id);
    if (known !== undefined) return known;
    let t: Term;
    switch (e.kind) {
      case "var":
      case "load":
        throw new InternalError(`schedule: a lowering rule made a ${e.kind} of its own`);
      case "const":
        t = this.constant(e.value, e.dtype);
        break;
      case "unary":
        t = this.unary(e.op, this.termOf(e.x), e.dtype);
        break;
      case "binary":
        t = this.binary(e.op, this.termOf(e.x), this.termOf(e.y));
        break;
      case "select":
        t = this.select(this.termOf(e.condition), this.termOf(e.x), this.termOf(e.y));
        break;
      case "cast":
        t = this.cast(this.termOf(e.x), e.dtype);
        break;
      case "bitcast":
        t = this.bitcast(this.termOf(e.x), e.dtype);
        break;
      default: {
        const never: never = e;
        return never;
      }
    }
    this.byExpr.set(e.id, t);
    return t;
  }

  /** `op(x)`. */
  unary(op: UnaryOp, x: Term, dtype: DType = x.dtype): Term {
    if (op === "neg") {
      if (x.dtype === "int32") return this.scale(x, -1);
      if (x.kind === "const" && isFloat(x.dtype)) return this.constant(-(x.value as number), dtype);
      if (x.kind === "unary" && x.op === "neg") return x.args[0];
    } else if (op === "not" && x.dtype === "bool" && x.kind === "const") {
      return this.constant(!x.value, "bool");
    }
    return this.intern(`${op},${x.id}`, "unary", dtype, op, [x], null);
  }

  /** `op(x, y)`. */
  binary(op: BinaryOp, x: Term, y: Term): Term {
    if (x.dtype === "int32") {
      const t = this.intBinary(op, x, y);
      if (t !== null) return t;
    } else if (isFloat(x.dtype)) {
      const t = this.floatBinary(op, x, y);
      if (t !== null) return t;
    } else if (x.dtype === "bool") {
      const t = this.boolBinary(op, x, y);
      if (t !== null) return t;
    }
    const dtype = comparisons.has(op) ? "bool" : x.dtype;
    return this.intern(`${op},${x.id},${y.id}`, "binary", dtype, op, [x, y], null);
  }

  /** `condition ? x : y`. */
  select(condition: Term, x: Term, y: Term): Term {
    if (x === y) return x;
    if (condition.kind === "const") return condition.value ? x : y;
    const t = this.intern(
      `?${condition.id},${x.id},${y.id}`,
      "select",
      x.dtype,
      "",
      [condition, x, y],
      null,
    );
    if (t.dtype === "int32" && !Number.isNaN(x.lo + y.lo)) {
      t.lo = Math.min(x.lo, y.lo);
      t.hi = Math.max(x.hi, y.hi);
    }
    return t;
  }

  /** `x` converted. */
  cast(x: Term, dtype: DType): Term {
    if (x.dtype === dtype) return x;
    if (x.kind === "const" && x.dtype !== "key<fry>") {
      return this.termOf(castExpr(constantExpr(x.value, x.dtype), dtype));
    }
    // What was widened and comes back untouched.
    if (x.kind === "cast" && isStored(dtype) && x.args[0].dtype === dtype) return x.args[0];
    return this.intern(`c${dtype},${x.id}`, "cast", dtype, "", [x], null);
  }

  /** The bits of `x` read as `dtype`. */
  bitcast(x: Term, dtype: DType): Term {
    if (x.dtype === dtype) return x;
    if (x.kind === "bitcast") return this.bitcast(x.args[0], dtype);
    return this.intern(`b${dtype},${x.id}`, "bitcast", dtype, "", [x], null);
  }

  // ------------------------------------------------------------ int32 sums

  /** `x + y · factor`. */
  addScaled(x: Term, y: Term, factor: number): Term {
    if (factor === 0) return x;
    const atoms: Term[] = [];
    const coeffs: number[] = [];
    let constant = collect(x, 1, atoms, coeffs, 0);
    constant = collect(y, factor, atoms, coeffs, constant);
    return this.affine(atoms, coeffs, constant);
  }

  /** `x · factor`. */
  scale(x: Term, factor: number): Term {
    if (factor === 1) return x;
    if (factor === 0) return this.zero;
    const atoms: Term[] = [];
    const coeffs: number[] = [];
    const constant = collect(x, factor, atoms, coeffs, 0);
    return this.affine(atoms, coeffs, constant);
  }

  /** `Σ at[k] · strides[k]`. */
  linear(at: readonly Term[], strides: readonly number[]): Term {
    if (at.length === 0) return this.zero;
    if (at.length === 1 && strides[0] === 1) return at[0];
    const atoms: Term[] = [];
    const coeffs: number[] = [];
    let constant = 0;
    for (let k = 0; k < at.length; k++) {
      constant = collect(at[k], strides[k], atoms, coeffs, constant);
    }
    return this.affine(atoms, coeffs, constant);
  }

  /** The index, axis by axis, of row-major position `position` in a box. */
  delinearise(position: Term, sizes: readonly number[], strides: readonly number[]): Term[] {
    return sizes.map((size, k) => {
      if (size === 1) return this.zero;
      const t = this.divide(position, strides[k]);
      return k === 0 || t.hi < size ? t : this.remainder(t, size);
    });
  }

  /** Puts a sum into normal form. Takes over the arrays. */
  private affine(atoms: Term[], coeffs: number[], constant: number): Term {
    // Insertion sort by id, merging equal atoms: there are few.
    let n = 0;
    for (let i = 0; i < atoms.length; i++) {
      const [atom, coeff] = [atoms[i], coeffs[i]];
      let j = 0;
      while (j < n && atoms[j].id < atom.id) j++;
      if (j < n && atoms[j] === atom) {
        coeffs[j] = (coeffs[j] + coeff) | 0;
        continue;
      }
      for (let k = n; k > j; k--) {
        atoms[k] = atoms[k - 1];
        coeffs[k] = coeffs[k - 1];
      }
      atoms[j] = atom;
      coeffs[j] = coeff;
      n++;
    }
    let kept = 0;
    let hasRemainder = false;
    for (let i = 0; i < n; i++) {
      if (coeffs[i] === 0) continue;
      atoms[kept] = atoms[i];
      coeffs[kept++] = coeffs[i];
      if (atoms[i].kind === "binary" && atoms[i].op === "rem") hasRemainder = true;
    }
    atoms.length = coeffs.length = kept;
    if (hasRemainder && kept > 1) {
      const joined = this.joinQuotient(atoms, coeffs, constant);
      if (joined !== null) return joined;
    }
    if (kept === 0) return this.int(constant);
    if (kept === 1 && coeffs[0] === 1 && constant === 0) return atoms[0];
    let key = `A${constant}`;
    for (let i = 0; i < kept; i++) key += `,${coeffs[i]}*${atoms[i].id}`;
    let t = this.table.get(key);
    if (t === undefined) {
      t = this.make("affine", "int32", "", atoms, coeffs, constant, null);
      let [lo, hi] = [constant, constant];
      for (let i = 0; i < kept; i++) {
        const [a, b] = [coeffs[i] * atoms[i].lo, coeffs[i] * atoms[i].hi];
        lo += Math.min(a, b);
        hi += Math.max(a, b);
      }
      this.setRange(t, lo, hi);
      this.table.set(key, t);
    }
    return t;
  }

  /** `k·n·(x / n) + k·(x % n)` is `k·x`. */
  private joinQuotient(atoms: Term[], coeffs: number[], constant: number): Term | null {
    for (let i = 0; i < atoms.length; i++) {
      const rem = atoms[i];
      if (rem.kind !== "binary" || rem.op !== "rem" || rem.args[1].kind !== "const") continue;
      const n = rem.args[1].value as number;
      const quotient = this.divide(rem.args[0], n);
      const j = atoms.indexOf(quotient);
      if (j < 0 || coeffs[j] !== Math.imul(coeffs[i], n)) continue;
      const [a, c]: [Term[], number[]] = [[], []];
      for (let k = 0; k < atoms.length; k++) {
        if (k === i || k === j) continue;
        a.push(atoms[k]);
        c.push(coeffs[k]);
      }
      const rest = collect(rem.args[0], coeffs[i], a, c, constant);
      return this.affine(a, c, rest);
    }
    return null;
  }

  /** `x / n` for a constant `n > 0`, towards zero. */
  divide(x: Term, n: number): Term {
    if (n === 1) return x;
    if (x.kind === "const") return this.int(Math.trunc((x.value as number) / n));
    if (!(x.lo >= 0)) return this.opaque("div", x, n);
    if (x.hi < n) return this.zero;
    const split = this.split(x, n);
    if (split !== null) {
      const { quotient, rest } = split;
      return this.addScaled(this.divide(rest, n), quotient, 1);
    }
    if (x.kind === "binary" && x.op === "div" && x.args[1].kind === "const") {
      const whole = (x.args[1].value as number) * n; // (x / m) / n, of x >= 0
      if (whole <= intHigh && x.args[0].lo >= 0) return this.divide(x.args[0], whole);
    }
    return this.opaque("div", x, n);
  }

  /** `x % n` for a constant `n > 0`, with the sign of `x`. */
  remainder(x: Term, n: number): Term {
    if (n === 1) return this.zero;
    if (x.kind === "const") return this.int((x.value as number) % n);
    if (!(x.lo >= 0)) return this.opaque("rem", x, n);
    if (x.hi < n) return x;
    const split = this.split(x, n);
    if (split !== null) return this.remainder(split.rest, n);
    return this.opaque("rem", x, n);
  }

  /** `x = n · quotient + rest` with a non-negative rest; `null` where no part of `x` is a multiple of `n`. */
  private split(x: Term, n: number): { quotient: Term; rest: Term } | null {
    if (x.kind !== "affine") return null;
    const [qa, qc, ra, rc]: [Term[], number[], Term[], number[]] = [[], [], [], []];
    for (let i = 0; i < x.args.length; i++) {
      const c = x.coeffs[i];
      if (c % n === 0) {
        qa.push(x.args[i]);
        qc.push(c / n);
      } else {
        ra.push(x.args[i]);
        rc.push(c);
      }
    }
    const constant = x.value as number;
    const whole = Math.floor(constant / n);
    if (qa.length === 0 && whole === 0) return null;
    const rest = this.affine(ra, rc, constant - whole * n);
    if (!(rest.lo >= 0)) return null;
    const quotient = this.affine(qa, qc, whole);
    return Number.isNaN(quotient.lo) ? null : { quotient, rest };
  }

  private opaque(op: "div" | "rem", x: Term, n: number): Term {
    const y = this.int(n);
    const t = this.intern(`${op},${x.id},${y.id}`, "binary", "int32", op, [x, y], null);
    if (x.lo >= 0) {
      if (op === "div") this.setRange(t, Math.trunc(x.lo / n), Math.trunc(x.hi / n));
      else this.setRange(t, 0, Math.min(n - 1, x.hi));
    }
    return t;
  }

  private intBinary(op: BinaryOp, x: Term, y: Term): Term | null {
    switch (op) {
      case "add":
        return this.addScaled(x, y, 1);
      case "sub":
        return this.addScaled(x, y, -1);
      case "mul":
        if (y.kind === "const") return this.scale(x, y.value as number);
        return x.kind === "const" ? this.scale(y, x.value as number) : null;
      case "div":
        return y.kind === "const" && (y.value as number) > 0
          ? this.divide(x, y.value as number)
          : null;
      case "rem":
        return y.kind === "const" && (y.value as number) > 0
          ? this.remainder(x, y.value as number)
          : null;
      case "min":
      case "max": {
        if (x === y) return x;
        const difference = this.difference(x, y);
        if (difference === null) return null;
        if (difference.hi <= 0) return op === "min" ? x : y;
        if (difference.lo >= 0) return op === "min" ? y : x;
        const t = this.intern(`${op},${x.id},${y.id}`, "binary", "int32", op, [x, y], null);
        const f = op === "min" ? Math.min : Math.max;
        this.setRange(t, f(x.lo, y.lo), f(x.hi, y.hi));
        return t;
      }
      case "eq":
      case "ne":
      case "lt":
      case "le":
      case "gt":
      case "ge": {
        const d = this.difference(x, y);
        if (d === null) return null;
        const known = compareRange(op, d.lo, d.hi);
        return known === null ? null : this.constant(known, "bool");
      }
      default:
        return null;
    }
  }

  /** `x - y` where it cannot wrap. */
  private difference(x: Term, y: Term): Term | null {
    if (Number.isNaN(x.lo) || Number.isNaN(y.lo)) {
      // One bound is enough for min and max against a constant; not worth the trouble.
      return null;
    }
    // The sum of constants wraps silently, so the bounds must show that it does not.
    if (x.hi - y.lo > 2 ** 31 - 1 || x.lo - y.hi < -(2 ** 31)) return null;
    const d = this.addScaled(x, y, -1);
    return Number.isNaN(d.lo) ? null : d;
  }

  private floatBinary(op: BinaryOp, x: Term, y: Term): Term | null {
    const [a, b] = [
      x.kind === "const" ? x.value as number : null,
      y.kind === "const" ? y.value as number : null,
    ];
    if (a !== null && b !== null) {
      // Correctly rounded in double and rounded once more is correctly rounded in single, for these.
      if (op === "add") return this.float(a + b, x.dtype);
      if (op === "sub") return this.float(a - b, x.dtype);
      if (op === "mul") return this.float(a * b, x.dtype);
      if (op === "div") return this.float(a / b, x.dtype);
      return null;
    }
    if (op === "mul") return a === 1 ? y : b === 1 ? x : null;
    if (op === "div") return b === 1 ? x : null;
    if (op === "add") return Object.is(a, -0) ? y : Object.is(b, -0) ? x : null; // x + 0 turns -0 into 0
    if (op === "sub") return Object.is(b, 0) ? x : null;
    return null;
  }

  private boolBinary(op: BinaryOp, x: Term, y: Term): Term | null {
    const [a, b] = [x.kind === "const" ? x.value : null, y.kind === "const" ? y.value : null];
    if (op === "and") {
      if (a === true || b === false || x === y) return y;
      if (b === true || a === false) return x;
    } else if (op === "or") {
      if (a === false || b === true || x === y) return y;
      if (b === false || a === true) return x;
    }
    return null;
  }

  private float(value: number, dtype: DType): Term {
    return this.constant(dtype === "float32" ? Math.fround(value) : value, dtype);
  }

  private setRange(t: Term, lo: number, hi: number): void {
    if (lo >= intLow && hi <= intHigh) {
      t.lo = lo;
      t.hi = hi;
    }
  }

  private intern(
    key: string,
    kind: TermKind,
    dtype: DType,
    op: string,
    args: readonly Term[],
    ref: TermRef | null,
  ): Term {
    let t = this.table.get(key);
    if (t === undefined) {
      t = this.make(kind, dtype, op, args, noCoeffs, 0, ref);
      this.table.set(key, t);
    }
    return t;
  }

  private make(
    kind: TermKind,
    dtype: DType,
    op: string,
    args: readonly Term[],
    coeffs: readonly number[],
    value: number | bigint | boolean,
    ref: TermRef | null,
  ): Term {
    const t = new Term(this.count++, kind, dtype, op, args, coeffs, value, ref);
    let cost = kind === "affine" || kind === "var" || kind === "const" || kind === "acc"
      ? 0
      : opCost(kind, op);
    for (const x of args) {
      t.mask |= x.mask;
      if (x.phase > t.phase) t.phase = x.phase;
      cost += x.cost;
    }
    t.cost = Math.min(cost, 1e6);
    return t;
  }
}

function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64";
}

/** Adds `t · factor` to a sum under construction; gives the new constant. */
function collect(
  t: Term,
  factor: number,
  atoms: Term[],
  coeffs: number[],
  constant: number,
): number {
  if (t.kind === "const") return (constant + Math.imul(t.value as number, factor)) | 0;
  if (t.kind !== "affine") {
    atoms.push(t);
    coeffs.push(factor);
    return constant;
  }
  for (let i = 0; i < t.args.length; i++) {
    atoms.push(t.args[i]);
    coeffs.push(Math.imul(t.coeffs[i], factor));
  }
  return (constant + Math.imul(t.value as number, factor)) | 0;
}

/** What `x op y` is, given the bounds of `x - y`. */
function compareRange(op: BinaryOp, lo: number, hi: number): boolean | null {
  switch (op) {
    case "lt":
      return hi < 0 ? true : lo >= 0 ? false : null;
    case "le":
      return hi <= 0 ? true : lo > 0 ? false : null;
    case "gt":
      return lo > 0 ? true : hi <= 0 ? false : null;
    case "ge":
      return lo >= 0 ? true : hi < 0 ? false : null;
    case "eq":
      return lo === 0 && hi === 0 ? true : lo > 0 || hi < 0 ? false : null;
    case "ne":
      return lo === 0 && hi === 0 ? false : lo > 0 || hi < 0 ? true : null;
    default:
      return null;
  }
}
