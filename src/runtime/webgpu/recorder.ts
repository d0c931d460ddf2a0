/**
 * A program's run on a device: commands in order, control flow included.
 *
 * What runs as often as only the device knows is recorded under a *gate*: a flag on the device, and for each dispatch the number of its
 * workgroups, or zero where the flag is down. Branches that are not taken, and turns of a loop that is over, are
 * dispatches of nothing.
 *
 * @module
 */
import type { DeviceControl, DeviceProgram } from "../../backends/wgsl/program.ts";
import { bufferBytes, elementBytes } from "../../backends/wgsl/program.ts";
import { groupGrid, type Kernel } from "../../backends/wgsl/nest.ts";
import type { WebGpuDevice } from "./device.ts";
import { type BindingKind, kindsOf, type Pipeline } from "./pipelines.ts";
import { runHostKernel } from "./host_kernel.ts";
import type { Memory, View } from "./pool.ts";
import type { Call, IndirectSizes } from "./queue.ts";

/** Calls a function of the host by its number, with the words of its operands, for the words of its results. */
export type HostCall = (id: number, ins: readonly ArrayBuffer[]) => Uint8Array<ArrayBuffer>[];

/**
 * Work that may have to know what the device holds: it yields views, and is resumed with their bytes once those are
 * there. Work that yields nothing is done at once.
 */
export type Work<Result = void> = Generator<readonly View[], Result, readonly ArrayBuffer[]>;

/** Dispatches that depend on a flag. */
interface Gate extends IndirectSizes {
  /** A word: whether they happen. */
  readonly flag: View;
  /** Their workgroups, three words each, as they are where the flag is up. */
  readonly sizes: number[];
  /** Whether a gate within it reads the flag. */
  isRead: boolean;
}

const gateCode = `
@group(0) @binding(0) var<storage, read> parent: array<u32>;
@group(0) @binding(1) var<storage, read> chosen: array<i32>;
@group(0) @binding(2) var<storage, read_write> flag: array<u32>;
@group(0) @binding(3) var<storage, read> table: array<u32>;
@group(0) @binding(4) var<storage, read_write> args: array<u32>;
@group(0) @binding(5) var<uniform> params: vec4<u32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) lane: u32) {
  let index = u32(clamp(chosen[0], 0, i32(params.x)));
  let up = parent[0] != 0u && index == params.y;
  if (lane == 0u) { flag[0] = select(0u, 1u, up); }
  for (var i = lane; i < params.z; i += 64u) { args[i] = select(0u, table[i], up); }
}`;

const copyBindings: readonly BindingKind[] = ["read-only-storage", "storage", "uniform"];

const gateBindings: readonly BindingKind[] = [
  "read-only-storage",
  "read-only-storage",
  "storage",
  "read-only-storage",
  "storage",
  "uniform",
];

/** Copies halves of words: how many, from where, to where. What else is in the words that it writes stays. */
const copyCode = `
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> target_: array<u32>;
@group(0) @binding(2) var<uniform> params: vec4<u32>;
@compute @workgroup_size(64) fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let word = params.z / 2u + (group.y * groups.x + group.x) * 64u + lane;
  let end = params.z + params.x;
  if (2u * word >= end) { return; }
  var both = target_[word];
  for (var h = 0u; h < 2u; h++) {
    let to = 2u * word + h;
    if (to < params.z || to >= end) { continue; }
    let from_ = params.y + to - params.z;
    both = insertBits(both, extractBits(source[from_ / 2u], from_ % 2u * 16u, 16u), h * 16u, 16u);
  }
  target_[word] = both;
}`;

/** Turns of a loop that are submitted before the device is asked whether it is over: doubled each time, up to this. */
const mostTurns = 64;

/** The turns of a scan are submitted while further ones are recorded, so many commands at a time. */
const scanCommands = 1024;

/** Records the commands of a call. */
export class Recorder {
  readonly #device: WebGpuDevice;
  readonly #host: HostCall;
  readonly #call: Call;
  #gate: Gate | null = null;
  /** Temporaries that have not been given back. */
  readonly #temporaries = new Set<Memory>();

  /**
   * @param host Calls a function of the host by its number, from words to words.
   * @param call Whose commands they are.
   */
  constructor(device: WebGpuDevice, host: HostCall, call: Call) {
    this.#device = device;
    this.#host = host;
    this.#call = call;
  }

