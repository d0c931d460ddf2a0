/**
 * The conformance table over a mesh: every primitive under every rule, its operands split in all ways that divide, gives what it gives whole.
 *
 * A run takes a share of the rows (`tests/share.ts`).
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { isFloating } from "../../src/core/dtype.ts";
import { asNumbers } from "../backends/compare.ts";
import { type Row, rowsOf } from "../conformance/rules.ts";
import { cases } from "../conformance/table.ts";
import { again, isInShare } from "../share.ts";

await vn.init("cpu", { devices: 6 });
const mesh = vn.makeMesh([2, 3], ["a", "b"]);

/** The ways in which an array may be split: each axis by no, one or both axes of the mesh. */
function specsOf(shape: readonly number[]): vn.PartitionSpec[] {
  const ways: (readonly string[])[] = [[], ["a"], ["b"], ["a", "b"], ["b", "a"]];
  let specs: (readonly string[])[][] = [[]];
  for (const n of shape) {
    specs = specs.flatMap((spec) =>
      ways.filter((names) =>
        n % names.reduce((p, name) => p * mesh.sizeOf(name), 1) === 0 &&
        names.every((name) => !spec.flat().includes(name))
      ).map((names) => [...spec, names])
    );
  }
  return specs.map((spec) =>
    new vn.PartitionSpec(...spec.map((names) => names.length ? names : null))
  );
}

/** A number for a name and a place, the same at every run. */
function draw(name: string, i: number, below: number): number {
  let h = 2166136261 ^ i;
  for (let k = 0; k < name.length; k++) h = Math.imul(h ^ name.charCodeAt(k), 16777619);
  return ((h ^ h >>> 13) >>> 0) % below;
}

async function check(row: Row, variant: number): Promise<void> {
  const xs = row.operands();
  const split = xs.map((x, i) => {
    const specs = specsOf(x.shape);
    const spec = specs[draw(row.name, 7 * i + variant, specs.length)];
    return vn.devicePut(x, new vn.NamedSharding(mesh, spec));
  });
  const where = `${row.name}, split ${
    split.map((x) => String((x.sharding as vn.NamedSharding).spec)).join(" ")
  }, ${again}`;
  const fn = vn.filterJit(row.fn);
  let wanted: readonly vn.NDArray[];
  try {
    wanted = fn(...xs);
  } catch (error) {
    // What the operation does not take, it takes in no parts.
    if (!(error instanceof vn.DTypeError)) throw error;
    assertThrows(() => fn(...split), vn.DTypeError);
    return;
  }
  let got: readonly vn.NDArray[];
  try {
    got = fn(...split);
  } catch (error) {
    throw new Error(where, { cause: error });
  }
  for (const [k, e] of wanted.entries()) {
    const a = got[k];
    assertEquals(`${a.dtype}${a.shape} ${a.weakType}`, `${e.dtype}${e.shape} ${e.weakType}`, where);
    if (e.dtype === "key<fry>") continue;
    const [x, y] = [asNumbers(await a.data(), a.dtype), asNumbers(await e.data(), e.dtype)];
    const largest = isFloating(e.dtype)
      ? (y as Float32Array).reduce((m, v) => Number.isFinite(v) ? Math.max(m, Math.abs(v)) : m, 1)
      : 0;
    y.forEach((v: number | bigint, i: number) => {
      const fits = Object.is(x[i], v) || x[i] === v ||
        Math.abs(Number(x[i]) - Number(v)) <= 1e-5 * largest;
      assert(fits, `${where}, result ${k}: element ${i} is ${x[i]}, whole ${v}`);
    });
  }
}

for (const c of cases) {
  // It says itself where things are to be, on another mesh.
  if (c.name === "sharding_constraint") continue;
  const rows = rowsOf(c).filter(({ dtype, name }) =>
    (dtype === "float32" || dtype === "int32") && isInShare(`over a mesh: ${name}`, 3)
  );
  if (rows.length === 0) continue;
  Deno.test(`${c.name}: over a mesh as whole`, async () => {
    for (const row of rows) for (let variant = 0; variant < 2; variant++) await check(row, variant);
  });
}
