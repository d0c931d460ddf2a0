/**
 * What a case of the table becomes under each rule of its primitives, at each dtype: one function of arrays for each, and what it is called on.
 *
 * @module
 */
import * as vn from "../../mod.ts";
import { type DType, isInexact, numericDTypes, partOf } from "../../src/core/dtype.ts";
import { type Case, differentiatedOperands, openKind, operandsOf } from "./table.ts";

const { numpy: np } = vn;

/** A function of arrays that gives arrays. */
export type Fn = (...xs: vn.NDArray[]) => readonly vn.NDArray[];

/** A rule of a primitive. */
export type Rule = "evaluation" | "jvp" | "transpose" | "batching" | "batched transpose";

/** A case under a rule at a dtype. */
export interface Row {
  readonly name: string;
  readonly case: Case;
  readonly rule: Rule;
  readonly dtype: DType;
  readonly fn: Fn;
  readonly operands: () => vn.NDArray[];
}

/** Values between -1 and 1, the same at every run. */
function waves(like: vn.NDArray, phase: number): vn.NDArray {
  const values = (shift: number) =>
    np.array(Array.from({ length: like.size }, (_, k) => Math.sin(phase + shift + k * 2.1)), {
      dtype: partOf(like.dtype),
    }).reshape(like.shape);
  return np.iscomplexobj(like) ? vn.lax.complex(values(0), values(1)) : values(0);
}

/** The derivative along directions that are made from the operands' shapes. */
function pushed(c: Case, places: readonly number[]): Fn {
  return (...xs) => {
    const at = places.map((i) => xs[i]);
    const fn = (...some: vn.NDArray[]) =>
      c.call(...xs.map((x, i) => places.includes(i) ? some[places.indexOf(i)] : x));
    return vn.jvp(fn, at, at.map((x, i) => waves(x, 1 + 1.3 * i)));
  };
}

/** The cotangents of the operands, for one of the result. */
function pulled(c: Case, places: readonly number[]): Fn {
  return (...xs) => {
    const fn = (...some: vn.NDArray[]) =>
      c.call(...xs.map((x, i) => places.includes(i) ? some[places.indexOf(i)] : x));
    const [out, pull] = vn.vjp(fn, ...places.map((i) => xs[i]));
    return pull(waves(out, 3));
  };
}

/** How many examples a batch has. */
const batch = 3;

/** The dtypes that a case may be asked for. */
function dtypesOf(c: Case): readonly DType[] {
  const open = openKind(c);
  if (open === null) return ["float32"]; // all is said by the case
  if (c.integers === false) return numericDTypes.filter(isInexact);
  return open === "float" ? numericDTypes : numericDTypes.filter((d) => !isInexact(d));
}

/** The rows of a case. A dtype that the case refuses is among them: it must be refused wherever it runs. */
export function rowsOf(c: Case): Row[] {
  const rows: Row[] = [];
  for (const dtype of dtypesOf(c)) {
    const add = (rule: Rule, fn: Fn, size: number | null = null) =>
      rows.push({
        name: `${rule} of ${c.name} at ${dtype}`,
        case: c,
        rule,
        dtype,
        fn,
        operands: () => operandsOf(c, dtype, size),
      });
    add("evaluation", (...xs) => [c.call(...xs)]);
    add("batching", (...xs) => [vn.vmap(c.call)(...xs)], batch);
    const places = isInexact(dtype) ? differentiatedOperands(c) : [];
    if (places.length === 0) continue;
    if (c.forward !== false) add("jvp", pushed(c, places));
    if (c.reverse === false) continue;
    add("transpose", pulled(c, places));
    add("batched transpose", (...xs) => vn.vmap(pulled(c, places))(...xs), batch);
  }
  return rows;
}
