/**
 * Floats drawn by one operation: the same numbers at once, mapped and compiled.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { filterJit, filterVmap, type NDArray, numpy as np, profile, random } from "@vernal/vernal";

const shapes = [[], [1], [3], [6], [1021], [1024], [1025], [3, 700], [0]];

/** The bits of an array's elements, of NaN that it is one. */
function bitsOf(x: NDArray): (number | string)[] {
  const data = x.dataSync() as Float32Array | Float64Array;
  const words = data.BYTES_PER_ELEMENT / 4;
  const bits = new Uint32Array(data.buffer, data.byteOffset, data.length * words);
  return [...bits].map((b, i) => Number.isNaN(data[Math.floor(i / words)]) ? "NaN" : b);
}

for (const dtype of ["float32", "float64"] as const) {
  const draws: Record<string, (key: NDArray, shape: number[]) => NDArray> = {
    "uniform": (key, shape) => random.uniform(key, shape, { dtype }),
    "uniform between": (key, shape) =>
      random.uniform(key, shape, { dtype, minval: -0.3, maxval: np.array(7, { dtype }) }),
    "uniform of nothing": (key, shape) =>
      random.uniform(key, shape, { dtype, minval: 2, maxval: 1 }),
    "uniform from NaN": (key, shape) => random.uniform(key, shape, { dtype, minval: NaN }),
    "normal": (key, shape) => random.normal(key, shape, { dtype }),
  };
  for (const [name, draw] of Object.entries(draws)) {
    Deno.test(`${name} ${dtype}: the same bits at once as compiled`, () => {
      for (const shape of shapes) {
        const key = random.key(shape.length * 1000 + 7);
        const compiled = filterJit((key: NDArray) => draw(key, shape))(key);
        const [atOnce, { events }] = profile(() => draw(key, shape));
        assertEquals(atOnce.aval, compiled.aval);
        assertEquals(bitsOf(atOnce), bitsOf(compiled), `${name} ${dtype} [${shape}]`);
        assertEquals(events.filter((e) => e.kind === "operation").length, 1);
        const mapped = filterVmap((key: NDArray) => draw(key, shape))(np.stack([key, key]));
        assertEquals(bitsOf(mapped), [...bitsOf(atOnce), ...bitsOf(atOnce)]);
      }
    });
  }
}

Deno.test("uniform between bounds: JAX's bits at once, which scales by one operation", () => {
  // jax.random.uniform(jax.random.key(1007), (1000,), dtype, -0.3, 7)
  const expected = {
    float32: [6.277805805206299, 5.426843166351318, 6.929717063903809, 0.8145286440849304],
    float64: [5.904108214751672, -0.22015280479964555, 4.856552741860948, 1.36775806232792],
  };
  for (const dtype of ["float32", "float64"] as const) {
    const x = random.uniform(random.key(1007), [4], { dtype, minval: -0.3, maxval: 7 });
    assertEquals(x.tolist(), expected[dtype]);
  }
});
