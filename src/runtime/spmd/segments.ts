/**
 * A jaxpr cut at its collectives: into parts that every device runs by itself, and what must happen between them.
 *
 * Each equation has a level: how many cuts lie before it on the longest way to it. At each level comes first what differs from device to device nowhere and so is
 * computed once (`shared`), then what each device computes on its own data (`each`), then the cuts: collectives, and loops and branches that
 * hold some. What is cheap to compute again is, where it is needed, rather than handed on through memory.
 *
 * @module
 */
import {
  type Atom,
  type ClosedJaxpr,
  closeJaxpr,
  hasEffect,
  type Jaxpr,
  type JaxprEqn,
  JaxprVar,
  makeJaxprOf,
  primitiveOf,
} from "../../core/jaxpr.ts";
import { broadcastInDimP } from "../../ops/shape.ts";
import { collectiveAxis, holdsCollective, type Places, varianceOf } from "./variance.ts";

/** A part of a jaxpr that needs nobody else while it runs. */
export interface Segment {
  readonly kind: "segment";
  /** The axes over which it differs: 0 where it is run once. */
  readonly axes: number;
  readonly ins: readonly JaxprVar[];
  readonly outs: readonly JaxprVar[];
  readonly closed: ClosedJaxpr;
}

/** An equation at which devices meet. */
export interface Cut {
  readonly kind: "cut";
  readonly eqn: JaxprEqn;
}

/** A jaxpr as steps. */
export interface CutJaxpr {
  readonly steps: readonly (Segment | Cut)[];
  /** The outputs; literals are variables too. */
  readonly outvars: readonly JaxprVar[];
  /** The axes over which a value differs. */
  readonly axesOf: (atom: Atom) => number;
}

interface Definition {
  readonly eqn: JaxprEqn;
  readonly index: number;
  readonly level: number;
  readonly role: "shared" | "each" | "cut";
}

/** Operations that a segment does over again rather than read what another one wrote: they cost no more than reading it. */
const movements = new Set([
  "broadcast_in_dim",
  "convert_element_type",
  "iota",
  "reshape",
  "squeeze",
  "transpose",
]);

/** Operations that are not done over again on each device where once is enough. */
const dear = new Set([
  "argsort",
  "cholesky",
  "conv_general_dilated",
  "dot_general",
  "eigh",
  "fft",
  "qr",
  "sort",
  "svd",
]);

function isDear({ eqn }: Definition): boolean {
  return dear.has(eqn.primitive.name) || primitiveOf(eqn).higherOrder !== undefined;
}

/** Literals among the outputs, and what collectives read, as variables. */
function withoutLiterals(jaxpr: Jaxpr): { eqns: JaxprEqn[]; outvars: JaxprVar[] } {
  const eqns: JaxprEqn[] = [];
  const named = (atom: Atom): JaxprVar => {
    if (atom instanceof JaxprVar) return atom;
    const v = new JaxprVar(atom.aval);
    const params = { shape: [], broadcastDimensions: [] };
    eqns.push({ primitive: broadcastInDimP, invars: [atom], outvars: [v], params });
    return v;
  };
  for (const eqn of jaxpr.eqns) {
    const isCut = primitiveOf(eqn).collective !== undefined || holdsCollective(eqn);
    eqns.push(isCut ? { ...eqn, invars: eqn.invars.map(named) } : eqn);
  }
  return { outvars: jaxpr.outvars.map(named), eqns };
}

/** Cuts a jaxpr without constants, of whose inputs it is known over which axes they differ. */
export function cutJaxpr(jaxpr: Jaxpr, ins: readonly number[], places: Places): CutJaxpr {
  const { eqns, outvars } = withoutLiterals(jaxpr);
  const body = makeJaxprOf([], jaxpr.invars, outvars, eqns);
  const axesOf = varianceOf(body, ins, places);
  const { definitions, order, levels } = defineAll(eqns, axesOf, places);
  const wanted = new Set<JaxprVar>(outvars);
  const steps: (Segment | Cut)[] = [];
  for (let level = levels; level >= 0; level--) {
    const here = order.filter((d) => d.level === level);
    for (const { eqn } of here.filter((d) => d.role === "cut").toReversed()) {
      steps.push({ kind: "cut", eqn });
      for (const v of eqn.invars) wanted.add(v as JaxprVar);
    }
    for (const role of ["each", "shared"] as const) {
      const segment = segmentOf(here.filter((d) => d.role === role), wanted, definitions, axesOf);
      if (segment !== null) steps.push(segment);
    }
  }
  return { steps: steps.reverse(), outvars, axesOf };
}

