import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { shapedArray } from "../../src/core/aval.ts";
import { DonatedError } from "../../src/errors.ts";
import { aliasArray, type ConcreteArray } from "../../src/runtime/concrete.ts";
import { evaluator } from "../../src/runtime/evaluate.ts";
import { scope } from "../../src/runtime/scope.ts";
import { filled, live, settled } from "./helpers.ts";

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("a scope frees what was made in it and not returned, wherever in the tree the rest is", () => {
  const before = live();
  let inner: ConcreteArray | null = null;
  const result = scope(() => {
    inner = filled([1000], 1);
    filled([2000], 2);
    return { loss: filled([100], 3), aux: [filled([200], 4), null, "text"] };
  });
  assertEquals(live().bytes - before.bytes, 1200);
  assertEquals(result.loss.dataSync()[99], 3);
  assertEquals((result.aux[0] as ConcreteArray).dataSync()[199], 4);
  assertThrows(() => inner!.dataSync(), DonatedError, "scope()");
  result.loss.delete();
  (result.aux[0] as ConcreteArray).delete();
  assertEquals(live(), before);
});

Deno.test("a scope leaves arrays alone that were made before it", () => {
  const x = filled([1000], 1);
  const y = scope(() => aliasArray(x, shapedArray([10, 100], "float32")));
  scope(() => {
    aliasArray(x, shapedArray([100, 10], "float32"));
  });
  assertEquals([x.dataSync()[0], y.dataSync()[0]], [1, 1]);
});

Deno.test("what an inner scope returns, the outer one frees", () => {
  const before = live();
  const total = scope(() => {
    const x = scope(() => filled([1000], 2));
    assertEquals(live().buffers, before.buffers + 1);
    return x.dataSync()[0];
  });
  assertEquals(total, 2);
  assertEquals(live(), before);
});

Deno.test("a scope that throws frees all and hands the error on", () => {
  const before = live();
  assertThrows(
    () =>
      scope(() => {
        filled([1000], 1);
        throw new RangeError("mine");
      }),
    RangeError,
    "mine",
  );
  assertEquals(live(), before);
});

Deno.test("an asynchronous scope frees what its function made before and after waiting", async () => {
  await settled(); // what other tests dropped may be collected at any pause
  const before = live();
  const result = await scope(async () => {
    filled([1000], 1);
    await pause();
    filled([1000], 2);
    await pause();
    return [filled([100], 3)];
  });
  assertEquals(live().bytes - before.bytes, 400);
  assertEquals(result[0].dataSync()[0], 3);
  result[0].delete();
  await assertRejects(
    () =>
      scope(async () => {
        await pause();
        filled([1000], 1);
        throw new RangeError("mine");
      }),
    RangeError,
  );
  assertEquals(live(), before);
});

Deno.test("tasks that run at the same time keep to their own scopes", async () => {
  await settled(); // what other tests dropped may be collected at any pause
  const before = live();
  const outside: ConcreteArray[] = [];
  const task = (async () => {
    for (let i = 0; i < 5; i++) {
      await pause();
      outside.push(filled([1000], i));
    }
  })();
  const other = scope(async () => {
    for (let i = 0; i < 3; i++) {
      await pause();
      filled([500], 0);
    }
    return filled([80], 9);
  });
  const kept = await scope(async () => {
    for (let i = 0; i < 8; i++) {
      await pause();
      filled([2000], 0);
    }
    return filled([100], 7);
  });
  await task;
  assertEquals(outside.map((x) => x.dataSync()[999]), [0, 1, 2, 3, 4]);
  assertEquals([kept.dataSync()[99], (await other).dataSync()[79]], [7, 9]);
  assertEquals(live().bytes - before.bytes, 5 * 4000 + 400 + 320);
  for (const x of [...outside, kept, await other]) x.delete();
});

Deno.test("a task that outlives its scope goes on making arrays", async () => {
  let late: Promise<ConcreteArray> | null = null;
  scope(() => {
    late = pause().then(() => filled([1000], 5));
  });
  await scope(async () => {
    await pause();
    await pause();
  });
  assertEquals((await late!).dataSync()[0], 5);
});

Deno.test("arrays that a cache keeps survive the scope", () => {
  let cached: ConcreteArray | null = null;
  scope(() => {
    cached = filled([1000], 8);
    evaluator.keepAlive(cached);
  });
  assert(!cached!.isDeleted);
  assertEquals(cached!.dataSync()[999], 8);
});

Deno.test("a function that was compiled inside of a scope can be called after it", () => {
  const f = vn.filterJit((x: vn.NDArray) => x.add(new Float32Array(100).fill(99)));
  const first = scope(() => (f(vn.numpy.zeros([100])) as vn.NDArray).dataSync()[99]);
  assertEquals(first, 99);
  assertEquals((f(vn.numpy.ones([100])) as vn.NDArray).dataSync()[99], 100);
});
