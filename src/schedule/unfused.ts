/**
 * The plainest schedule: every equation is a step of its own, every value has its own memory.
 *
 * Nothing is fused and nothing is reused, so there is little that can go wrong: it is what the fusing scheduler is
 * tested against.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import { type Shape, sizeOf, stridesOf } from "../core/aval.ts";
import { dtypeInfo, wideOf } from "../core/dtype.ts";
import { inlineCalls } from "../core/inline.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type JaxprEqn,
  JaxprVar,
  primitiveOf,
} from "../core/jaxpr.ts";
import type { Access, DotSpec, HostCallback, Lowered, LoweredKernel } from "../core/lowering.ts";
import {
  binary,
  cast,
  constant,
  type Expr,
  index,
  load,
  makeVar,
  narrowed,
  type Var,
} from "../loopnest/expr.ts";
import { scheduleControl } from "./control.ts";
import { expandEquations } from "./expand.ts";
import { aliasAsMap, dotAsReduce } from "./lowered.ts";
import type { BufferDecl, DotOperand, KernelArg, Program, Step, Stmt } from "../loopnest/ir.ts";

/** Schedules without fusing; `callbacks` gets the host's functions. */
export function scheduleUnfused(
  closed: ClosedJaxpr,
  name: string,
  callbacks: HostCallback[] = [],
): Program {
  return new Unfused(expandEquations(closed), name, callbacks).run();
}

function linear(shape: Shape, at: readonly Expr[]): Expr {
  const strides = stridesOf(shape);
  let sum = index(0);
  at.forEach((i, k) => sum = binary("add", sum, binary("mul", i, index(strides[k]))));
  return sum;
}

class Unfused {
  private readonly buffers: BufferDecl[] = [];
  private readonly steps: Step[] = [];
  private readonly bufferOf = new Map<JaxprVar, number>();
  private scratch = 0;

  constructor(
    private readonly closed: ClosedJaxpr,
    private readonly name: string,
    private readonly callbacks: HostCallback[],
  ) {}

  run(): Program {
    const { constvars, invars, outvars, eqns } = this.closed.jaxpr;
    [...constvars, ...invars].forEach((v, position) => {
      this.bufferOf.set(v, this.declare("input", position, v));
    });
    for (const eqn of eqns) this.equation(eqn);
    outvars.forEach((out, position) => {
      const to = this.declare("output", position, out);
      if (out instanceof JaxprVar) {
        this.steps.push({ kind: "copy", from: this.bufferOf.get(out)!, to });
      } else {
        const value = constant(out.value, out.aval.dtype);
        const body: Stmt[] = [{ kind: "store", buffer: to, index: index(0), value }];
        this.steps.push({ kind: "nest", name: "literal", body });
      }
    });
    return {
      name: this.name,
      buffers: this.buffers,
      steps: this.steps.filter((s) => s.kind !== "copy" || this.buffers[s.to].size > 0),
      scratchBytes: this.scratch,
    };
  }

  private declare(role: BufferDecl["role"], position: number, of: Atom): number {
    return this.declareSized(role, position, of.aval.stored.dtype, of.aval.stored.size);
  }

  private declareSized(
    role: BufferDecl["role"],
    position: number,
    dtype: BufferDecl["dtype"],
    size: number,
  ): number {
    const id = this.buffers.length;
    let offset = 0;
    if (role === "temp") {
      offset = this.scratch;
      this.scratch += Math.ceil(size * dtypeInfo(dtype).bytes / 64) * 64;
    }
    this.buffers.push({ id, dtype, size, role, position, offset, donor: -1 });
    return id;
  }

  private access(atom: Atom): Access {
    if (!(atom instanceof JaxprVar)) {
      const value = constant(atom.value, atom.aval.dtype);
      return () => value;
    }
    const buffer = this.bufferOf.get(atom);
    if (buffer === undefined) {
      throw new InternalError("schedule: a variable is read before it is bound");
    }
    return (at) => load(buffer, atom.aval.stored.dtype, linear(atom.aval.stored.shape, at));
  }

  private buffer(atom: Atom): number {
    if (atom instanceof JaxprVar) return this.bufferOf.get(atom)!;
    const to = this.declare("temp", -1, atom);
    const value = constant(atom.value, atom.aval.dtype);
    const body: Stmt[] = [{ kind: "store", buffer: to, index: index(0), value }];
    this.steps.push({ kind: "nest", name: "literal", body });
    return to;
  }

