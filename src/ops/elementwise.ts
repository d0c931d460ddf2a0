/**
 * How elementwise operations are divided among the devices of a mesh.
 *
 * @module
 */
import { type ShapedArray, shapedArray, shapesEqual } from "../core/aval.ts";
import { isComplex } from "../core/dtype.ts";
import type { LocalOperation, PartitionRequest } from "../core/partition.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { type Expr, forEachOperand, makeVar } from "../loopnest/expr.ts";

/**
 * The division of an elementwise operation: every device computes its elements. That it is one is seen in its lowering, which reads operands
 * only where it writes, or that have no axes, and uses the place for nothing else.
 */
export function partitionElementwise(
  primitive: AnyPrimitive,
  { ins, outs, wanted, params }: PartitionRequest<unknown>,
): LocalOperation<unknown> | null {
  const { shape } = outs[0];
  const fits = (aval: ShapedArray) => aval.shape.length === 0 || shapesEqual(aval.shape, shape);
  if (primitive.lower === undefined || !ins.every(fits)) return null;
  if (!outs.every((aval) => shapesEqual(aval.shape, shape))) return null;
  // What is done with complex numbers is done with their parts.
  const plain = (aval: ShapedArray) =>
    isComplex(aval.dtype) ? shapedArray(aval.shape, "float32", aval.weakType) : aval;
  const place = shape.map((_, axis) => makeVar(`i${axis}`));
  let isPlain = true;
  const reads = ins.map((aval) => {
    const value = makeVar("x", plain(aval).dtype);
    return (index: readonly Expr[]): Expr => {
      isPlain &&= aval.shape.length === 0 || index.every((e, axis) => e === place[axis]);
      return value;
    };
  });
  // An expression's parts may be shared: each is looked at once.
  const seen = new Set<Expr>(place);
  const mentionsPlace = (e: Expr): boolean => {
    if (seen.has(e)) return place.includes(e as typeof place[number]);
    seen.add(e);
    let found = false;
    forEachOperand(e, (operand) => found ||= mentionsPlace(operand));
    return found;
  };
  for (const lowered of primitive.lower(reads, ins.map(plain), outs.map(plain), params)) {
    if (lowered.kind !== "map" || mentionsPlace(lowered.at(place)) || !isPlain) return null;
  }
  return {
    operands: ins.map((aval) => aval.shape.length === 0 ? null : wanted[0]),
    outs: outs.map(() => wanted[0]),
  };
}
