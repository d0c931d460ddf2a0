/**
 * The thread pool by itself: it comes, goes, changes its size, and outlives threads that fail, hang or end.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { HELPED } from "../../kernels/threads/layout.ts";
import { instantiateProgram } from "../../src/backends/wasm/instantiate.ts";
import { loadBinaryen } from "../../src/backends/wasm/binaryen.ts";
import type { ThreadPool } from "../../src/backends/wasm/thread_pool.ts";
import { warmUpProgram } from "../../src/backends/wasm/warm_up.ts";
import { DeviceError } from "../../src/errors.ts";
import { Compiled, type Ground } from "../backends/run.ts";
import { isWhole } from "../share.ts";
import { makeGround, readiness } from "./ground.ts";

const binaryen = await loadBinaryen();

function assemble(wat: string): WebAssembly.Module {
  const module = binaryen.parseText(wat);
  module.setFeatures(binaryen.Features.Atomics | binaryen.Features.MutableGlobals);
  const compiled = new WebAssembly.Module(module.emitBinary() as Uint8Array<ArrayBuffer>);
  module.dispose();
  return compiled;
}

/** Calls a program, whose job the leader leaves to another thread, until one has come and done `work`. */
async function runElsewhere({ memory, pool }: Ground, work: string): Promise<void> {
  const wat = `(module
    (import "env" "memory" (memory 1 65536 shared))
    (import "env" "pool" (global $pool (mut i32)))
    (import "env" "program" (global $program i32))
    (import "env" "told" (func $told (param i32)))
    (import "kernels" "pool_claim" (func $claim (param i32 i32) (result i32)))
    (import "kernels" "pool_open" (func $open (param i32 i32 i32 i32 i32 i32)))
    (import "kernels" "pool_close" (func $close (param i32) (result i32)))
    (func (export "share") (param $thread i32) ${work})
    (func (export "run") (param $helped i32) (local $status i32) (local $spins i32)
      (call $open (global.get $pool) (global.get $program)
        (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 1))
      (loop $nobody
        (local.set $spins (i32.add (local.get $spins) (i32.const 1)))
        (br_if $nobody (i32.and
          (i32.lt_u (local.get $spins) (i32.const 1000000))
          (i32.eq (local.get $helped) (i32.atomic.load offset=${HELPED} (global.get $pool))))))
      (loop $again
        (local.set $status (call $close (global.get $pool)))
        (if (local.get $status)
          (then (call $told (local.get $status)) (br $again))))))`;
  const compiled = assemble(wat);
  const run = instantiateProgram(compiled, memory, { link: pool.register(compiled) });
  const before = pool.helped;
  for (let turns = 0; pool.helped === before; turns++) {
    assert(turns < 1000, "no thread comes");
    run(before);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The rest of the test's life: a program among threads computes what it does alone. */
function assertWorks(ground: Ground): void {
  const options = { chunkCost: 500, shareCost: 1000 };
  const inputs = [16000, 250].map((n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i)));
  const expected = new Compiled(binaryen, warmUpProgram(), options).call(inputs);
  const { threads } = ground.pool;
  const program = new Compiled(binaryen, warmUpProgram(), { ...options, threads }, ground);
  for (let call = 0; call < 20; call++) assertEquals(program.call(inputs), expected);
}

/** Calls a program until threads have helped. */
async function assertThreadsHelp(ground: Ground): Promise<void> {
  const { pool } = ground;
  await readiness(pool, pool.threads - 1);
  const before = pool.helped;
  for (let turns = 0; pool.helped === before; turns++) {
    assert(turns < 200, "no thread helps");
    assertWorks(ground);
  }
}

async function withGround(threads: number, test: (ground: Ground) => Promise<void>): Promise<void> {
  const ground = await makeGround(threads);
  try {
    await test(ground);
  } finally {
    ground.pool.stop();
  }
}

Deno.test("a thread that traps makes the call throw, and the next call has threads again", () =>
  withGround(3, async (ground) => {
    const error = await assertRejects(
      () => runElsewhere(ground, "(unreachable)"),
      DeviceError,
      "a thread of the pool failed",
    );
    assert(error.message.includes("unreachable"), error.message);
    assertWorks(ground);
    await assertThreadsHelp(ground);
  }));

Deno.test("a thread that never comes back makes the call throw, and is replaced", () =>
  withGround(2, async (ground) => {
    ground.pool.patience = 1;
    await assertRejects(
      () => runElsewhere(ground, "(loop $ever (br $ever))"),
      DeviceError,
      "in the middle of its work",
    );
    assertWorks(ground);
    await assertThreadsHelp(ground);
  }));

Deno.test("a thread that was given up and goes on takes nothing of later calls, and its memory is its own until it is gone", async () => {
  const freed: number[] = [];
  const ground = await makeGround(2, ({ address }) => freed.push(address));
  const { memory, pool } = ground;
  try {
    pool.patience = 0.1;
    pool.reserve(1000);
    // It hangs until the word at 16 says that it may go on; then it claims what there is, again and again, until the word is 2.
    const hang = `
      (loop $hang (br_if $hang (i32.eqz (i32.atomic.load (i32.const 16)))))
      (loop $steal
        (drop (call $claim (global.get $pool) (i32.const 1)))
        (br_if $steal (i32.eq (i32.const 1) (i32.atomic.load (i32.const 16)))))`;
    await assertRejects(() => runElsewhere(ground, hang), DeviceError, "in the middle of its work");
    const gone = pool.settle();
    assert(gone !== null);
    assertEquals(pool.settle(), null);
    const word = new Int32Array(memory.buffer, 16, 1);
    Atomics.store(word, 0, 1);
    pool.patience = 20;
    for (let turns = 0; turns < 20; turns++) assertWorks(ground);
    assertEquals(freed, []);
    Atomics.store(word, 0, 2);
    // Nothing that waits for a thread keeps the process alive, hence the clock.
    let isGone = false;
    void gone.then(() => isGone = true);
    while (!isGone) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals(freed.length, 1);
    await assertThreadsHelp(ground);
  } finally {
    pool.stop();
  }
});

Deno.test("a leader that fails in the middle of a job leaves no thread at work", () =>
  withGround(2, async (ground) => {
    const { memory, pool } = ground;
    // The leader fails when a thread has come inside, which stays there for a while.
    const wat = `(module
      (import "env" "memory" (memory 1 65536 shared))
      (import "env" "pool" (global $pool (mut i32)))
      (import "env" "program" (global $program i32))
      (import "env" "told" (func $told (param i32)))
      (import "kernels" "pool_open" (func $open (param i32 i32 i32 i32 i32 i32)))
      (func (export "share") (param $thread i32) (local $i i32)
        (i32.atomic.store (i32.const 16) (i32.const 1))
        (loop $more (br_if $more (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30000000))))
        (i32.atomic.store (i32.const 20) (i32.const 1)))
      (func (export "run") (param i32) (local $spins i32)
        (call $open (global.get $pool) (global.get $program)
          (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 1))
        (loop $nobody
          (local.set $spins (i32.add (local.get $spins) (i32.const 1)))
          (br_if $nobody (i32.and (i32.lt_u (local.get $spins) (i32.const 1000000))
            (i32.eqz (i32.atomic.load (i32.const 16))))))
        (unreachable)))`;
    const run = instantiateProgram(assemble(wat), memory, { link: pool.register(assemble(wat)) });
    const [came, went] = [16, 20].map((at) => new Int32Array(memory.buffer, at, 1));
    for (let turns = 0; came![0] === 0; turns++) {
      assert(turns < 1000, "no thread comes");
      assertThrows(() => run(0), WebAssembly.RuntimeError, "unreachable");
      assertEquals(pool.settle(), null);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assertEquals(went![0], 1);
    assertWorks(ground);
  }));

Deno.test("a thread that takes long is waited for", () =>
  withGround(2, async (ground) => {
    // Longer than the leader looks at the gate without sleeping.
    const long = `(local $i i32)
      (loop $more (br_if $more (i32.lt_u
        (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 30000000))))`;
    await runElsewhere(ground, long);
    assertWorks(ground);
  }));

Deno.test("a thread that ends while nothing runs is replaced", () =>
  withGround(3, async (ground) => {
    ground.pool.endThread(1);
    assertWorks(ground);
    await assertThreadsHelp(ground);
  }));

Deno.test("threads that are ended in the middle of calls make these throw at most, and results stay right", () =>
  withGround(3, async (ground) => {
    const { pool } = ground;
    pool.patience = 3; // on a busy machine a thread may not run for longer than one thinks
    const options = { chunkCost: 200, shareCost: 400 };
    const inputs = [16000, 250].map((n) => Float32Array.from({ length: n }, (_, i) => Math.sin(i)));
    const expected = new Compiled(binaryen, warmUpProgram(), options).call(inputs);
    const program = new Compiled(binaryen, warmUpProgram(), { ...options, threads: 3 }, ground);
    let right = 0;
    for (let round = 0; round < 12; round++) {
      for (let call = 0; call < 150; call++) {
        if (call === 10 * round) pool.endThread(1 + round % 2);
        try {
          assertEquals(program.call(inputs), expected);
          right++;
        } catch (error) {
          if (!(error instanceof DeviceError)) throw error;
        }
      }
      // Threads that ended are replaced when the event loop turns.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Each end costs one call at most.
    assert(right >= 12 * 149, `${right} calls were right`);
    assertWorks(ground);
  }));

Deno.test("the number of threads changes at any time, programs go on", () =>
  withGround(2, async (ground) => {
    for (const threads of [1, 4, 2, 1, 3]) {
      ground.pool.resize(threads);
      assertEquals(ground.pool.threads, threads);
      assertWorks(ground);
    }
    await assertThreadsHelp(ground);
  }));

Deno.test("a stopped pool leaves all work to the caller, a started one does not", () =>
  withGround(2, async (ground) => {
    ground.pool.stop();
    assertEquals(ground.pool.ready, 0);
    assertWorks(ground);
    ground.pool.start();
    await assertThreadsHelp(ground);
  }));

Deno.test("each thread has memory of its own", () =>
  withGround(4, ({ memory, pool }) => {
    pool.reserve(1000);
    pool.reserve(10); // less than there is
    const { pool: address } = pool.register(new WebAssembly.Module(emptyModule()));
    const place = ownMemory(memory, address.value as number);
    const places = [0, 1, 2, 3].map(place).sort((x, y) => x - y);
    for (let i = 1; i < 4; i++) assert(places[i]! - places[i - 1]! >= 1000);
    return Promise.resolve();
  }));

function emptyModule(): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
}

function ownMemory(memory: WebAssembly.Memory, pool: number): (thread: number) => number {
  const wat = `(module
    (import "kernels" "pool_private" (func $own (param i32 i32) (result i32)))
    (func (export "run") (param $thread i32) (result i32)
      (call $own (i32.const ${pool}) (local.get $thread))))`;
  return instantiateProgram(assemble(wat), memory) as unknown as (thread: number) => number;
}

/** Calls of each number of threads. */
const manyCalls = isWhole ? 500_000 : 4000;

Deno.test("many thousand calls among threads that sleep, wake and spin are all right", async () => {
  for (const threads of [2, 5]) {
    await withGround(threads, async (ground) => {
      const { pool } = ground;
      const options = { chunkCost: 100, shareCost: 200, threads };
      const program = new Compiled(binaryen, warmUpProgram(), options, ground);
      const inputs = [16000, 250].map((n) =>
        Float32Array.from({ length: n }, (_, i) => Math.cos(i))
      );
      const expected = program.call(inputs)[0] as Float32Array;
      const out = program.view(2) as Float32Array;
      const bits = (x: Float32Array) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);
      for (let call = 0; call < manyCalls; call++) {
        if (call % 16 === 0) out.fill(NaN);
        program.run();
        if (call % 16 === 0) assertSame(bits(out), bits(expected), call);
        if (call % 500 === 0) await pause(pool);
      }
      assert(pool.helped > 0);
    });
  }
});

function assertSame(x: Uint8Array, y: Uint8Array, call: number): void {
  for (let i = 0; i < y.length; i++) assert(x[i] === y[i], `call ${call}, byte ${i}`);
}

/** Long enough for all threads to fall asleep. */
async function pause(pool: ThreadPool): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 5));
  await readiness(pool, pool.threads - 1);
}