  private equation(eqn: JaxprEqn): void {
    const { invars, outvars, params } = eqn;
    const primitive = primitiveOf(eqn);
    if (primitive.lower === undefined) {
      throw new InternalError(`schedule: the primitive ${primitive.name} has no lowering rule`);
    }
    const lowered = primitive.lower(
      invars.map((x) => this.access(x)),
      invars.map((x) => x.aval.stored),
      outvars.map((x) => x.aval.stored),
      params,
    );
    let kernel: LoweredKernel | null = null;
    outvars.forEach((v) => this.bufferOf.set(v, this.declare("temp", -1, v)));
    const [effect] = lowered;
    if (outvars.length === 0 && effect.kind === "kernel") this.kernel(effect.call, eqn);
    outvars.forEach((v, k) => {
      const l = lowered[k];
      if (l.kind === "kernel") {
        if (kernel === null) this.kernel(l.call, eqn);
        kernel = l.call;
      } else if (v.aval.stored.size > 0) this.result(l, eqn, v);
    });
  }

  private kernel(call: LoweredKernel, { invars, outvars }: JaxprEqn): void {
    if (call.control !== undefined) {
      const operands = invars.map((x) => this.buffer(x));
      const results = outvars.map((v) => this.bufferOf.get(v)!);
      const control = scheduleControl(
        call.control,
        call.name,
        (inner, name) => scheduleUnfused(inlineCalls(inner), name, this.callbacks),
        [],
        this.callbacks,
      );
      this.steps.push({ kind: "control", name: call.name, control, operands, results });
      return;
    }
    const args = call.args.map((arg): KernelArg => {
      if (arg.kind === "number" || arg.kind === "list") return arg;
      if (arg.kind === "operand") {
        return { kind: "buffer", buffer: this.buffer(invars[arg.operand]) };
      }
      if (arg.kind === "result") {
        return { kind: "buffer", buffer: this.bufferOf.get(outvars[arg.result])! };
      }
      const buffer = this.declareSized("temp", -1, "uint8", arg.bytes);
      return { kind: "buffer", buffer };
    });
    this.steps.push({ kind: "kernel", name: call.name, args });
  }

  private result(l: Exclude<Lowered, { kind: "kernel" }>, eqn: JaxprEqn, v: JaxprVar): void {
    const to = this.bufferOf.get(v)!;
    const { shape, dtype } = v.aval.stored;
    const name = eqn.primitive.name;
    const store = (at: readonly Expr[], value: Expr): Stmt => ({
      kind: "store",
      buffer: to,
      index: linear(shape, at),
      value,
    });
    const nest = (body: readonly Stmt[]) => this.steps.push({ kind: "nest", name, body });
    switch (l.kind) {
      case "map":
        nest(loops(shape, "independent", (at) => [store(at, l.at(at))]));
        break;
      case "alias": {
        const x = eqn.invars[l.operand];
        const map = aliasAsMap(this.access(x), x.aval.stored, v.aval.stored);
        if (map.kind === "map") nest(loops(shape, "independent", (at) => [store(at, map.at(at))]));
        break;
      }
      case "reduce":
        nest(loops(shape, "independent", (at) => {
          const v = makeVar("acc", wideOf(dtype));
          return [
            { kind: "accumulator", v, op: l.op },
            ...loops(l.sizes, "serial", (r) => [
              { kind: "accumulate", v, value: cast(l.at(at, r), v.dtype) },
            ]),
            store(at, narrowed(l.op, v, dtype)),
          ];
        }));
        break;
      case "argReduce":
        nest(loops(shape, "independent", (at) => {
          const position = makeVar("position");
          const wide = wideOf(l.at(at, index(0)).dtype);
          const value = makeVar("best", wide);
          return [
            { kind: "argAccumulator", value, at: position, op: l.op },
            ...loops([l.size], "serial", ([r]) => [
              { kind: "argAccumulate", v: value, value: cast(l.at(at, r), wide), position: r },
            ]),
            store(at, position),
          ];
        }));
        break;
      case "update": {
        this.steps.push({ kind: "copy", from: this.buffer(eqn.invars[l.operand]), to });
        if (sizeOf(l.sizes) === 0) break;
        nest(loops(l.sizes, l.unique ? "independent" : "serial", (u) => [{
          kind: "store",
          buffer: to,
          index: linear(shape, l.index(u)),
          value: l.value(u),
          ...(l.combine === undefined ? {} : { combine: l.combine }),
          ...(l.guard === undefined ? {} : { guard: l.guard(u) }),
        }]));
        break;
      }
      case "pieces": {
        const background = l.background;
        if (background !== undefined) {
          nest(loops(shape, "independent", (at) => [store(at, background)]));
        }
        for (const piece of l.pieces) {
          if (sizeOf(piece.sizes) === 0) continue;
          nest(loops(piece.sizes, "independent", (at) => {
            const where = at.map((i, k) => {
              const step = index(piece.steps?.[k] ?? 1);
              return binary("add", binary("mul", i, step), index(piece.offsets[k]));
            });
            return [store(where, piece.at(at))];
          }));
        }
        break;
      }
      case "dot":
        this.dot(l.spec, eqn, to);
        break;
      default: {
        const never: never = l;
        return never;
      }
    }
  }

