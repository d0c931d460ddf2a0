/**
 * What single equations can be replaced by, without changing a value: not by rounding, not in the sign of
 * a zero, not where a NaN or an infinity comes in.
 *
 * @module
 */
import { type ShapedArray, shapesEqual } from "../core/aval.ts";
import { type HostScalar, isFloating } from "../core/dtype.ts";
import { type Atom, type JaxprEqn, JaxprVar, Literal, primitiveOf } from "../core/jaxpr.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { addP, divP, mulP, negP, subP } from "../ops/arith.ts";
import { nameP } from "../ops/barrier.ts";
import { convertElementTypeP, stopGradientP } from "../ops/convert.ts";
import { notP, selectNP } from "../ops/logic.ts";
import { addAnyP } from "../ops/rules.ts";
import { complexP, imagP, realP } from "../ops/parts.ts";
import {
  broadcastInDimP,
  type BroadcastInDimParams,
  copyP,
  reshapeP,
  squeezeP,
  transposeP,
  type TransposeParams,
} from "../ops/shape.ts";

/** Finds the equation (already simplified) that binds a variable. */
export type Definitions = (x: Atom) => JaxprEqn | undefined;

/** What stands for an equation's one result: another atom, a simpler equation, or `null` for itself. */
export type Rewrite =
  | Atom
  | { primitive: AnyPrimitive; invars: readonly Atom[]; params: unknown }
  | null;

type Rule = (eqn: JaxprEqn, def: Definitions) => Rewrite;

const rules = new Map<AnyPrimitive, Rule>([
  [mulP, ({ invars: [x, y] }, def) => isScalar(y, 1, def) ? x : isScalar(x, 1, def) ? y : null],
  [divP, ({ invars: [x, y] }, def) => isScalar(y, 1, def) ? x : null],
  // x + 0 is not x where x is -0, but x + (-0) and x - 0 are.
  [
    addP,
    ({ invars: [x, y] }, def) => isNothing(y, true, def) ? x : isNothing(x, true, def) ? y : null,
  ],
  [subP, ({ invars: [x, y] }, def) => isNothing(y, false, def) ? x : null],
  // A zero among cotangents stands for a symbolic one, whose sign nobody asks.
  [addAnyP, ({ invars: [x, y] }, def) => isZero(y, def) ? x : isZero(x, def) ? y : null],
  [negP, ({ invars: [x] }, def) => operandOf(negP, x, def)],
  [notP, ({ invars: [x] }, def) => operandOf(notP, x, def)],
  [realP, ({ invars: [x] }, def) => partOfPair(x, 0, def)],
  [imagP, ({ invars: [x] }, def) => partOfPair(x, 1, def)],
  [complexP, ({ invars: [x, y] }, def) => {
    const z = operandOf(realP, x, def);
    return z !== null && z === operandOf(imagP, y, def) ? z : null;
  }],
  [copyP, ({ invars: [x] }) => x],
  [nameP, ({ invars: [x] }) => x],
  [stopGradientP, ({ invars: [x] }) => x],
  [
    convertElementTypeP,
    ({ invars: [x], outvars: [v] }) => x.aval.dtype === v.aval.dtype ? x : null,
  ],
  [selectNP, ({ invars: [, x, ...rest] }) => rest.every((y) => x === y) ? x : null],
  [reshapeP, reshapeRule],
  [squeezeP, reshapeRule],
  [transposeP, transposeRule],
  [broadcastInDimP, broadcastRule],
]);

/** The simpler form of an equation of one result, or `null`. */
export function simplerForm(eqn: JaxprEqn, def: Definitions): Rewrite {
  const rule = rules.get(primitiveOf(eqn));
  if (rule === undefined) return null;
  const form = rule(eqn, def);
  const isAtom = form instanceof JaxprVar || form instanceof Literal;
  // An operand that was stretched, or a weak one beside a strong one, is not the result.
  return isAtom && !isAlike(form.aval, eqn.outvars[0].aval) ? null : form;
}

function isAlike(a: ShapedArray, b: ShapedArray): boolean {
  return a.dtype === b.dtype && shapesEqual(a.shape, b.shape);
}

/** Whether all elements are known to be `value`. */
function isScalar(x: Atom, value: number, def: Definitions): boolean {
  const known = scalarOf(x, def);
  return known !== null && Object.is(Number(known), value);
}

function isNothing(x: Atom, negative: boolean, def: Definitions): boolean {
  return isScalar(x, isFloating(x.aval.dtype) && negative ? -0 : 0, def);
}

function isZero(x: Atom, def: Definitions): boolean {
  return isScalar(x, 0, def) || isScalar(x, -0, def);
}

function scalarOf(x: Atom, def: Definitions): HostScalar | null {
  if (x instanceof Literal) return x.value;
  const eqn = def(x);
  return eqn?.primitive === broadcastInDimP ? scalarOf(eqn.invars[0], def) : null;
}

function operandOf(primitive: AnyPrimitive, x: Atom, def: Definitions): Atom | null {
  const eqn = def(x);
  return eqn?.primitive === primitive ? eqn.invars[0] : null;
}

/** A part of what was put together of parts. */
function partOfPair(x: Atom, part: 0 | 1, def: Definitions): Atom | null {
  const eqn = def(x);
  return eqn?.primitive === complexP ? eqn.invars[part] : null;
}

/** Reshapes in a row are one; one that ends where it began is none. */
function reshapeRule({ invars: [x], outvars: [v] }: JaxprEqn, def: Definitions): Rewrite {
  if (isAlike(x.aval, v.aval)) return x;
  const before = def(x);
  if (before?.primitive !== reshapeP && before?.primitive !== squeezeP) return null;
  const [origin] = before.invars;
  if (isAlike(origin.aval, v.aval)) return origin;
  return { primitive: reshapeP, invars: [origin], params: { newSizes: v.aval.shape } };
}

function transposeRule(eqn: JaxprEqn, def: Definitions): Rewrite {
  const { invars: [x], outvars: [v], params } = eqn;
  const { permutation } = params as unknown as TransposeParams;
  if (permutation.every((p, k) => p === k)) return x;
  const before = def(x);
  if (before?.primitive !== transposeP) {
    // Axes of one element may stand anywhere: nothing moves.
    const long = permutation.filter((p) => x.aval.shape[p] !== 1);
    const stays = long.every((p, k) => k === 0 || long[k - 1] < p);
    if (!stays) return null;
    return reshapeRule(eqn, def) ??
      { primitive: reshapeP, invars: [x], params: { newSizes: v.aval.shape } };
  }
  const inner = (before.params as unknown as TransposeParams).permutation;
  const both = permutation.map((p) => inner[p]);
  const [origin] = before.invars;
  if (both.every((p, k) => p === k)) return origin;
  return { primitive: transposeP, invars: [origin], params: { permutation: both } };
}

function broadcastRule({ invars: [x], outvars: [v], params }: JaxprEqn, def: Definitions): Rewrite {
  const { shape, broadcastDimensions } = params as unknown as BroadcastInDimParams;
  if (isAlike(x.aval, v.aval) && broadcastDimensions.every((d, k) => d === k)) return x;
  const before = def(x);
  if (before?.primitive !== broadcastInDimP) return null;
  const inner = (before.params as unknown as BroadcastInDimParams).broadcastDimensions;
  const dims = inner.map((d) => broadcastDimensions[d]);
  const invars = before.invars;
  return { primitive: broadcastInDimP, invars, params: { shape, broadcastDimensions: dims } };
}
