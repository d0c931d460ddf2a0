/**
 * Other forms of what lowering rules give: a contraction as a reduction, pieces as a selection.
 *
 * @module
 */
import { type Shape, type ShapedArray, sizeOf } from "../core/aval.ts";
import { type DType, dtypeInfo } from "../core/dtype.ts";
import type { Access, DotSpec, Lowered } from "../core/lowering.ts";
import { binary, bitcast, cast, type Expr, index, select } from "../loopnest/expr.ts";

/** A contraction as a reduction over the contracted axes. */
export function dotAsReduce(
  spec: DotSpec,
  lhs: Access,
  rhs: Access,
  lhsShape: Shape,
  rhsShape: Shape,
): { sizes: number[]; at: (at: readonly Expr[], r: readonly Expr[]) => Expr } {
  const nb = spec.lhsBatch.length;
  const lhsFree = lhsShape.length - nb - spec.lhsContract.length;
  const place = (
    rank: number,
    batch: readonly number[],
    contract: readonly number[],
    at: readonly Expr[],
    free: readonly Expr[],
    r: readonly Expr[],
  ) => {
    let next = 0;
    return Array.from({ length: rank }, (_, k) => {
      const b = batch.indexOf(k);
      if (b >= 0) return at[b];
      const c = contract.indexOf(k);
      return c >= 0 ? r[c] : free[next++];
    });
  };
  return {
    sizes: spec.lhsContract.map((k) => lhsShape[k]),
    at: (at, r) => {
      const l = at.slice(nb, nb + lhsFree);
      const x = lhs(place(lhsShape.length, spec.lhsBatch, spec.lhsContract, at, l, r));
      const f = at.slice(nb + lhsFree);
      const y = rhs(place(rhsShape.length, spec.rhsBatch, spec.rhsContract, at, f, r));
      return binary("mul", x, y);
    },
  };
}

/** Pieces as one map that selects among them; reads are kept in bounds, since both sides of a selection are evaluated. */
export function piecesAsMap(l: Extract<Lowered, { kind: "pieces" }>): Lowered {
  const pieces = l.pieces.filter((p) => p.sizes.every((n) => n > 0));
  return {
    kind: "map",
    at: (at) => {
      let result: Expr | null = l.background ?? null;
      for (let p = pieces.length - 1; p >= 0; p--) {
        const { offsets, sizes, steps } = pieces[p];
        let inside: Expr | null = null;
        const both = (c: Expr) => inside = inside === null ? c : binary("and", inside, c);
        const where = at.map((i, k) => {
          const step = steps?.[k] ?? 1;
          const from = binary("sub", i, index(offsets[k]));
          const last = (sizes[k] - 1) * step;
          both(binary("ge", from, index(0)));
          both(binary("le", from, index(last)));
          const kept = binary("max", index(0), binary("min", from, index(last)));
          if (step === 1) return kept;
          both(binary("eq", binary("rem", kept, index(step)), index(0)));
          return binary("div", kept, index(step));
        });
        const value = pieces[p].at(where);
        result = result === null || inside === null ? value : select(inside, value, result);
      }
      return result!;
    },
  };
}

/**
 * The elements of `x` read as another dtype, as a map, so that every buffer keeps one dtype. Between widths, the
 * longer of the two shapes has a last axis of the ratio; the first of its parts is the lowest.
 */
export function aliasAsMap(x: Access, from: ShapedArray, to: ShapedArray): Lowered {
  const [wide, narrow] = [dtypeInfo(from.dtype).bytes, dtypeInfo(to.dtype).bytes];
  const bits = (bytes: number): DType =>
    bytes === 8 ? "int64" : bytes === 4 ? "uint32" : bytes === 2 ? "uint16" : "uint8";
  if (wide > narrow) {
    const word = bits(wide);
    return {
      kind: "map",
      at: (i) => {
        const place = binary("mul", i[i.length - 1], index(8 * narrow));
        const moved = binary("shrLogical", bitcast(x(i.slice(0, -1)), word), cast(place, word));
        return bitcast(cast(moved, bits(narrow)), to.dtype);
      },
    };
  }
  if (wide < narrow) {
    const word = bits(narrow);
    return {
      kind: "map",
      at: (i) => {
        let sum: Expr | null = null;
        for (let k = 0; k < narrow / wide; k++) {
          const part = cast(bitcast(x([...i, index(k)]), bits(wide)), word);
          const moved = binary("shl", part, cast(index(8 * wide * k), word));
          sum = sum === null ? moved : binary("or", sum, moved);
        }
        return bitcast(sum!, to.dtype);
      },
    };
  }
  const strides = (shape: Shape) => shape.map((_, k) => sizeOf(shape.slice(k + 1)));
  const [outStrides, inStrides] = [strides(to.shape), strides(from.shape)];
  return {
    kind: "map",
    at: (i) => {
      let place: Expr = index(0);
      i.forEach((e, k) => place = binary("add", place, binary("mul", e, index(outStrides[k]))));
      const at = inStrides.map((stride, k) =>
        binary("rem", binary("div", place, index(stride)), index(from.shape[k]))
      );
      return bitcast(x(at), to.dtype);
    },
  };
}