  private dot(spec: DotSpec, eqn: JaxprEqn, to: number): void {
    const side = (
      operand: number,
      batch: readonly number[],
      contract: readonly number[],
      isLeft: boolean,
    ): { at: DotOperand; free: number[] } | null => {
      const { shape } = eqn.invars[operand].aval.stored;
      const strides = stridesOf(shape);
      const free = shape.map((_, k) => k).filter((k) =>
        !batch.includes(k) && !contract.includes(k)
      );
      const [b, f, c] = [batch, free, contract].map((axes) => collapse(shape, strides, axes));
      if (b === null || f === null || c === null) return null;
      const buffer = this.buffer(eqn.invars[operand]);
      const [rowStride, colStride] = isLeft ? [f, c] : [c, f];
      return { at: { buffer, offset: 0, batchStride: b, rowStride, colStride }, free };
    };
    const lhs = side(spec.lhs, spec.lhsBatch, spec.lhsContract, true);
    const rhs = side(spec.rhs, spec.rhsBatch, spec.rhsContract, false);
    const [ls, rs] = [
      eqn.invars[spec.lhs].aval.stored.shape,
      eqn.invars[spec.rhs].aval.stored.shape,
    ];
    const out = eqn.outvars[0].aval.stored;
    const name = eqn.primitive.name;
    const box = (shape: Shape, axes: readonly number[]) => axes.map((k) => shape[k]);
    if (lhs !== null && rhs !== null) {
      this.steps.push({
        kind: "dot",
        name,
        dtype: out.dtype,
        batch: sizeOf(box(ls, spec.lhsBatch)),
        m: sizeOf(box(ls, lhs.free)),
        n: sizeOf(box(rs, rhs.free)),
        k: sizeOf(box(ls, spec.lhsContract)),
        lhs: lhs.at,
        rhs: rhs.at,
        out: to,
      });
      return;
    }
    // Axes that no single stride spans: as a plain reduction.
    const l = dotAsReduce(
      spec,
      this.access(eqn.invars[spec.lhs]),
      this.access(eqn.invars[spec.rhs]),
      ls,
      rs,
    );
    const body = loops(out.shape, "independent", (at) => {
      const v = makeVar("acc", wideOf(out.dtype));
      return [
        { kind: "accumulator", v, op: "add" },
        ...loops(l.sizes, "serial", (r) => [
          { kind: "accumulate", v, value: cast(l.at(at, r), v.dtype) },
        ]),
        { kind: "store", buffer: to, index: linear(out.shape, at), value: cast(v, out.dtype) },
      ];
    });
    this.steps.push({ kind: "nest", name, body });
  }
}

/** The one stride that spans `axes` in order, or `null`. */
function collapse(
  shape: Shape,
  strides: readonly number[],
  axes: readonly number[],
): number | null {
  let stride = 0;
  let extent = 1;
  for (let k = axes.length - 1; k >= 0; k--) {
    const n = shape[axes[k]];
    if (n === 1) continue;
    if (extent === 1) stride = strides[axes[k]];
    else if (strides[axes[k]] !== stride * extent) return null;
    extent *= n;
  }
  return stride;
}

/** Loops around what `body` makes of their indices; axes of size 1 take the constant 0. */
function loops(
  sizes: Shape,
  mode: "independent" | "serial",
  body: (at: readonly Expr[]) => readonly Stmt[],
): readonly Stmt[] {
  const at = sizes.map((n, k): Expr => n === 1 ? index(0) : makeVar(`i${k}`));
  const vars = at.flatMap((v, k) => v.kind === "var" ? [{ v: v as Var, extent: sizes[k] }] : []);
  let statements = body(at);
  for (let k = vars.length - 1; k >= 0; k--) {
    const { v, extent } = vars[k];
    const loop = mode === "serial"
      ? mode
      : k === vars.length - 1
      ? "vector"
      : k === 0
      ? "parallel"
      : "serial";
    statements = [{ kind: "for", v, extent, mode: loop, body: statements }];
  }
  return statements;
}
