import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { shapedArray } from "../../src/core/aval.ts";
import { DonatedError, OutOfMemoryError } from "../../src/errors.ts";
import {
  aliasArray,
  arrayFromTypedArray,
  type ConcreteArray,
  emptyArray,
  fullArray,
} from "../../src/runtime/concrete.ts";
import { heap } from "../../src/runtime/memory.ts";
import { memory } from "../../src/runtime/memory_report.ts";
import {
  beginCall,
  beginOperation,
  endCall,
  ledger,
  spillAll,
  withOwner,
} from "../../src/runtime/storage.ts";
import { collect, collectNow, filled, live, withLimits } from "./helpers.ts";

const MB = 2 ** 20;

Deno.test("delete() and using free at once", () => {
  const before = live();
  const x = filled([1000], 1);
  assertEquals(live(), { bytes: before.bytes + 4000, buffers: before.buffers + 1 });
  x.delete();
  assertEquals(live(), before);
  {
    using y = filled([1000], 1);
    assertEquals(y.dataSync()[999], 1);
  }
  assertEquals(live(), before);
});

Deno.test("an array that was deleted says so, whatever is asked of it", async () => {
  const x = filled([20, 3], 1);
  x.delete();
  assert(x.isDeleted);
  const error = assertThrows(() => x.dataSync(), DonatedError);
  assert(error.message.includes("f32[20,3]") && error.message.includes("delete()"));
  assertThrows(() => x.tolist(), DonatedError);
  assertThrows(() => x.address(), DonatedError);
  await assertRejects(() => x.data(), DonatedError);
  assertEquals(String(x), "Array(<deleted f32[20,3]>)");
  x.delete(); // does no harm
  const scalar = filled([], 1);
  scalar.delete();
  assertThrows(() => scalar.item(), DonatedError);
});

Deno.test("arrays that share elements keep them until the last is deleted", () => {
  const before = live();
  const x = filled([6, 20], 2);
  const y = aliasArray(x, shapedArray([120], "float32"));
  assertEquals(live().buffers, before.buffers + 1);
  x.delete();
  assertEquals(y.dataSync()[119], 2);
  assertEquals(live().buffers, before.buffers + 1);
  y.delete();
  assertEquals(live(), before);
});

Deno.test("dropped arrays are freed by the collector", async () => {
  await collect();
  const before = live();
  (() => {
    for (let i = 0; i < 50; i++) {
      const x = filled([1000], i);
      aliasArray(x, shapedArray([10, 100], "float32"));
    }
  })();
  assertEquals(live().buffers, before.buffers + 50);
  await collect();
  assertEquals(live(), before);
});

Deno.test("an array kept by an alias alone survives the collector", async () => {
  const alias = (() => aliasArray(filled([1000], 7), shapedArray([10, 100], "float32")))();
  await collect();
  filled([1000], 0);
  assertEquals(alias.dataSync()[999], 7);
});

