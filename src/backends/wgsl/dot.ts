/**
 * Matrix products by tiles in workgroup memory.
 *
 * @module
 */
import { binary, type Expr, index, load, makeVar } from "../../loopnest/expr.ts";
import type { Dot, DotOperand, Nest, Stmt } from "../../loopnest/ir.ts";
import { type Kernel, kernelText, type NestContext } from "./nest.ts";
import { elementType, wgslType } from "./types.ts";

/** Rows and columns of invocations in a workgroup. */
const side = 16;
/** Terms of the sum that are in workgroup memory at a time. */
const depth = 16;

/** Whether a product is worth tiles; the others are nests. */
export function isTiled(dot: Dot): boolean {
  return dot.dtype === "float32" && dot.m >= 8 && dot.n >= 8;
}

/** A product as a plain nest. */
export function dotNest(dot: Dot): Nest {
  const [b, i, j, k] = ["b", "i", "j", "k"].map((name) => makeVar(name));
  const acc = makeVar("acc", dot.dtype);
  const at = (x: DotOperand, row: Expr, col: Expr): Expr =>
    [[b, x.batchStride], [row, x.rowStride], [col, x.colStride]].reduce<Expr>(
      (sum, [v, stride]) => binary("add", sum, binary("mul", v as Expr, index(stride as number))),
      index(x.offset),
    );
  const product = binary(
    "mul",
    load(dot.lhs.buffer, dot.dtype, at(dot.lhs, i, k)),
    load(dot.rhs.buffer, dot.dtype, at(dot.rhs, k, j)),
  );
  const out = binary(
    "add",
    binary("mul", binary("add", binary("mul", b, index(dot.m)), i), index(dot.n)),
    j,
  );
  let body: Stmt[] = [
    { kind: "accumulator", v: acc, op: "add" },
    {
      kind: "for",
      v: k,
      extent: dot.k,
      mode: "serial",
      body: [{ kind: "accumulate", v: acc, value: product }],
    },
    { kind: "store", buffer: dot.out, index: out, value: acc },
  ];
  for (const [v, extent] of [[j, dot.n], [i, dot.m], [b, dot.batch]] as const) {
    body = [{ kind: "for", v, extent, mode: "parallel", body }];
  }
  return { kind: "nest", name: dot.name, body };
}

const perInvocation = (extent: number): number => extent > 32 ? 4 : extent > 16 ? 2 : 1;

/** The tiled kernel of a product. */
export function dotKernel(dot: Dot, context: NestContext): Kernel {
  const [rows, cols] = [perInvocation(dot.m), perInvocation(dot.n)];
  const [tileM, tileN] = [side * rows, side * cols];
  const [tilesM, tilesN] = [Math.ceil(dot.m / tileM), Math.ceil(dot.n / tileN)];
  const [lhs, rhs, out] = [dot.lhs.buffer, dot.rhs.buffer, dot.out].map((b) =>
    context.canonical(b)
  );
  const lines: string[] = [
    `if (group_number >= ${tilesM * tilesN * dot.batch}u) {`,
    "return;",
    "}",
    `let batch = group_number / ${tilesM * tilesN}u;`,
    `let tile = group_number % ${tilesM * tilesN}u;`,
    `let row0 = (tile / ${tilesN}u) * ${tileM}u;`,
    `let col0 = (tile % ${tilesN}u) * ${tileN}u;`,
    `let row = (lane / ${side}u) * ${rows}u;`,
    `let col = (lane % ${side}u) * ${cols}u;`,
  ];
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) lines.push(`var s${r}_${c} = 0.0f;`);
  }
  lines.push(`for (var k0 = 0u; k0 < ${dot.k}u; k0 += ${depth}u) {`);
  lines.push(...fill("tile_lhs", `b${lhs}`, dot.lhs, tileM, "row0", dot.m, dot.k, true));
  lines.push(...fill("tile_rhs", `b${rhs}`, dot.rhs, tileN, "col0", dot.n, dot.k, false));
  lines.push("workgroupBarrier();");
  lines.push(`for (var k = 0u; k < ${depth}u; k++) {`);
  for (let r = 0; r < rows; r++) {
    lines.push(`let x${r} = tile_lhs[k * ${tileM + 1}u + row + ${r}u];`);
  }
  for (let c = 0; c < cols; c++) {
    lines.push(`let y${c} = tile_rhs[k * ${tileN + 1}u + col + ${c}u];`);
  }
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < cols; c++) lines.push(`s${r}_${c} = fma(x${r}, y${c}, s${r}_${c});`);
  }
  lines.push("}", "workgroupBarrier();", "}");
  for (let r = 0; r < rows; r++) {
    lines.push(`if (row0 + row + ${r}u < ${dot.m}u) {`);
    lines.push(
      `let at${r} = (batch * ${dot.m}u + row0 + row + ${r}u) * ${dot.n}u + col0 + col;`,
    );
    for (let c = 0; c < cols; c++) {
      lines.push(`if (col0 + col + ${c}u < ${dot.n}u) {`);
      lines.push(`b${out}[at${r} + ${c}u] = s${r}_${c};`);
      lines.push("}");
    }
    lines.push("}");
  }
  const ids = [...new Set([lhs, rhs, out])].sort((a, b) => a - b);
  const bindings = ids.map((buffer) => ({
    buffer,
    access: buffer === out ? "read_write" as const : "read" as const,
    name: `b${buffer}`,
    type: elementType(dot.dtype),
  }));
  const type = wgslType(dot.dtype);
  const code = kernelText({
    bindings,
    globals: [
      `var<workgroup> tile_lhs: array<${type}, ${depth * (tileM + 1)}>;`,
      `var<workgroup> tile_rhs: array<${type}, ${depth * (tileN + 1)}>;`,
    ],
    functions: [],
    width: side * side,
    body: lines,
  });
  return { name: dot.name, code, bindings, groups: tilesM * tilesN * dot.batch, params: 0 };
}

/** Lines that bring a tile of `extent` rows (or columns) by `depth` terms in, zeros beyond the operand. */
function fill(
  tile: string,
  buffer: string,
  operand: DotOperand,
  extent: number,
  start: string,
  bound: number,
  k: number,
  isLhs: boolean,
): string[] {
  const [across, along] = isLhs
    ? [operand.rowStride, operand.colStride]
    : [operand.colStride, operand.rowStride];
  // Neighbouring invocations read neighbouring elements.
  const alongFirst = along === 1 || (across !== 1 && along < across);
  const lines = [`for (var e = lane; e < ${extent * depth}u; e += ${side * side}u) {`];
  const [i, p] = alongFirst
    ? [`e / ${depth}u`, `e % ${depth}u`]
    : [`e % ${extent}u`, `e / ${extent}u`];
  lines.push(`let i = ${i};`, `let p = ${p};`);
  lines.push(`let inside = ${start} + i < ${bound}u && k0 + p < ${k}u;`);
  lines.push(
    `let at = ${operand.offset}i + i32(batch) * ${operand.batchStride}i + i32(${start} + i) * ${across}i + i32(k0 + p) * ${along}i;`,
  );
  lines.push(`if (inside) {`);
  lines.push(`${tile}[p * ${extent + 1}u + i] = ${buffer}[at];`);
  lines.push("} else {");
  lines.push(`${tile}[p * ${extent + 1}u + i] = 0.0f;`);
  lines.push("}", "}");
  return lines;
}
