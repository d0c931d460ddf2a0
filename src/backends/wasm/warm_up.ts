/**
 * A first compilation that nobody waits for: it makes V8 compile the emitter and the parts of binaryen that
 * every later one uses, which takes longer than all the rest of compiling a program.
 *
 * @module
 */
import { binary, constant, index, load, makeVar, select, unary } from "../../loopnest/expr.ts";
import type { BufferDecl, Program, Stmt } from "../../loopnest/ir.ts";
import type { Binaryen } from "./binaryen.ts";
import { emitProgram } from "./emit.ts";

/** A program with a bit of everything that training steps are made of. */
export function warmUpProgram(): Program {
  const buffer = (id: number, size: number, role: BufferDecl["role"]): BufferDecl => ({
    id,
    dtype: "float32",
    size,
    role,
    position: role === "input" ? id : 0,
    offset: 0,
    donor: -1,
  });
  const [rows, columns] = [64, 250];
  const [i, j, k] = [makeVar("i"), makeVar("j"), makeVar("k")];
  const [sum, top] = [makeVar("sum", "float32"), makeVar("top", "float32")];
  const at = binary("add", binary("mul", i, index(columns)), j);
  const x = load(0, "float32", at);
  const y = load(1, "float32", j);
  const positive = binary("gt", x, constant(0, "float32"));
  const value = select(positive, binary("add", binary("mul", x, y), x), unary("exp", x));
  const again = binary("add", binary("mul", i, index(columns)), k);
  const scaled = binary("div", unary("exp", binary("sub", load(0, "float32", again), top)), sum);
  const body: Stmt[] = [{
    kind: "for",
    v: i,
    extent: rows,
    mode: "parallel",
    body: [
      { kind: "accumulator", v: sum, op: "add" },
      { kind: "accumulator", v: top, op: "max" },
      {
        kind: "for",
        v: j,
        extent: columns,
        mode: "vector",
        body: [
          { kind: "accumulate", v: sum, value },
          { kind: "accumulate", v: top, value: x },
        ],
      },
      {
        kind: "for",
        v: k,
        extent: columns,
        mode: "vector",
        body: [{ kind: "store", buffer: 2, index: again, value: scaled }],
      },
    ],
  }];
  return {
    name: "warm up",
    buffers: [
      buffer(0, rows * columns, "input"),
      buffer(1, columns, "input"),
      buffer(2, rows * columns, "output"),
    ],
    steps: [{ kind: "nest", name: "warm up", body }],
    scratchBytes: 0,
  };
}

/** Compiles it, for the side effects. */
export function warmUp(binaryen: Binaryen): void {
  emitProgram(binaryen, warmUpProgram());
}
