/**
 * Random programs that print, check and call back, in loops and branches, mapped and differentiated: compiled they give what they give at once, and do it in
 * the same order.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as vn from "../../mod.ts";
import { debugCallback } from "../../src/control/callback.ts";

const { lax, numpy: np } = vn;
type A = vn.NDArray;

function generator(seed: number): () => number {
  let s = (seed + 1) * 2654435761 >>> 0;
  return () => {
    s = (s ^ s << 13) >>> 0;
    s ^= s >>> 17;
    s = (s ^ s << 5) >>> 0;
    return s / 2 ** 32;
  };
}

/** What was done, in order: the name of the step, and the sum of what it saw. */
const log: [string, number][] = [];

function note(name: string, x: A): void {
  debugCallback([x], ([a]) => {
    log.push([name, a.sum().item()]);
    return [];
  });
}

/** Arrays are float32[3,4] throughout, so that any may stand anywhere. */
function program(seed: number): (a: A, b: A) => A[] {
  return (a, b) => {
    const random = generator(seed);
    for (let i = 0; i < 5; i++) random();
    let count = 0;
    const inner = (start: A[], steps: number, depth: number): A => {
      for (let i = 0; i < steps; i++) step(start, depth + 1);
      return start[start.length - 1];
    };
    const step = (pool: A[], depth: number): void => {
      const pick = () => pool[Math.floor(random() * pool.length)];
      const kind = Math.floor(random() * 13);
      const [x, y] = [pick(), pick()];
      const name = `step ${count++}`;
      switch (kind) {
        case 0:
          return void pool.push(np.sin(x.add(y)));
        case 1:
          return void pool.push(x.mul(y).mul(0.1));
        case 2:
          return note(name, x);
        case 3:
          return void pool.push(vn.errorIf(x, y.sum().greater(1e6), name));
        case 4:
          return void pool.push(np.tanh(x.sum(0).reshape(1, 4).add(y)));
        case 5:
          return void pool.push(np.matmul(x, y.transpose()).mean().add(np.cos(y)));
        case 6: {
          const resultShapeDtypes = new vn.ShapeDtypeStruct([3, 4], "float32");
          return void pool.push(
            vn.filterPureCallback((p: A, q: A) => p.sub(q), x, y, vn.kwargs({ resultShapeDtypes })),
          );
        }
        case 7: {
          if (depth > 1) return;
          const body = (c: A, row: A): [A, A] => {
            const out = inner([c, row.reshape(1, 4).add(c)], 3, depth);
            return [np.tanh(out), out.get(0)];
          };
          return void pool.push(...lax.scan(body, x, y));
        }
        case 8: {
          if (depth > 1) return;
          const taken = (p: A) => np.sin(inner([p, p.add(1)], 2, depth));
          // Far from a tie, which rounding would decide.
          const choice = x.sum().greater(y.sum().add(0.0137));
          return void pool.push(lax.cond(choice, taken, (p: A) => p.mul(2), x));
        }
        case 9: {
          if (depth > 1) return;
          const body = ([i, c]: [A, A]): [A, A] => [
            i.add(1),
            np.tanh(inner([c, c.mul(0.5)], 2, depth)),
          ];
          const start: [A, A] = [np.array(0), x];
          return void pool.push(lax.whileLoop(([i]) => i.less(3), body, start)[1]);
        }
        case 10:
          return note(name, x.sum());
        case 11:
          return void pool.push(x.at(1).set(y.get(0)));
        default:
          return void pool.push(
            np.concatenate([x.get(vn.slice(0, 1)), y.get(vn.slice(0, 2))], { axis: 0 }),
          );
      }
    };
    const pool = [a, b];
    for (let i = 0; i < 14; i++) step(pool, 0);
    return pool.slice(-2);
  };
}

const forms: Record<string, (f: (a: A, b: A) => A[]) => (a: A, b: A) => A[]> = {
  "as they are": (f) => f,
  "mapped": (f) => (a, b) => vn.filterVmap(f)(np.stack([a, b]), np.stack([b, a])),
  "differentiated": (f) => (a, b) => [
    // Callbacks have no derivative: they see constants.
    vn.grad((x: A) => f(lax.stopGradient(x), b)[0].mul(x).sum())(a),
  ],
};

for (const [form, transform] of Object.entries(forms)) {
  Deno.test(`random programs with effects, ${form}: compiled as at once, in the same order`, () => {
    const a = np.arange(12).reshape(3, 4).astype("float32").add(1).div(10);
    const b = a.mul(-0.7).add(0.3);
    let effects = 0;
    for (let seed = 0; seed < 25; seed++) {
      const f = transform(program(seed));
      const run = (g: typeof f, ...args: [A, A]) => {
        log.length = 0;
        return [g(...args), [...log]] as const;
      };
      const [expected, order] = run(f, a, b);
      const donate = seed % 2 === 0 ? "all" : "none";
      const [outs, compiled] = run(vn.filterJit(f, { donate }), np.copy(a), np.copy(b));
      assertEquals(compiled.map(([name]) => name), order.map(([name]) => name), `seed ${seed}`);
      order.forEach(([name, sum], i) => {
        const gap = Math.abs(sum - compiled[i][1]);
        assert(gap <= 1e-3 * Math.max(1, Math.abs(sum)), `seed ${seed}: ${name} is off by ${gap}`);
      });
      outs.forEach((x, i) => {
        const gap = np.abs(x.sub(expected[i])).max().item();
        assert(gap < 1e-3, `seed ${seed}: output ${i} is off by ${gap}`);
      });
      effects += order.length;
    }
    assert(effects > 30);
  });
}