  /** Runs a program on inputs and into outputs that are there.
   *
   * @param outputs A view for each output; one that takes over an input is that input's.
   */
  *run(
    program: DeviceProgram,
    inputs: readonly View[],
    outputs: readonly View[],
  ): Work {
    const memory: View[] = [];
    program.buffers.forEach((buffer, id) => {
      if (buffer.role === "input") memory[id] = inputs[buffer.position];
      else if (buffer.role === "output") memory[id] = outputs[buffer.position];
    });
    for (const [i, step] of program.steps.entries()) {
      const view = (id: number): View => {
        const { canonical } = program.buffers[id];
        const buffer = program.buffers[canonical];
        return memory[canonical] ??= this.#temporary(bufferBytes(buffer, program.traits));
      };
      switch (step.kind) {
        case "dispatch":
          this.#dispatch(step.kernel, step.kernel.bindings.map((b) => view(b.buffer)), step.params);
          break;
        case "copy": {
          const [from, to] = [view(step.from), view(step.to)];
          const { stretch } = step;
          if (stretch === undefined) this.copy(from, to);
          else {
            const { bytes } = stretch;
            this.copy(part(from, stretch.from, bytes), part(to, stretch.to, bytes));
          }
          break;
        }
        case "control":
          yield* this.#control(step.control, step.operands.map(view), step.results.map(view));
          break;
        case "host":
          this.#place(
            runHostKernel(step.kernel, yield step.operands.map(view), program.traits),
            step.results.map(view),
          );
          break;
        default: {
          const never: never = step;
          return never;
        }
      }
      for (const id of program.dying[i]) if (memory[id] !== undefined) this.#free(memory[id]);
    }
  }

  /** Forgets what was recorded and not submitted. */
  abandon(): void {
    this.#device.queue.abandon(this.#call);
    for (const memory of this.#temporaries) this.#device.pool.recycle(memory);
    this.#temporaries.clear();
  }

  /** A view of memory of its own. */
  #temporary(bytes: number, idle = false): View {
    const memory = this.#device.pool.acquire(bytes, idle);
    this.#temporaries.add(memory);
    return { memory, offset: 0, bytes };
  }

  /** Gives a temporary back; commands recorded from now on may use it. */
  #free({ memory }: View): void {
    this.#temporaries.delete(memory);
    this.#device.pool.recycle(memory);
  }

  /** A temporary with words from the host. */
  #written(words: readonly number[]): View {
    const view = this.#temporary(Math.max(16, words.length * 4), true);
    this.#device.write(view, new Uint8Array(Uint32Array.from(words).buffer));
    return view;
  }

  #dispatch(kernel: Kernel, views: readonly View[], params: readonly number[]): void {
    if (kernel.groups === 0) return;
    const { pipelines, constants } = this.#device;
    const bindings = kernel.params === 0 ? views : [...views, constants.view(params)];
    this.#command(
      kernel.name,
      pipelines.get(kernel.code, () => kindsOf(kernel)),
      bindings,
      groupGrid(kernel.groups),
      kernel,
    );
  }

  #command(
    name: string,
    pipeline: Pipeline,
    bindings: readonly View[],
    groups: readonly [number, number],
    site: object | null,
  ): void {
    const gate = this.#gate;
    let place = 0;
    if (gate !== null) {
      place = gate.sizes.length / 3;
      gate.sizes.push(...groups, 1);
    }
    this.#device.queue.record({
      kind: "dispatch",
      call: this.#call,
      name,
      pipeline,
      bindings,
      site,
      groups,
      indirect: gate,
      place,
    });
  }

  /** Copies between stretches of the same size. */
  copy(from: View, to: View): void {
    if (from.memory === to.memory && from.offset === to.offset) return;
    const { bytes } = from;
    if (this.#gate === null && (bytes | from.offset | to.offset) % 4 === 0) {
      this.#device.queue.record({ kind: "copy", call: this.#call, from, to });
      return;
    }
    // Copies by command take no condition, and whole words. Bindings begin at certain places only: what is before is skipped.
    const words = Math.ceil(bytes / 4) + 1;
    const [source, skipped] = aligned({ ...from, bytes });
    const [target, over] = aligned({ ...to, bytes });
    const params = this.#written([bytes / 2, skipped, over, 0]);
    this.#command(
      "copy",
      this.#device.pipelines.get(copyCode, () => copyBindings),
      [source, target, params],
      groupGrid(Math.ceil(words / 64)),
      null,
    );
    this.#free(params);
  }

  // Control flow

  *#control(
    control: DeviceControl,
    operands: readonly View[],
    results: readonly View[],
  ): Work {
    switch (control.kind) {
      case "scan":
        return yield* this.#scan(control, operands, results);
      case "cond":
        return yield* this.#cond(control.branches, operands, results);
      case "while":
        return yield* this.#while(control, operands, results);
      case "callback":
        return yield* this.#callback(control, operands, results);
      default: {
        const never: never = control;
        return never;
      }
    }
  }

  *#cond(
    branches: readonly DeviceProgram[],
    [chosen, ...given]: readonly View[],
    results: readonly View[],
  ): Work {
    const last = branches.length - 1;
    const operands = [...given];
    branches[0].donors.forEach((donor, i) => {
      if (donor < 0) return;
      this.copy(given[donor], results[i]);
      operands[donor] = results[i];
    });
    if (branches.some((branch) => branch.waits)) {
      const index = Math.max(0, Math.min(last, yield* this.#wordOf(chosen)));
      return yield* this.run(branches[index], operands, results);
    }
    for (const [i, branch] of branches.entries()) {
      yield* this.#gated(chosen, last, i, () => this.run(branch, operands, results));
    }
  }

  /**
   * Records under a gate that is up where the gate above is and the chosen number is this one. Nothing is submitted
   * in between: no program that asks the device anything is recorded under a gate.
   */
  *#gated(
    chosen: View,
    last: number,
    number: number,
    record: () => Work,
  ): Work {
    const parent = this.#gate;
    const { queue, constants, pipelines } = this.#device;
    const gate: Gate = { flag: this.#temporary(4), sizes: [], isRead: false, view: null };
    const at = queue.length;
    this.#gate = gate;
    yield* record();
    this.#gate = parent;
    if (gate.sizes.length === 0) {
      if (!gate.isRead) return this.#free(gate.flag); // nothing depends on it
      gate.sizes.push(0, 0, 0); // memory may not be empty
    }
    if (parent !== null) parent.isRead = true;
    // How many dispatches depend on the gate is known now; the command that sets it goes before them. What it writes
    // is therefore no memory of a temporary that these very dispatches have used and given back.
    const sizes = gate.view = this.#temporary(Math.max(16, gate.sizes.length * 4), true);
    queue.record({
      kind: "dispatch",
      call: this.#call,
      name: "gate",
      pipeline: pipelines.get(gateCode, () => gateBindings),
      bindings: [
        parent === null ? constants.view([1, 0, 0, 0]) : parent.flag,
        chosen,
        gate.flag,
        constants.view(gate.sizes),
        sizes,
        constants.view([last, number, gate.sizes.length, 0]),
      ],
      site: null,
      groups: [1, 1],
      indirect: null,
      place: 0,
    }, at);
    this.#free(sizes);
    this.#free(gate.flag);
  }

  *#scan(
    { body, numConsts, numCarry, length, reverse }: Extract<DeviceControl, { kind: "scan" }>,
    operands: readonly View[],
    results: readonly View[],
  ): Work {
    const consts = operands.slice(0, numConsts);
    // Two places for each carry, by turns; one where the body updates it in place.
    let carry = results.slice(0, numCarry);
    let next = carry.map((view, i) => body.donors[i] >= 0 ? view : this.#temporary(view.bytes));
    const spare = next.filter((view, i) => view !== carry[i]);
    carry.forEach((view, i) => this.copy(operands[numConsts + i], view));
    const inBytes = bytesOf(body, "input");
    const outBytes = bytesOf(body, "output");
    for (let turn = 0; turn < length; turn++) {
      const i = reverse ? length - 1 - turn : turn;
      const temporaries: View[] = [];
      const slice = (whole: View, bytes: number): { view: View; home: View | null } => {
        const home = { memory: whole.memory, offset: whole.offset + i * bytes, bytes };
        // Nothing of the next slice may be in a binding of this one.
        if (home.offset % 256 === 0 && bytes % 16 === 0) return { view: home, home: null };
        const view = this.#temporary(bytes);
        temporaries.push(view);
        return { view, home };
      };
      const xs = operands.slice(numConsts + numCarry).map((whole, k) => {
        const { view, home } = slice(whole, inBytes[numConsts + numCarry + k]);
        if (home !== null) this.copy(home, view);
        return view;
      });
      const ys = results.slice(numCarry).map((whole, k) => slice(whole, outBytes[numCarry + k]));
      yield* this.run(body, [...consts, ...carry, ...xs], [...next, ...ys.map((y) => y.view)]);
      for (const { view, home } of ys) if (home !== null) this.copy(view, home);
      temporaries.forEach((view) => this.#free(view));
      [carry, next] = [next, carry];
      if (this.#device.queue.length > scanCommands && this.#gate === null) {
        this.#device.queue.flush();
      }
    }
    carry.forEach((view, i) => this.copy(view, results[i]));
    spare.forEach((view) => this.#free(view));
  }

  *#while(
    control: Extract<DeviceControl, { kind: "while" }>,
    operands: readonly View[],
    results: readonly View[],
  ): Work {
    const { condition, body, numConditionConsts, numBodyConsts } = control;
    const forCondition = operands.slice(0, numConditionConsts);
    const forBody = operands.slice(numConditionConsts, numConditionConsts + numBodyConsts);
    const initial = operands.slice(numConditionConsts + numBodyConsts);
    results.forEach((view, i) => this.copy(initial[i], view));
    const next = results.map((view, i) => body.donors[i] >= 0 ? view : this.#temporary(view.bytes));
    const goesOn = this.#temporary(4);
    const test = (): Work => this.run(condition, [...forCondition, ...results], [goesOn]);
    const turn = function* (this: Recorder): Work {
      yield* this.run(body, [...forBody, ...results], next);
      next.forEach((view, i) => this.copy(view, results[i]));
    }.bind(this);
    // Where a turn waits anyway, the host asks before each; otherwise several are recorded, each under a gate.
    const together = !condition.waits && !body.waits;
    for (let turns = 1;; turns = Math.min(turns * 2, mostTurns)) {
      for (let i = 0; together && i < turns; i++) {
        yield* test();
        yield* this.#gated(goesOn, 1, 1, turn);
      }
      yield* test();
      if ((yield* this.#wordOf(goesOn)) === 0) break;
      if (!together) yield* turn();
    }
    [goesOn, ...next.filter((view, i) => view !== results[i])].forEach((view) => this.#free(view));
  }

  /** Calls a function of the host, unless it is guarded and its first operand is false. */
  *#callback(
    { id, guarded }: Extract<DeviceControl, { kind: "callback" }>,
    operands: readonly View[],
    results: readonly View[],
  ): Work {
    if (guarded && (yield* this.#wordOf(operands[0])) === 0) return;
    this.#place(this.#host(id, yield operands), results);
  }

  /** Writes what the host computed: before what is recorded from now on, after what is submitted. */
  #place(outs: readonly Uint8Array<ArrayBuffer>[], results: readonly View[]): void {
    this.#device.queue.flush();
    outs.forEach((words, i) => {
      if (words.byteLength > 0) this.#device.write(results[i], words);
    });
  }

  /** A word of the device's memory, as int32; waits for it. */
  *#wordOf({ memory, offset }: View): Work<number> {
    const [bytes] = yield [{ memory, offset, bytes: 4 }];
    return new Int32Array(bytes)[0];
  }
}

/** A stretch of a view. */
function part({ memory, offset }: View, from: number, bytes: number): View {
  return { memory, offset: offset + from, bytes };
}

/** A view that begins where a binding may, and how many halves of words before the given one. */
function aligned({ memory, offset, bytes }: View): [View, number] {
  const skipped = offset % 256;
  return [{ memory, offset: offset - skipped, bytes: bytes + skipped }, skipped / 2];
}

/** Bytes of the elements of inputs, or of outputs, by position. */
function bytesOf(program: DeviceProgram, role: "input" | "output"): number[] {
  const bytes: number[] = [];
  for (const buffer of program.buffers) {
    if (buffer.role === role) bytes[buffer.position] = elementBytes(buffer, program.traits);
  }
  return bytes;
}
