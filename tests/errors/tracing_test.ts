/**
 * What a user does wrong inside a transformed function, and what is said of it.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np } = vn;

Deno.test("a traced array used as a number or a string says which argument it comes from", () => {
  const uses: [string, (x: vn.NDArray) => unknown][] = [
    ["comparison", (x) => (x as unknown as number) > 0 ? x : x],
    ["plus", (x) => +(x as unknown as number)],
    ["template", (x) => `${x as unknown as string}`],
    ["item", (x) => x.item()],
    ["tolist", (x) => x.tolist()],
    ["dataSync", (x) => x.dataSync()],
    ["JSON", (x) => JSON.stringify({ x })],
  ];
  for (const [what, use] of uses) {
    const f = vn.filterJit((p: { a: vn.NDArray }) => use(p.a));
    const error = assertThrows(() => f({ a: np.array(1) }), vn.TracerError, "f32[]", what);
    assertStringIncludes(error.message, "args[0].a", what);
  }
});

Deno.test("a value computed from arguments says which: through mapped, differentiated and inner compiled functions", () => {
  const p = { a: np.array([1, 2, 3]), b: np.array(1), c: np.array(2) };
  type P = typeof p;
  const uses: [string, (p: P) => unknown, string][] = [
    ["one", (p) => p.a.sum().item(), "the argument args[0].a:"],
    ["two", (p) => p.a.sum().add(p.b).item(), "the arguments args[0].a, args[0].b:"],
    ["mapped", (p) => vn.filterVmap((e: vn.NDArray) => e.mul(2).item())(p.a), "args[0].a:"],
    [
      "differentiated",
      (p) => vn.filterGrad((e: vn.NDArray) => np.sin(e).item())(p.b),
      "args[0].b:",
    ],
    ["closed over", (p) => vn.filterJit(() => p.c.mul(2).item())(), "the argument args[0].c:"],
  ];
  for (const [what, use, path] of uses) {
    const f = vn.filterJit((p: P) => use(p));
    const error = assertThrows(() => f(p), vn.TracerError, "depends on", what);
    assertStringIncludes(error.message, path, what);
  }
});

Deno.test("reading a traced array's data asynchronously rejects", async () => {
  let promise: Promise<unknown> = Promise.resolve();
  vn.filterEvalShape((x: vn.NDArray) => {
    promise = x.data();
    return x;
  }, np.array(1));
  const error = await promise.then(() => null, (e) => e);
  assert(error instanceof vn.TracerError);
});

Deno.test("a tracer kept after its trace is refused, whatever it is used for", () => {
  let kept: vn.NDArray = np.array(0);
  vn.filterJit((x: vn.NDArray) => kept = x.mul(2))(np.array(1));
  assertThrows(() => kept.add(1), vn.TracerError, "after its function had returned");
  assertThrows(() => vn.filterJit((y: vn.NDArray) => y.add(kept))(np.array(1)), vn.TracerError);
  vn.filterGrad((x: vn.NDArray) => (kept = x.mul(2)).sum())(np.array(1));
  assertThrows(() => kept.add(1), vn.TracerError);
  vn.filterVmap((x: vn.NDArray) => kept = x.mul(2))(np.array([1, 2]));
  assertThrows(() => kept.add(1), vn.TracerError);
});

Deno.test("after an error inside a trace, everything works as before, and the next call traces again", () => {
  let fail = true;
  let traces = 0;
  const f = vn.filterJit((x: vn.NDArray) => {
    traces++;
    if (fail) throw new RangeError("mine");
    return x.add(1);
  });
  const x = np.array([1, 2]);
  assertThrows(() => f(x), RangeError, "mine");
  assertThrows(() => vn.filterVmap(vn.filterGrad(() => f(x).sum()))(x), RangeError);
  fail = false;
  assertEquals(f(x).tolist(), [2, 3]);
  assertEquals(f(x).tolist(), [2, 3]);
  assertEquals(traces, 3);
  assertEquals(x.add(1).tolist(), [2, 3]);
});

Deno.test("a function that keeps being traced is reported at the third retrace, with what changed", () => {
  const seen: string[] = [];
  const previous = vn.setWarningHandler((m) => seen.push(m));
  try {
    const f = vn.filterJit(function scaled(x: vn.NDArray, o: { by: number }) {
      return x.mul(o.by);
    });
    for (let i = 0; i < 6; i++) assertEquals(f(np.array(1), { by: i }).item(), i);
  } finally {
    vn.setWarningHandler(previous);
  }
  assertEquals(seen.length, 1);
  for (const part of ["scaled", "args[1].by", "was 2", "is 3"]) assertStringIncludes(seen[0], part);
});

Deno.test("donated and deleted arrays say so when used again, and live on elsewhere", () => {
  const x = np.ones([100]);
  x.delete();
  assert(x.isDeleted);
  x[Symbol.dispose]();
  assertThrows(() => x.add(1), vn.DonatedError, "f32[100]");
  const inTree = vn.filterJit(function inTree(p: { v: vn.NDArray }) {
    return p.v;
  });
  assertThrows(() => inTree({ v: x }), vn.DonatedError, "filterJit(inTree): args[0].v: ");
  assertEquals(inTree({ v: np.ones([2]) }).tolist(), [1, 1]);
  const a = np.ones([100]);
  const twice = vn.filterJit((p: vn.NDArray, q: vn.NDArray) => p.add(q), { donate: "all" });
  const shared = assertThrows(() => twice(a, a), vn.DonatedError, "f(donate(a), a)");
  assertStringIncludes(shared.message, "args[0], f32[100], was donated");
  assertStringIncludes(shared.message, "another place of the same call, args[1]");
  assertEquals(a.get(0).item(), 1);
});

Deno.test("what cannot be wrapped or called is refused before anything is traced", () => {
  assertThrows(() => vn.filterJit(3 as never), vn.ArgumentError, "filterJit");
  assertThrows(() => vn.filterGrad("f" as never), vn.ArgumentError, "filterGrad");
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => x, { donate: "some" as never }),
    vn.ArgumentError,
    "all-except-first",
  );
  assertThrows(
    () => vn.filterJit((x: vn.NDArray) => x, { staticArgnums: 1 } as never),
    vn.ArgumentError,
    "leaf by leaf",
  );
  assertThrows(
    () => vn.filterGrad((x: vn.NDArray) => x.sum(), { argnums: 1 } as never),
    vn.ArgumentError,
    "argnums",
  );
  assertThrows(
    () => (vn.filterGrad((x: vn.NDArray) => x.sum()) as () => unknown)(),
    vn.ArgumentError,
    "at least one",
  );
  assertThrows(
    () =>
      (vn.filterGrad((x: vn.NDArray) => x.sum()) as (k: unknown) => unknown)(
        vn.kwargs({ x: np.array(1) }),
      ),
    vn.ArgumentError,
    "kwargs",
  );
});

Deno.test("gradients of what has none say what came", () => {
  const x = np.array([1, 2, 3]);
  assertThrows(() => vn.filterGrad((x: vn.NDArray) => x)(x), vn.ShapeError, "[3]");
  assertThrows(() => vn.filterGrad(() => null as never)(x), vn.ShapeError, "null");
  assertThrows(
    () => vn.filterGrad((x: vn.NDArray) => [x.sum(), 1] as never)(x),
    vn.ShapeError,
    "2 values",
  );
  assertThrows(
    () => vn.filterGrad((x: vn.NDArray) => x.sum().astype("int32"))(x),
    vn.DTypeError,
    "int32",
  );
  assertThrows(
    () => vn.filterGrad((x: vn.NDArray) => x.sum() as never, { hasAux: true })(x),
    vn.ArgumentError,
    "pair",
  );
});
