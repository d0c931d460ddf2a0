/**
 * Programs over a mesh lowered ahead of time: from arrays, and from structs with and without a sharding.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { numpy: np, lax, P } = vn;
await vn.init("cpu", { devices: 4 });

const mesh = vn.makeMesh([4], ["data"]);
const rows = new vn.NamedSharding(mesh, P("data"));
const struct = (shape: readonly number[], sharding: vn.Sharding | null = null) =>
  new vn.ShapeDtypeStruct(shape, "float32", { sharding });
const specOf = (x: vn.NDArray) => String((x.sharding as vn.NamedSharding).spec);

const f = vn.filterJit((x: vn.NDArray, w: vn.NDArray) => {
  const y = np.tanh(x.matmul(w));
  return [y, np.mean(y)] as const;
});
const x = np.linspace(0, 1, 32).reshape([8, 4]);
const w = np.eye(4);

Deno.test("structs with shardings give the program that arrays there give", () => {
  const fromStructs = f.lower(struct([8, 4], rows), struct([4, 4])).partitioned();
  const fromArrays = f.lower(vn.devicePut(x, rows), w).partitioned();
  assertEquals(fromStructs.collectives.map((c) => c.kind), ["psum"]);
  assertEquals(String(fromStructs), String(fromArrays));
  assertEquals(fromStructs.jaxpr(), fromArrays.jaxpr());
  // One may be an array, the other a struct.
  assertEquals(
    String(f.lower(vn.devicePut(x, rows), struct([4, 4])).partitioned()),
    String(fromArrays),
  );
  // Without a sharding nobody said anything.
  assertEquals(f.lower(struct([8, 4]), struct([4, 4])).partitioned().mesh, null);
});

Deno.test("compiled from structs, a program takes arrays that are there, and those that nobody put anywhere", () => {
  const compiled = f.lower(struct([8, 4], rows), struct([4, 4])).compile();
  const whole = f(x, w);
  for (const arg of [vn.devicePut(x, rows), x]) {
    const [y, mean] = compiled(arg, w);
    assertEquals([specOf(y), specOf(mean)], ['P("data")', "P()"]);
    assert(np.allclose(y, vn.devicePut(whole[0], y.sharding)).item());
    assert(np.allclose(mean, vn.devicePut(whole[1], mean.sharding)).item());
  }
  assertEquals(x.committed, false);
  // The same split, said otherwise.
  compiled(vn.devicePut(x, new vn.NamedSharding(mesh, P("data", null))), w);
  for (const other of [new vn.NamedSharding(mesh, P()), vn.devices()[0]!]) {
    const error = assertThrows(() => compiled(vn.devicePut(x, other), w), vn.DeviceError);
    assert(error.message.includes("args[0]") && error.message.includes('P("data")'), error.message);
  }
});

Deno.test("a struct knows its sharding", () => {
  const one = struct([8, 4], rows);
  assertEquals(one.sharding, rows);
  assertEquals(struct([8, 4]).sharding, null);
  assert(String(one).includes('P("data")'), String(one));
  // Structs are static arguments where a function is called: equal ones are one trace.
  let traces = 0;
  const traced = vn.filterJit((_: unknown) => traces++);
  traced(one);
  traced(struct([8, 4], new vn.NamedSharding(mesh, P("data"))));
  assertEquals(traces, 1);
  traced(struct([8, 4]));
  assertEquals(traces, 2);
  const message = (fn: () => unknown, kind: typeof vn.ShapeError, text: string) => {
    const error = assertThrows(fn, kind);
    assert(
      error.message.includes("ShapeDtypeStruct") && error.message.includes(text),
      error.message,
    );
  };
  message(() => struct([6], rows), vn.ShapeError, "6");
  message(() => struct([], rows), vn.ShapeError, "P(");
  message(() => struct([8], P("data") as never), vn.ArgumentError, "NamedSharding(mesh, spec)");
  message(() => struct([8], vn.devices()[1] as never), vn.ArgumentError, "SingleDeviceSharding");
});

Deno.test("structs of different devices are refused when a function is lowered", () => {
  const one = new vn.SingleDeviceSharding(vn.devices()[1]!);
  const error = assertThrows(
    () => f.lower(struct([8, 4], rows), struct([4, 4], one)).partitioned(),
    vn.DeviceError,
  );
  assert(error.message.includes("args[0]") && error.message.includes("args[1]"), error.message);
});

Deno.test("filterPmap: what is lowered is the program of one device, and its steps", () => {
  const share = vn.filterPmap(
    (x: vn.NDArray, w: vn.NDArray) => {
      const y = np.tanh(x.matmul(w));
      return y.div(lax.psum(np.sum(y), "i"));
    },
    { axisName: "i", inAxes: [0, null] },
  );
  const lowered = share.lower(np.ones([4, 8]), np.ones([8, 8]));
  const partition = lowered.partitioned();
  assertEquals(partition.reason, null);
  assertEquals(partition.collectives.map((c) => [c.kind, c.axis, c.devices]), [["psum", "i", 4]]);
  assert(String(partition).includes('in: P("i"), P()'), String(partition));
  assert(lowered.simplified().includes("psum"), lowered.simplified());
  assert(!/\[4,8\]/.test(lowered.simplified()), lowered.simplified());
  const nests = lowered.nests();
  assertEquals(nests.match(/;; for each of 4/g)!.length, 2, nests);
  assert(nests.includes(";; once"), nests);
  assert(lowered.wat().includes("(module"));
  // From structs the same.
  const structs = share.lower(struct([4, 8]), struct([8, 8]));
  assertEquals(String(structs.partitioned()), String(partition));
  assertEquals(structs.nests(), nests);
});

Deno.test("over a mesh the stages are those of the devices' steps, loops and checks too; elsewhere of the whole", () => {
  const g = vn.filterJit((x: vn.NDArray) => {
    const y = lax.foriLoop(0, 3, (_: vn.NDArray, c: vn.NDArray) => c.div(np.sum(c)), x);
    return vn.errorIf(y, np.any(np.less(y, 0)), "negative");
  });
  const split = g.lower(struct([8, 4], rows));
  assert(split.nests().includes(";; for each of 4"), split.nests());
  assert(
    split.nests().includes(";; 3 times {") || split.nests().includes(";; while {"),
    split.nests(),
  );
  assert(split.simplified().includes("f32[2,4]"), split.simplified());
  const whole = g.lower(struct([8, 4]));
  assert(!whole.nests().includes(";; for each of"));
  assert(!whole.simplified().includes("f32[2,4]"));
});
