/**
 * Tree definitions: equality, printing, and that they hold nothing longer than they should.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { keystr, kwargs, leafPaths, Module, structure, TreeDef } from "../../src/tree/mod.ts";
import { Couple, Unit } from "./random_trees.ts";

const equals = Symbol.for("vernal.equals");
const hash = Symbol.for("vernal.hash");

Deno.test("equal structures are the same object", () => {
  assertStrictEquals(structure({ a: [1, 2], b: null }), structure({ b: null, a: [3, "x"] }));
  assertStrictEquals(structure(new Unit(1, "t")), structure(new Unit(2, "t")));
  assert(structure([1]) !== structure([1, 2]));
  assert(structure([1]) !== structure({ 0: 1 }));
  assert(structure(new Unit(1, "t")) !== structure(new Unit(1, "u")));
});

Deno.test("definitions know their sizes and children, and compare themselves", () => {
  const treedef = structure({ a: [1, null], b: 2 });
  assert(treedef instanceof TreeDef);
  assertEquals([treedef.numLeaves, treedef.numNodes], [2, 5]);
  assertEquals(treedef.children(), [structure([1, null]), structure(2)]);
  assert(treedef.equals(structure({ b: 0, a: [0, null] })));
  assert(!treedef.equals(structure(1)));
  assert((treedef as unknown as Record<symbol, (x: unknown) => boolean>)[equals]!(treedef));
});

Deno.test("definitions are written as one would write the tree", () => {
  assertEquals(String(structure(1)), "TreeDef(*)");
  assertEquals(
    String(structure({ b: [1, null], "a b": {} })),
    'TreeDef({ "a b": {}, b: [*, null] })',
  );
  assertEquals(String(structure(new Map([["k", 1]]))), 'TreeDef(new Map([["k", *]]))');
  assertEquals(String(structure(kwargs({ x: 1 }))), "TreeDef(kwargs({ x: * }))");
  assertEquals(
    String(structure(new Unit([1], { pad: [1, 2] }))),
    "TreeDef(Unit { child: [*], static tag: { pad: [1, 2] } })",
  );
  assertEquals(
    String(structure(new Unit(null, Math.tanh))),
    "TreeDef(Unit { child: null, static tag: <function tanh> })",
  );
});

Deno.test("paths to the leaves come from the definition", () => {
  const treedef = structure({ layers: [new Couple(1, { "odd key": 2 })], m: new Map([["k", 3]]) });
  assertEquals(leafPaths(treedef).map((path) => keystr(path, "args[0]")), [
    "args[0].layers[0].first",
    'args[0].layers[0].second["odd key"]',
    'args[0].m.get("k")',
  ]);
});

Deno.test("static values are the same by Object.is", () => {
  const fn = () => 1;
  const same: [unknown, unknown][] = [["a", "a"], [NaN, NaN], [fn, fn], [1n, 1n], [null, null]];
  for (const [a, b] of same) {
    assertStrictEquals(structure(new Unit(1, a)), structure(new Unit(1, b)));
  }
  const different: [unknown, unknown][] = [
    [1, true],
    [1, "1"],
    [1, 1n],
    [0, -0],
    [null, "null"],
    ["t", true],
    [fn, () => 1],
    [new Date(0), new Date(0)],
    [Symbol("s"), Symbol("s")],
    [Symbol.for("s"), "s"],
  ];
  for (const [a, b] of different) {
    assert(structure(new Unit(1, a)) !== structure(new Unit(1, b)), `${String(a)}`);
  }
});

Deno.test("static arrays, objects and trees are the same if their parts are", () => {
  const same = (a: unknown, b: unknown) => structure(new Unit(1, a)) === structure(new Unit(1, b));
  assert(same([3, [3]], [3, [3]]));
  assert(!same([3, 3], [3, 4]));
  assert(!same([3], { 0: 3 }));
  assert(same({ a: 1, b: [2] }, { a: 1, b: [2] }));
  assert(!same({ a: 1, b: 2 }, { b: 2, a: 1 }), "code that reads the object sees the order");
  assert(same(new Map([["a", [1]]]), new Map([["a", [1]]])));
  assert(same(new Couple(1, [2]), new Couple(1, [2])));
  assert(!same(new Couple(1, [2]), new Couple(1, [3])));
  assert(same(structure([1, 2]), structure([3, 4])));
});

Deno.test("a static object that is changed later changes no definition", () => {
  const shape = [3, 3];
  const unit = new Unit(1, shape);
  const before = structure(unit);
  shape.push(3);
  assertEquals(String(before), "TreeDef(Unit { child: *, static tag: [3, 3] })");
  assert(structure(unit) !== before);
});

Deno.test("a static value that contains itself is compared by identity", () => {
  const loop: unknown[] = [1];
  loop.push(loop);
  assertStrictEquals(structure(new Unit(1, loop)), structure(new Unit(2, loop)));
});

Deno.test("values may decide themselves what they equal", () => {
  class Tag {
    constructor(readonly name: string, readonly withHash: boolean) {}
    [equals](other: unknown) {
      return other instanceof Tag && other.name === this.name;
    }
    get [hash]() {
      return this.withHash ? () => this.name.length : undefined;
    }
  }
  for (const withHash of [false, true]) {
    const of = (name: string) => structure(new Unit(1, new Tag(name, withHash)));
    assertStrictEquals(of("a"), of("a"));
    assert(of("a") !== of("b"));
    assertStrictEquals(
      structure(new Unit(1, [new Tag("a", true)])),
      structure(new Unit(1, [new Tag("a", true)])),
    );
  }
});

Deno.test("a class with fields that differ between instances has a structure for each", () => {
  class Loose extends Module {
    constructor(names: string[]) {
      super();
      for (const name of names) (this as Record<string, unknown>)[name] = name;
    }
  }
  const ab = structure(new Loose(["a", "b"]));
  assertStrictEquals(structure(new Loose(["a", "b"])), ab);
  assert(structure(new Loose(["a"])) !== ab);
  assert(structure(new Loose(["b", "a"])) !== ab);
});

Deno.test("closures and classes in structures can be collected, even within one synchronous run", async () => {
  const script = `
    import { field, Module, structure } from ${
    JSON.stringify(import.meta.resolve("../../src/tree/mod.ts"))
  };
    class Holder extends Module {
      static fields = { fn: field({ static: true }) };
      x = 1;
      fn;
      constructor(fn) { super(); this.fn = fn; }
    }
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const fixed = () => 0;
    const turn = (i) => {
      const big = new Float64Array(1 << 17); // 1 MB
      const fn = () => big;
      class Local extends Module { y = big.length; }
      const def = structure([new Holder(fn), { deep: [new Holder([fn, fixed]), new Holder(fixed)] }, new Local()]);
      if (def !== structure([new Holder(fn), { deep: [new Holder([fn, fixed]), new Holder(fixed)] }, new Local()])) {
        throw new Error("not interned");
      }
      registry.register(fn, i);
    };
    let peak = 0;
    for (let i = 0; i < 400; i++) {
      turn(i);
      if (i % 50 === 49) { gc(); peak = Math.max(peak, Deno.memoryUsage().external); }
    }
    const inSync = peak / 2 ** 20;
    for (let i = 0; i < 5; i++) { await new Promise((done) => setTimeout(done, 0)); gc(); }
    await new Promise((done) => setTimeout(done, 20));
    console.log(JSON.stringify({ inSync, collected }));
  `;
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(file, script);
    const run = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--v8-flags=--expose-gc", file],
    }).output();
    assert(run.success, new TextDecoder().decode(run.stderr));
    const { inSync, collected } = JSON.parse(new TextDecoder().decode(run.stdout));
    // 400 MB passed through; a table that held on to them until the end of the run would show it.
    assert(inSync < 120, `${inSync} MB live within the run`);
    assert(collected > 390, `${collected} of 400 closures collected`);
  } finally {
    await Deno.remove(file);
  }
});
