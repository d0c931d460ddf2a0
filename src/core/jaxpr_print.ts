/**
 * Prints jaxprs as JAX does.
 *
 * @module
 */
import type { ShapedArray } from "./aval.ts";
import { type DType, dtypeInfo, isFloating, roundTo } from "./dtype.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  type JaxprVar,
  Literal,
} from "./jaxpr.ts";
import { brk, concat, type Doc, group, join, layOut, nest } from "./pretty.ts";

/** Names in JAX's order: a, b, …, z, ba, bb, … */
function nameOf(index: number): string {
  let name = "";
  for (let i = index; name === "" || i > 0; i = Math.floor(i / 26)) {
    name = String.fromCharCode(97 + i % 26) + name;
  }
  return name;
}

/** What printing one jaxpr and those inside it shares. */
interface Context {
  readonly names: Map<JaxprVar, string>;
  /** How many names were given. */
  fresh: number;
  /** Jaxprs that are printed first, under a name. */
  readonly shared: Map<Jaxpr, string>;
}

function nameFor(v: JaxprVar, context: Context): string {
  let name = context.names.get(v);
  if (name === undefined) {
    const taken = [...context.shared.values()];
    do name = nameOf(context.fresh++); while (taken.includes(name));
    context.names.set(v, name);
  }
  return name;
}

function avalText(aval: ShapedArray): string {
  return `${dtypeInfo(aval.dtype).short}[${aval.shape.join(",")}]`;
}

function numberText(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  if (Object.is(x, -0)) return "-0.0";
  if (Number.isInteger(x) && Math.abs(x) < 1e16) return `${x}.0`;
  // As Python writes exponents: at least two digits.
  return String(x).replace(
    /e([+-]?)(\d)$/,
    (_, sign, digit) => `e${sign === "" ? "+" : sign}0${digit}`,
  );
}

/** The shortest decimal that reads back as the same value of a floating dtype. */
function floatText(x: number, dtype: DType): string {
  if (dtype === "float64") return numberText(x);
  if (!Number.isFinite(x) || Number.isInteger(x)) return numberText(x);
  for (let digits = 1; digits <= 9; digits++) {
    const shorter = Number(x.toPrecision(digits));
    if (roundTo(shorter, dtype) === roundTo(x, dtype)) return numberText(shorter);
  }
  return numberText(x);
}

function literalText(l: Literal): string {
  const { value, aval } = l;
  const text = typeof value === "boolean"
    ? value ? "True" : "False"
    : typeof value === "bigint"
    ? String(value)
    : isFloating(aval.dtype)
    ? floatText(value, aval.dtype)
    : String(value);
  return `${text}:${avalText(aval)}`;
}

function atomText(atom: Atom, context: Context): string {
  return atom instanceof Literal ? literalText(atom) : nameFor(atom, context);
}

/** Words separated by spaces or, each where it must, new lines. */
function words(texts: readonly string[], separator = ""): Doc {
  return nest(2, group(join(concat(separator, group(brk())), texts)));
}

function binders(vars: readonly JaxprVar[], context: Context): Doc {
  return words(vars.map((v) => `${nameFor(v, context)}:${avalText(v.aval)}`));
}

const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

function isClosedJaxpr(x: unknown): x is ClosedJaxpr {
  return typeof x === "object" && x !== null && "jaxpr" in x && "consts" in x;
}

function isJaxprList(x: unknown): x is readonly ClosedJaxpr[] {
  return Array.isArray(x) && x.length > 0 && x.every(isClosedJaxpr);
}

function isAval(x: object): x is ShapedArray {
  return "shape" in x && "dtype" in x && "weakType" in x;
}