function defineAll(
  eqns: readonly JaxprEqn[],
  axesOf: (atom: Atom) => number,
  places: Places,
): { definitions: Map<JaxprVar, Definition>; order: Definition[]; levels: number } {
  const definitions = new Map<JaxprVar, Definition>();
  const order: Definition[] = [];
  let levels = 0;
  /** Effects keep their order: the level and role of the last one. */
  let last: Definition | null = null;
  eqns.forEach((eqn, index) => {
    const isCut = collectiveAxis(eqn, places.mesh) !== null || holdsCollective(eqn);
    const differs = eqn.invars.some((x) => axesOf(x) !== 0) ||
      eqn.outvars.some((v) => axesOf(v) !== 0);
    const role = isCut ? "cut" : differs ? "each" : "shared";
    let level = 0;
    for (const x of eqn.invars) {
      const source = x instanceof JaxprVar ? definitions.get(x) : undefined;
      if (source !== undefined) {
        level = Math.max(level, source.level + Number(source.role === "cut"));
      }
    }
    const isEffect = hasEffect(eqn);
    if (isEffect && last !== null) {
      const isEarlier = last.role === "cut" || (last.role === "each" && role === "shared");
      level = Math.max(level, last.level + Number(isEarlier));
    }
    const definition: Definition = { eqn, index, level, role };
    if (isEffect) last = definition;
    for (const v of eqn.outvars) definitions.set(v, definition);
    order.push(definition);
    levels = Math.max(levels, level);
  });
  return { definitions, order, levels };
}

/** What some equations of one level and role come to, as far as it is wanted; what they want in turn is added to that. */
function segmentOf(
  own: readonly Definition[],
  wanted: Set<JaxprVar>,
  definitions: ReadonlyMap<JaxprVar, Definition>,
  axesOf: (atom: Atom) => number,
): Segment | null {
  const belongs = new Set(own);
  const outs = own.flatMap(({ eqn }) => eqn.outvars.filter((v) => wanted.has(v)));
  const included = new Set<Definition>();
  const ins = new Set<JaxprVar>();
  const visit = (atom: Atom): void => {
    if (!(atom instanceof JaxprVar) || ins.has(atom)) return;
    const source = definitions.get(atom);
    if (source === undefined || !mayInclude(source)) {
      ins.add(atom);
      wanted.add(atom);
      return;
    }
    if (included.has(source)) return;
    included.add(source);
    source.eqn.invars.forEach(visit);
  };
  const mayInclude = (source: Definition): boolean => {
    if (belongs.has(source)) return true;
    if (source.role === "cut" || hasEffect(source.eqn)) return false;
    if (movements.has(source.eqn.primitive.name)) return true;
    return source.role === "shared" && source.level === own[0].level && own[0].role === "each" &&
      !isDear(source);
  };
  outs.forEach(visit);
  for (const d of own) {
    if (!hasEffect(d.eqn) || included.has(d)) continue;
    included.add(d);
    d.eqn.invars.forEach(visit);
  }
  if (included.size === 0) return null;
  const eqns = [...included].sort((a, b) => a.index - b.index).map((d) => d.eqn);
  let axes = 0;
  for (const { invars, outvars } of eqns) {
    for (const atom of [...invars, ...outvars]) axes |= axesOf(atom);
  }
  const inputs = [...ins];
  if (own[0].role === "shared") axes = 0;
  const closed = closeJaxpr(makeJaxprOf([], inputs, outs, eqns), []);
  return { kind: "segment", axes, ins: inputs, outs, closed };
}
