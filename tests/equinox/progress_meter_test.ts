/**
 * The behaviours of Equinox's `test_progress_meter.py`, each under its upstream name.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import {
  type AbstractProgressMeter,
  NoProgressMeter,
  TextProgressMeter,
  TqdmProgressMeter,
} from "../../src/internal/mod.ts";

const { debug, lax, numpy: np } = vn;
// deno-lint-ignore no-explicit-any -- meters have states of several kinds
type Meter = AbstractProgressMeter<any>;

/** What is printed meanwhile. */
function printed(run: () => void): string[] {
  const lines: string[] = [];
  const before = debug.setPrinter((text) => lines.push(text));
  try {
    run();
  } finally {
    debug.setPrinter(before);
  }
  return lines;
}

/** `x · 2ⁿ`, by a loop that is metered. */
const metered = (meter: Meter, n = 10) => (x: vn.NDArray): vn.NDArray => {
  const body = (i: vn.NDArray, [y, state]: [vn.NDArray, unknown]): [vn.NDArray, unknown] => [
    y.mul(2),
    meter.step(state, i.add(1).div(n)),
  ];
  const [y, state] = lax.foriLoop(0, n, body, [x, meter.init()] as [vn.NDArray, unknown]);
  meter.close(state);
  return y;
};

/** The same, by a loop that ends for each example at its own time. */
const meteredWhile = (meter: Meter) => (x: vn.NDArray): vn.NDArray => {
  type Carry = [vn.NDArray, unknown];
  const [y, state] = lax.whileLoop(
    ([y]: Carry) => y.less(100),
    ([y, state]: Carry): Carry => [y.mul(2), meter.step(state, y.mul(2).div(100))],
    [x, meter.init()] as Carry,
  );
  meter.close(state);
  return y;
};

Deno.test("equinox/progress_meter/test_no_progress_meter: shows nothing", () => {
  for (const f of [metered(new NoProgressMeter()), vn.filterJit(metered(new NoProgressMeter()))]) {
    assertEquals(printed(() => assertEquals(f(np.array(1)).item(), 1024)), []);
  }
});

Deno.test("equinox/progress_meter/test_text_progress_meter: a line for each increase that is worth one, compiled and mapped", () => {
  const tenths = ["0.00%", ...Array.from({ length: 10 }, (_, i) => `${10 * (i + 1)}.00%`)];
  const f = metered(new TextProgressMeter());
  for (const g of [f, vn.filterJit(f)]) {
    assertEquals(printed(() => assertEquals(g(np.array(1)).item(), 1024)), tenths);
    assertEquals(printed(() => g(np.array(1))), tenths);
  }
  const rare = vn.filterJit(metered(new TextProgressMeter({ minimumIncrease: 0.35 })));
  assertEquals(printed(() => rare(np.array(1))), ["0.00%", "40.00%", "80.00%", "100.00%"]);
  const mapped = vn.filterJit(vn.filterVmap(f));
  assertEquals(printed(() => mapped(np.array([1, 2]))), tenths);
  // The slowest example counts; the last line comes with the end.
  const uneven = vn.filterJit(vn.filterVmap(meteredWhile(new TextProgressMeter())));
  const lines = printed(() => assertEquals(uneven(np.array([1, 30])).tolist(), [128, 120]));
  assertEquals([lines[0], lines.at(-1)], ["0.00%", "100.00%"]);
  assert(lines.length > 3);
});

/** A meter that draws into a list. */
function drawing(refreshSteps: number): [TqdmProgressMeter, string[]] {
  const drawn: string[] = [];
  return [new TqdmProgressMeter({ refreshSteps, write: (text) => drawn.push(text) }), drawn];
}

const percent = (drawn: readonly string[]) =>
  drawn.map((line) => line.match(/^\r([\d.]+)%\|/)?.[1]);

Deno.test("equinox/progress_meter/test_tqdm_progress_meter: a bar in one line, drawn every so many turns", () => {
  const [meter, drawn] = drawing(4);
  for (const f of [metered(meter), vn.filterJit(metered(meter))]) {
    drawn.length = 0;
    assertEquals(f(np.array(1)).item(), 1024);
    assertEquals(percent(drawn), ["0.00", "10.00", "50.00", "90.00", "100.00"]);
    assert(drawn[2].includes(`|${"█".repeat(15)}${" ".repeat(15)}|`));
    assert(drawn.at(-1)!.endsWith("|\n") && !drawn[3].endsWith("\n"));
  }
  assertThrows(() => new TqdmProgressMeter({ refreshSteps: 0 }), vn.ArgumentError, "refreshSteps");
});

Deno.test("equinox/progress_meter/test_tqdm_progress_meter_vmap: one bar for all examples, at the slowest", () => {
  const [meter, drawn] = drawing(1);
  const f = vn.filterJit(vn.filterVmap(meteredWhile(meter)));
  assertEquals(f(np.array([1, 30, 3])).tolist(), [128, 120, 192]);
  const shown = percent(drawn).map(Number);
  assertEquals([shown[0], shown[1], shown.at(-1)], [0, 2, 100]);
  assertEquals(drawn.filter((line) => line.endsWith("\n")).length, 1);
});

Deno.test("equinox/progress_meter/test_grad_text_progress_meter: a gradient goes through, and shows the forward pass", () => {
  const scanned = (meter: Meter) => (x: vn.NDArray) => {
    const step = ([y, state]: [vn.NDArray, unknown], i: vn.NDArray) =>
      [[y.mul(y), meter.step(state, y.mul(0).add(i))], null] as [[vn.NDArray, unknown], null];
    const start: [vn.NDArray, unknown] = [x, meter.init()];
    const [[y, state]] = lax.scan(step, start, np.array([0.5, 1]) as never);
    meter.close(state);
    return y;
  };
  const meter = new TextProgressMeter();
  for (const f of [vn.grad(scanned(meter)), vn.filterJit(vn.grad(scanned(meter)))]) {
    const lines = printed(() => assertEquals(f(np.array(2)).item(), 32));
    assertEquals(lines, ["0.00%", "50.00%", "100.00%"]);
  }
});

Deno.test("equinox/progress_meter/test_grad_tqdm_progress_meter: a gradient goes through, and draws the forward pass", () => {
  const [meter, drawn] = drawing(1);
  const f = (x: vn.NDArray) => {
    const a = meter.step(meter.init(), x.mul(0).add(0.25));
    const b = meter.step(a, 0.75);
    meter.close(b);
    return x.mul(x);
  };
  for (const g of [vn.grad(f), vn.filterJit(vn.grad(f))]) {
    drawn.length = 0;
    assertEquals(g(np.array(3)).item(), 6);
    assertEquals(percent(drawn), ["0.00", "25.00", "75.00", "100.00"]);
  }
});
