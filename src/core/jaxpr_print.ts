/**
 * Prints jaxprs as JAX does.
 *
 * @module
 */
import type { ShapedArray } from "./aval.ts";
import { dtypeInfo } from "./dtype.ts";
import {
  type Atom,
  type ClosedJaxpr,
  type Jaxpr,
  type JaxprEqn,
  type JaxprVar,
  Literal,
} from "./jaxpr.ts";

/** Names in JAX's order: a, b, …, z, ba, bb, … */
function nameOf(index: number): string {
  let name = "";
  for (let i = index; name === "" || i > 0; i = Math.floor(i / 26)) {
    name = String.fromCharCode(97 + i % 26) + name;
  }
  return name;
}

class Names {
  #names = new Map<JaxprVar, string>();
  of(v: JaxprVar): string {
    let name = this.#names.get(v);
    if (name === undefined) this.#names.set(v, name = nameOf(this.#names.size));
    return name;
  }
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

/** The shortest decimal that reads back as the same float32. */
function float32Text(x: number): string {
  if (!Number.isFinite(x) || Number.isInteger(x)) return numberText(x);
  for (let digits = 1; digits <= 9; digits++) {
    const shorter = Number(x.toPrecision(digits));
    if (Math.fround(shorter) === Math.fround(x)) return numberText(shorter);
  }
  return numberText(x);
}

function literalText(l: Literal): string {
  const { value, aval } = l;
  const text = typeof value === "boolean"
    ? value ? "True" : "False"
    : typeof value === "bigint"
    ? String(value)
    : aval.dtype === "float32"
    ? float32Text(value)
    : aval.dtype === "float64"
    ? numberText(value)
    : String(value);
  return `${text}:${avalText(aval)}`;
}

function atomText(atom: Atom, names: Names): string {
  return atom instanceof Literal ? literalText(atom) : names.of(atom);
}

function binder(v: JaxprVar, names: Names): string {
  return `${names.of(v)}:${avalText(v.aval)}`;
}

const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

function isClosedJaxpr(x: unknown): x is ClosedJaxpr {
  return typeof x === "object" && x !== null && "jaxpr" in x && "consts" in x;
}

function paramText(value: unknown, indent: string): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") {
    return String(value);
  }
  if (typeof value === "function") return `<function ${value.name || "anonymous"}>`;
  if (Array.isArray(value)) {
    const parts = value.map((v) => paramText(v, indent));
    return parts.length === 1 ? `(${parts[0]},)` : `(${parts.join(", ")})`;
  }
  if (isClosedJaxpr(value)) return printJaxpr(value.jaxpr, `${indent}  `);
  if (typeof value === "object") {
    const entries = Object.entries(value).map(([k, v]) => `${snake(k)}=${paramText(v, indent)}`);
    return `{${entries.join(", ")}}`;
  }
  return String(value);
}

function eqnText(eqn: JaxprEqn, names: Names, indent: string): string {
  const operands = eqn.invars.map((a) => ` ${atomText(a, names)}`).join("");
  const outs = eqn.outvars.map((v) => binder(v, names)).join(" ");
  const keys = Object.keys(eqn.params ?? {}).sort((a, b) => snake(a) < snake(b) ? -1 : 1);
  let params = "";
  if (keys.length > 0) {
    const texts = keys.map((k) => `${snake(k)}=${paramText(eqn.params[k], indent)}`);
    const nested = keys.some((k) => isClosedJaxpr(eqn.params[k]));
    params = nested
      ? `[\n${texts.map((t) => `${indent}  ${t}`).join("\n")}\n${indent}]`
      : `[${texts.join(" ")}]`;
  }
  return `${outs} = ${eqn.primitive.name}${params}${operands}`;
}

/** The text of a jaxpr; `indent` is that of the lines of its equations' parents. */
export function printJaxpr(jaxpr: Jaxpr, indent = ""): string {
  const names = new Names();
  const consts = jaxpr.constvars.map((v) => binder(v, names)).join(" ");
  const inputs = jaxpr.invars.map((v) => binder(v, names)).join(" ");
  const inner = `${indent}    `;
  const eqns = jaxpr.eqns.map((eqn) => eqnText(eqn, names, inner));
  const outs = jaxpr.outvars.map((a) => atomText(a, names));
  const result = outs.length === 1 ? `(${outs[0]},)` : `(${outs.join(", ")})`;
  const head = `{ lambda ${consts === "" ? "" : consts}${consts === "" ? "" : " "};${
    inputs === "" ? "" : ` ${inputs}`
  }. let`;
  if (eqns.length === 0) return `${head} in ${result} }`;
  const oneLine = `${head} ${eqns[0]} in ${result} }`;
  if (eqns.length === 1 && !eqns[0].includes("\n") && indent.length + oneLine.length <= 80) {
    return oneLine;
  }
  return `${head}\n${eqns.map((e) => inner + e).join("\n")}\n${indent}  in ${result} }`;
}