/** A parameter's value as Python prints it; strings inside of tuples have quotes. */
function valueText(value: unknown, inside = false): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return inside ? `'${value}'` : value;
  if (typeof value === "function") return `<function ${value.name || "anonymous"}>`;
  if (Array.isArray(value)) {
    const parts = value.map((v) => valueText(v, true));
    return parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(", ")})`;
  }
  if (typeof value === "object") {
    if (isAval(value)) return `ShapedArray(${value.dtype}[${value.shape.join(",")}])`;
    // Shardings and the like know how they are written.
    if (value.toString !== Object.prototype.toString) return String(value);
    const entries = Object.entries(value).map(([k, v]) => `${snake(k)}=${valueText(v, true)}`);
    return `{${entries.join(", ")}}`;
  }
  return String(value);
}

/** A parameter as it is printed: text, or jaxprs. */
type Param = readonly [name: string, value: string | ClosedJaxpr | readonly ClosedJaxpr[]];

/** Parameters that JAX has beside ours; nothing here gives them another value. */
const absent: Readonly<Record<string, readonly string[]>> = {
  reshape: ["dimensions", "sharding"],
  reduce_sum: ["out_sharding"],
  iota: ["sharding"],
};

/** Parameters that JAX leaves out, because the types of the results tell them. */
const implied: Readonly<Record<string, readonly string[]>> = {
  broadcast_in_dim: ["shape", "sharding"],
  convert_element_type: ["sharding"],
};

const listText = (axes: readonly number[]) => `[${axes.join(", ")}]`;

/** The parameters of an equation in the order and the form in which JAX prints them. */
function paramsOf(eqn: JaxprEqn): Param[] {
  const name = eqn.primitive.name;
  const found = new Map<string, Param[1]>();
  for (const [key, value] of Object.entries(eqn.params ?? {})) {
    const plain = isClosedJaxpr(value) || isJaxprList(value) ? value : valueText(value);
    if (!implied[name]?.includes(snake(key))) found.set(snake(key), plain);
  }
  for (const key of absent[name] ?? []) found.set(key, "None");
  if (name === "dot_general") {
    const [contract, batch] = eqn.params.dimensionNumbers as readonly (readonly number[][])[];
    const pair = (p: readonly number[][]) => `(${listText(p[0])}, ${listText(p[1])})`;
    found.set("dimension_numbers", `(${pair(contract)}, ${pair(batch)})`);
    for (const [key, value] of found) if (value === "None") found.delete(key);
  } else if (name === "broadcast_in_dim") {
    if (found.get("broadcast_dimensions") === "()") found.delete("broadcast_dimensions");
  } else if (name === "gather" || name.startsWith("scatter")) {
    const kind = name === "gather" ? "Gather" : "Scatter";
    const numbers = String(found.get("dimension_numbers")).slice(1, -1);
    found.set("dimension_numbers", `${kind}DimensionNumbers(${numbers})`);
    found.set("mode", `GatherScatterMode.${String(found.get("mode")).toUpperCase()}`);
  } else if (name === "custom_jvp_call") {
    found.delete("jvp_jaxpr_fun");
    found.set("jvp", "jvp");
  }
  const keys = [...found.keys()].sort();
  // A name comes first: that of the function that was called.
  const order = found.has("name") ? ["name", ...keys.filter((k) => k !== "name")] : keys;
  return order.map((key) => [key, found.get(key)!]);
}

function innerDoc(closed: ClosedJaxpr, context: Context): Doc {
  return context.shared.get(closed.jaxpr) ?? jaxprDoc(closed.jaxpr, context);
}

function paramDoc([name, value]: Param, context: Context): Doc {
  if (typeof value === "string") return `${name}=${value}`;
  if (isClosedJaxpr(value)) return concat(`${name}=`, innerDoc(value, context));
  const list = join(brk(), value.map((closed) => innerDoc(closed, context)));
  return concat(`${name}=`, group(concat(nest(2, concat("(", brk(""), list)), brk(""), ")")));
}

/** Gives the variables of an inner jaxpr the names of those they stand for. */
function sameNames(inner: readonly Atom[], outer: readonly Atom[], context: Context): void {
  const used = new Set<Atom>();
  inner.forEach((v, i) => {
    const like = outer[i];
    if (v instanceof Literal || like instanceof Literal || used.has(like)) return;
    if (context.names.has(v)) return;
    used.add(like);
    context.names.set(v, nameFor(like, context));
  });
}

function eqnDoc(eqn: JaxprEqn, context: Context): Doc {
  const params = paramsOf(eqn);
  const outs = binders(eqn.outvars, context);
  if (eqn.primitive.name === "jit") {
    const inner = (eqn.params.jaxpr as ClosedJaxpr).jaxpr;
    if (!context.shared.has(inner)) {
      sameNames(inner.invars, eqn.invars, context);
      sameNames(inner.outvars, eqn.outvars, context);
    }
  }
  const pairs = join(brk(), params.map((p) => paramDoc(p, context)));
  const brackets = params.length === 0
    ? ""
    : group(concat(nest(2, concat("[", brk(""), pairs)), brk(""), "]"));
  const operands = words(eqn.invars.map((a) => atomText(a, context)));
  return concat(outs, " = ", eqn.primitive.name, brackets, " ", operands);
}

function jaxprDoc(jaxpr: Jaxpr, context: Context): Doc {
  const consts = binders(jaxpr.constvars, context);
  const inputs = binders(jaxpr.invars, context);
  const eqns = join(brk("; "), jaxpr.eqns.map((eqn) => eqnDoc(eqn, context)));
  const outs = words(jaxpr.outvars.map((a) => atomText(a, context)), ",");
  const close = jaxpr.outvars.length === 1 ? ",)" : ")";
  const inside = concat(
    concat("{ lambda ", consts, "; ", inputs, ". let"),
    nest(2, concat(brk(), eqns)),
    brk(),
    concat("in (", outs, close),
  );
  return group(concat(nest(2, inside), " }"));
}

/** The jaxprs that JAX prints once, first, under a name: those used twice, and long ones. */
function sharedJaxprs(top: Jaxpr): Map<Jaxpr, string> {
  const counts = new Map<Jaxpr, number>();
  const called = new Map<Jaxpr, string>();
  const queue: Jaxpr[] = [top];
  for (let jaxpr = queue.shift(); jaxpr !== undefined; jaxpr = queue.shift()) {
    const long = jaxpr !== top && jaxpr.eqns.length > 10;
    counts.set(jaxpr, (counts.get(jaxpr) ?? 0) + (long ? 2 : 1));
    for (const eqn of jaxpr.eqns) {
      for (const value of Object.values(eqn.params ?? {})) {
        const inner = isClosedJaxpr(value) ? [value] : isJaxprList(value) ? value : [];
        for (const closed of inner) {
          queue.push(closed.jaxpr);
          const name = eqn.params.name;
          if (typeof name === "string" && !called.has(closed.jaxpr)) {
            called.set(closed.jaxpr, name.replaceAll(/[<>]/g, ""));
          }
        }
      }
    }
  }
  const shared = new Map<Jaxpr, string>();
  const uses = new Map<string, number>();
  for (const [jaxpr, count] of counts) {
    if (count === 1) continue;
    const name = called.get(jaxpr) || "jaxpr";
    const before = uses.get(name) ?? 0;
    uses.set(name, before + 1);
    shared.set(jaxpr, before === 0 ? name : `${name}${before}`);
  }
  return shared;
}

/** The text of a jaxpr, in lines of 80 characters where that can be. */
export function printJaxpr(jaxpr: Jaxpr): string {
  const context: Context = { names: new Map(), fresh: 0, shared: sharedJaxprs(jaxpr) };
  // Results that nothing uses have no name.
  const used = new Set<Atom>([...jaxpr.outvars, ...jaxpr.eqns.flatMap((eqn) => eqn.invars)]);
  for (const eqn of jaxpr.eqns) {
    for (const v of eqn.outvars) if (!used.has(v)) context.names.set(v, "_");
  }
  const docs: Doc[] = [];
  for (const [inner, name] of context.shared) {
    docs.push(concat(`let ${name} = `, jaxprDoc(inner, context), " in", NEW_LINE));
  }
  return layOut(concat(...docs, jaxprDoc(jaxpr, context)));
}

/** Outside of any group a break is a new line. */
const NEW_LINE: Doc = brk();