Deno.test("an asynchronous loop that drops its arrays holds few of them", async () => {
  await collect();
  const before = live().bytes;
  let most = 0;
  for (let i = 0; i < 400; i++) {
    emptyArray(shapedArray([MB], "float32")); // 1.6 GB in all
    most = Math.max(most, live().bytes - before);
    if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  assert(most < 1000 * MB, `${most / MB} MB`);
  assertEquals(memory().spilledBytes, 0);
});

Deno.test("a synchronous loop that drops its arrays runs in bounded memory", async () => {
  await collect();
  withLimits({ limit: 64 * MB, maxLimit: 64 * MB }, () => {
    const kept = filled([MB], 42);
    for (let i = 0; i < 250; i++) { // 1 GB through 64 MB
      beginOperation();
      const x = filled([MB], i);
      assert(ledger().residentBytes <= 64 * MB);
      assertEquals(heap().f32[x.address() >>> 2], i);
    }
    assert(memory().spilledBytes > 500 * MB);
    assertEquals(kept.dataSync()[MB - 1], 42);
  });
  await collect();
  assert(memory().spilledBytes < 16 * MB, "what was moved out and dropped still counts");
});

Deno.test("a synchronous loop of small arrays is bounded in number, and leaves nothing behind", async () => {
  await collect();
  const before = Deno.memoryUsage().heapUsed;
  withLimits({ maxBuffers: 1000 }, () => {
    const kept = filled([100], 42);
    for (let i = 0; i < 100_000; i++) {
      beginOperation();
      filled([100], i);
      assert(ledger().residentBuffers <= 1000);
    }
    assertEquals(kept.dataSync(), new Float32Array(100).fill(42));
    spillAll();
    collectNow();
    const grown = Deno.memoryUsage().heapUsed - before;
    assert(grown < 5 * MB, `${grown / 100_000} bytes of each array were kept`);
  });
});

Deno.test("arrays that were moved out come back as they were, for every dtype", () => {
  const arrays = [
    arrayFromTypedArray(new Float32Array(100).map((_, i) => i / 3)),
    arrayFromTypedArray(new Float64Array(100).map((_, i) => i / 3)),
    arrayFromTypedArray(new Int32Array(100).map((_, i) => -i)),
    arrayFromTypedArray(new Uint32Array(100).map((_, i) => 2 ** 31 + i)),
    arrayFromTypedArray(new BigInt64Array(100).map((_, i) => -(2n ** 60n) + BigInt(i))),
    arrayFromTypedArray(new Uint8Array(100).map((_, i) => i)),
    arrayFromTypedArray(new Uint8Array(100).map((_, i) => i % 2), [100], "bool"),
    arrayFromTypedArray(
      new BigUint64Array(100).map((_, i) => 2n ** 63n + BigInt(i)),
      [100],
      "key<fry>",
    ),
  ];
  const expected = arrays.map((x) => x.dataSync());
  spillAll();
  for (const x of arrays) assertEquals(x.storage!.address, 0);
  // Reading does not bring them back; computing does.
  assertEquals(arrays.map((x) => x.dataSync()), expected);
  for (const x of arrays) assertEquals(x.storage!.address, 0);
  for (const x of arrays) x.address();
  assertEquals(arrays.map((x) => x.view().slice()), expected);
});

Deno.test("deleting an array that was moved out settles the accounts", () => {
  const before = memory();
  const x = filled([1000], 1);
  spillAll();
  x.delete();
  const after = memory();
  assertEquals(after.liveBytes, before.liveBytes);
  assertEquals(after.liveBuffers, before.liveBuffers);
});

Deno.test("what the current operation uses is not moved out", () => {
  withLimits({ limit: 8 * MB, maxLimit: 8 * MB }, () => {
    const aval = shapedArray([MB], "float32");
    beginOperation();
    const used = [emptyArray(aval), emptyArray(aval), emptyArray(aval)];
    assertEquals(used.map((x) => x.storage!.address !== 0), [true, true, true]);
    beginOperation();
    const next = emptyArray(aval);
    assert(next.storage!.address !== 0);
    assert(used.some((x) => x.storage!.address === 0));
  });
});

Deno.test("what a program works on stays in place while the program calls the host, and the host computes", () => {
  withLimits({ limit: 16 * MB, maxLimit: 16 * MB }, () => {
    spillAll();
    beginCall();
    const x = emptyArray(shapedArray([MB], "float32"));
    for (let i = 0; i < 10; i++) filled([MB], i);
    assert(x.storage!.address !== 0);
    endCall();
    for (let i = 0; i < 10; i++) filled([MB], i);
    assertEquals(x.storage!.address, 0);
  });
});

Deno.test("what was used last stays, what was not used for longest goes", () => {
  withLimits({ limit: 40 * MB, maxLimit: 40 * MB }, () => {
    spillAll();
    const make = () => {
      beginOperation();
      return filled([MB / 4], 1); // 1 MB
    };
    const old = Array.from({ length: 10 }, make);
    const temporary = Array.from({ length: 20 }, make);
    beginOperation();
    for (const x of old) x.address();
    for (let i = 0; i < 15; i++) make();
    const resident = (list: ConcreteArray[]) => list.filter((x) => x.storage!.address !== 0).length;
    assertEquals(resident(old), 10);
    assert(resident(temporary) < 20);
  });
});

Deno.test("the limit rises where arrays that were moved out are needed again", () => {
  withLimits({ limit: 8 * MB, maxLimit: 64 * MB }, () => {
    const xs = Array.from({ length: 8 }, (_, i) => {
      beginOperation();
      return filled([MB / 2], i); // 2 MB
    });
    for (let round = 0; round < 10; round++) {
      for (const x of xs) {
        beginOperation();
        x.address();
      }
    }
    assert(memory().limit >= 16 * MB);
    const before = ledger().movedIn;
    for (const x of xs) {
      beginOperation();
      x.address();
    }
    assertEquals(ledger().movedIn, before, "all fit now");
    assertEquals(xs.map((x) => x.dataSync()[0]), [0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

Deno.test("an array beyond the memory is refused with an account of what holds it, and nothing is lost", () => {
  const memory = heap();
  const ceiling = memory.ceiling;
  const kept = withOwner("my_step", () => filled([1000], 5));
  beginOperation();
  try {
    memory.ceiling = memory.reservedBytes;
    const error = assertThrows(
      () => filled([2 ** 28], 0),
      OutOfMemoryError,
    );
    assert(error.message.includes("1.1 GB for f32[268435456]"), error.message);
    assert(error.message.includes("1 × f32[1000] by my_step: 4.0 kB"), error.message);
    assert(error.message.includes("scope()"));
  } finally {
    memory.ceiling = ceiling;
  }
  assertEquals(kept.dataSync()[999], 5);
  assertEquals(filled([1000], 6).dataSync()[0], 6);
});

Deno.test("live arrays beyond what the host may hold are refused, and stay readable", () => {
  const xs: ConcreteArray[] = [];
  const limits = { limit: 32 * MB, maxLimit: 32 * MB, hostLimit: 256 * MB };
  assertThrows(
    () =>
      withLimits(limits, () => {
        for (let i = 0; i < 200; i++) {
          beginOperation();
          xs.push(filled([MB], i));
        }
      }),
    OutOfMemoryError,
    "moved out of the shared memory",
  );
  assert(xs.length > 32 && xs.length < 150, `${xs.length} arrays of 4 MB`);
  xs.forEach((x, i) => assertEquals(x.dataSync()[MB - 1], i));
  for (const x of xs) x.delete();
});

Deno.test("memory() tells whose the bytes are", () => {
  const x = withOwner("trainer", () => filled([1000], 1));
  assertEquals(memory().byOwner["trainer"], { bytes: 4000, buffers: 1 });
  assert(memory().reservedBytes >= memory().liveBytes - memory().spilledBytes);
  assert(memory().peakBytes >= memory().liveBytes - memory().spilledBytes);
  x.delete();
  assertEquals(memory().byOwner["trainer"], undefined);
});

Deno.test("small arrays need no memory of their own until a program wants their address", async () => {
  await collect();
  const before = live();
  const x = fullArray(shapedArray([4], "int64"), -3n);
  assertEquals(live(), before);
  const at = x.address();
  assertEquals(live(), { bytes: before.bytes + 32, buffers: before.buffers + 1 });
  assertEquals(heap().i64[at / 8 + 3], -3n);
  spillAll();
  assertEquals(x.tolist(), [-3n, -3n, -3n, -3n]);
  assertEquals(heap().i64[x.address() / 8], -3n);
  x.delete();
  assertEquals(live(), before);
});
