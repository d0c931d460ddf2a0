/**
 * From a program for several devices to a plan: which code runs when, and where in memory each device finds its values.
 *
 * A part of an argument or result that is contiguous lies in the array itself; others are cut out before, and put together afterwards.
 * A result is written over a donated argument where the step that writes it is the last to read that.
 *
 * @module
 */
import type { NDArray } from "../../core/array.ts";
import { nbytesOf, type ShapedArray } from "../../core/aval.ts";
import {
  type ClosedJaxpr,
  hoistConsts,
  type Jaxpr,
  type JaxprEqn,
  type JaxprVar,
} from "../../core/jaxpr.ts";
import { NamedSharding, type PartitionSpec } from "../../core/sharding.ts";
import type { SpmdProgram } from "../../core/spmd.ts";
import { simplifyJaxpr } from "../../compile/pipeline.ts";
import { getEvaluator } from "../../core/trace.ts";
import { arrayFromTypedArray, MAX_CELLS } from "../concrete.ts";
import type { PpermuteParams } from "../../ops/collective.ts";
import { type Step, type StepCode, stepCode } from "./code.ts";
import { cuttingProgram, exchangeProgram, isEach, joiningProgram } from "./exchange.ts";
import { donateSpent, lastReadsOf, type Overwritable, pairDonations } from "./donation.ts";
import { packRegions, touchesOf } from "./lifetimes.ts";
import {
  type Carry,
  type CopyNode,
  type Node,
  type PlacedValue,
  type Plan,
  type RunNode,
  SCRATCH,
  type Slices,
} from "./nodes.ts";
import { globalAval } from "./reference.ts";
import { type Cut, cutJaxpr, type Segment } from "./segments.ts";
import { collectiveAxis, controlOf, NotByDevices, Places, varianceOf } from "./variance.ts";

const ALIGN = 64;
const align = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/**
 * Plans a program.
 *
 * @param donated Which inputs may be overwritten.
 * @throws {NotByDevices} Where devices cannot run it by themselves.
 */
export function planSpmd(
  program: SpmdProgram,
  name: string,
  donated: readonly boolean[] = [],
): Plan {
  return new Planner(program, name, donated).plan();
}

class Planner {
  readonly #program: SpmdProgram;
  readonly #name: string;
  readonly #places: Places;
  readonly #constRegions = new Map<NDArray, number>();
  readonly #placesAlong = new Map<string, NDArray>();
  readonly #donated: readonly boolean[];
  readonly #values = new Map<number, number>();
  readonly #bases = new Map<number, readonly number[]>();
  readonly #donors = new Map<number, number>();
  #regions = SCRATCH + 1;
  #tableBytes = 0;
  #scratchBytes = 0;
  #callsHost = false;
  readonly #codes = new Set<StepCode>();

  constructor(program: SpmdProgram, name: string, donated: readonly boolean[]) {
    this.#program = program;
    this.#donated = donated;
    this.#name = name;
    this.#places = new Places(program.mesh);
  }

  plan(): Plan {
    const { closed, inSpecs, outSpecs, mesh } = this.#program;
    const inAvals = closed.inAvals.map((aval, i) => globalAval(aval, inSpecs[i], mesh));
    const outAvals = closed.outAvals.map((aval, i) => globalAval(aval, outSpecs[i], mesh));
    const firstInput = this.#regions;
    this.#regions += inAvals.length;
    const firstOutput = this.#regions;
    this.#regions += outAvals.length;
    const nodes: Node[] = [];
    const consts = closed.consts.map((x) => this.#constant(x));
    const ins = inAvals.map((whole, i) =>
      this.#input(whole, closed.inAvals[i], inSpecs[i], firstInput + i, nodes)
    );
    const outs = outAvals.map((whole, i) =>
      this.#output(whole, closed.outAvals[i], outSpecs[i], firstOutput + i)
    );
    const targets = outs.map((o) => o.value);
    const over = this.#overwritable(inAvals, outAvals, firstInput, firstOutput);
    nodes.push(...this.#block(hoistConsts(closed), [...consts, ...ins], targets, over));
    for (const { join } of outs) if (join !== null) nodes.push(join);
    const touches = touchesOf(nodes, this.#bases);
    const donors = outAvals.map((_, o) => this.#donors.get(firstOutput + o) ?? -1);
    if (over !== null) donateSpent(donors, touches, over);
    const { places: values, bytes: valueBytes } = packRegions(this.#values, touches);
    return {
      nodes,
      regions: this.#regions,
      values,
      valueBytes,
      tableBytes: this.#tableBytes,
      scratchBytes: this.#scratchBytes,
      codeBytes: [...this.#codes].reduce((sum, code) => sum + code.codeBytes, 0),
      consts: [...this.#constRegions.keys()],
      constRegions: [...this.#constRegions.values()],
      firstInput,
      firstOutput,
      inAvals,
      outAvals,
      donors,
      callsHost: this.#callsHost,
      sharedCost: [...this.#codes].reduce((sum, code) => sum + code.sharedCost, 0),
    };
  }

  // ---------------------------------------------------------------- places

  #everywhere(region: number, offset = 0): PlacedValue {
    return { region, offsets: Array<number>(this.#places.count).fill(offset), axes: 0 };
  }

  #constant(x: NDArray): PlacedValue {
    let region = this.#constRegions.get(x);
    if (region === undefined) this.#constRegions.set(x, region = this.#regions++);
    return this.#everywhere(region);
  }

  /** Memory among the values: a place for each of the devices that differ. */
  #allocate(aval: ShapedArray, axes: number): PlacedValue {
    const stride = align(nbytesOf(aval));
    const region = this.#region(stride * this.#places.representatives(axes).length);
    return { region, offsets: this.#places.standIns(axes).map((i) => i * stride), axes };
  }

  #region(bytes: number): number {
    this.#values.set(this.#regions, bytes);
    return this.#regions++;
  }

  /** The places of the parts in a whole array, if each is contiguous there. */
  #inside(
    whole: ShapedArray,
    part: ShapedArray,
    spec: PartitionSpec,
    region: number,
  ): PlacedValue | null {
    const boxes = new NamedSharding(this.#program.mesh, spec).boxes(whole.shape);
    const axes = this.#places.axesOf(spec, whole.shape.length);
    const lastSplit = whole.shape.findLastIndex((n, i) => n !== part.shape[i]);
    if (part.size > 0 && part.shape.slice(0, Math.max(0, lastSplit)).some((n) => n > 1)) {
      return null;
    }
    const width = part.size === 0 ? 0 : nbytesOf(part) / part.size;
    const offsets = boxes.map((box) => {
      let at = 0;
      whole.shape.forEach((n, i) => at = at * n + box[i][0]);
      return at * width;
    });
    return { region, offsets, axes };
  }

  #input(
    whole: ShapedArray,
    part: ShapedArray,
    spec: PartitionSpec,
    region: number,
    nodes: Node[],
  ): PlacedValue {
    const inside = this.#inside(whole, part, spec, region);
    if (inside !== null) return inside;
    const axes = this.#places.axesOf(spec, whole.shape.length);
    const value = this.#allocate(part, axes);
    const devices = this.#places.representatives(axes);
    const boxes = new NamedSharding(this.#program.mesh, spec).boxes(whole.shape);
    const cutting = cuttingProgram(whole, devices.map((d) => boxes[d]));
    const outs = devices.map((d) => ({ ...value, at: value.offsets[d] }));
    const source = { region, at: 0 };
    nodes.push(this.#run(cutting, [[source, ...outs]]));
    return value;
  }

  /** Where a result's parts are to be written, and what puts them together then, if that is to do. */
  #output(
    whole: ShapedArray,
    part: ShapedArray,
    spec: PartitionSpec,
    region: number,
  ): { readonly value: PlacedValue; readonly join: Node | null } {
    const inside = this.#inside(whole, part, spec, region);
    if (inside !== null) return { value: inside, join: null };
    const axes = this.#places.axesOf(spec, whole.shape.length);
    const value = this.#allocate(part, axes);
    const devices = this.#places.representatives(axes);
    const boxes = new NamedSharding(this.#program.mesh, spec).boxes(whole.shape);
    const joining = joiningProgram(part, devices.map((d) => boxes[d]));
    const ins = devices.map((d) => ({ region: value.region, at: value.offsets[d] }));
    return { value, join: this.#run(joining, [[...ins, { region, at: 0 }]]) };
  }

  /** Which inputs may be overwritten by which outputs; `null` where none may. */
  #overwritable(
    ins: readonly ShapedArray[],
    outs: readonly ShapedArray[],
    firstInput: number,
    firstOutput: number,
  ): Overwritable | null {
    if (!this.#donated.includes(true)) return null;
    return {
      inputOf: (region) => region - firstInput,
      outputs: outs.map((_, o) => firstOutput + o),
      inputs: ins.flatMap((aval, i) =>
        this.#donated[i] && aval.stored.size > MAX_CELLS ? [firstInput + i] : []
      ),
      mayTake: (input, output) => {
        const [from, to] = [ins[input - firstInput], outs[output - firstOutput]];
        return from !== undefined && to !== undefined && this.#donated[input - firstInput] &&
          from.stored.size > MAX_CELLS && from.size === to.size && from.dtype === to.dtype;
      },
    };
  }

  // ---------------------------------------------------------------- nodes

  /** A node that runs a program for units whose inputs and outputs are given. */
  #run(
    closed: ClosedJaxpr,
    tables: readonly (readonly { readonly region: number; readonly at: number }[])[],
    donated: readonly (number | false)[] = [],
  ): RunNode {
    const units = tables.length;
    const step: Step = { closed, name: this.#name, units, donated };
    const code = stepCode(step);
    this.#codes.add(code);
    this.#callsHost ||= code.callsHost;
    this.#scratchBytes = Math.max(this.#scratchBytes, code.scratchBytes);
    const consts = code.consts.map((x) => ({ region: this.#constant(x).region, at: 0 }));
    const words = tables.flatMap((table) => [...consts, ...table, { region: SCRATCH, at: 0 }]);
    const node: RunNode = {
      kind: "run",
      code,
      step,
      units,
      regions: Int32Array.from(words, (w) => w.region),
      offsets: Float64Array.from(words, (w) => w.at),
      tables: this.#tableBytes,
    };
    this.#tableBytes += align(4 * (units + words.length));
    return node;
  }

  #copy(from: PlacedValue, to: PlacedValue, aval: ShapedArray): CopyNode {
    const devices = this.#places.representatives(to.axes);
    return { kind: "copy", from, to, bytes: nbytesOf(aval), devices };
  }

  /** The nodes of a jaxpr without constants, whose outputs are to be at `targets`. */
  #block(
    closed: ClosedJaxpr,
    ins: readonly PlacedValue[],
    targets: readonly PlacedValue[],
    over: Overwritable | null = null,
  ): Node[] {
    const { jaxpr, consts } = simplifyJaxpr(closed).closed;
    const simplified: Jaxpr = jaxpr.constvars.length === 0
      ? jaxpr
      : hoistConsts({ ...closed, jaxpr, consts }).jaxpr;
    const all = [...consts.map((x) => this.#constant(x)), ...ins];
    const { steps, outvars, axesOf } = cutJaxpr(simplified, all.map((x) => x.axes), this.#places);
    const env = new Map<JaxprVar, PlacedValue>();
    simplified.invars.forEach((v, i) => env.set(v, all[i]));
    const aims = new Map<JaxprVar, PlacedValue>();
    outvars.forEach((v, i) => {
      if (!env.has(v) && !aims.has(v)) aims.set(v, targets[i]);
    });
    const lastReads = over === null ? null : lastReadsOf(steps, outvars);
    const nodes: Node[] = [];
    // Collectives that follow each other, over one axis and the same groups, are one program.
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i];
      if (step.kind === "segment") {
        const dying = (v: JaxprVar) => lastReads?.(v) === i;
        nodes.push(this.#segment(step, env, aims, over, dying));
      } else i += this.#cut(steps, i, env, aims, axesOf, nodes) - 1;
    }
    outvars.forEach((v, i) => {
      const value = env.get(v)!;
      if (value !== targets[i]) nodes.push(this.#copy(value, targets[i], v.aval));
    });
    return nodes;
  }

  /** The place for a value that is made for `axes`: where it is to be in the end, or memory of its own. */
  #placeFor(
    v: JaxprVar,
    axes: number,
    aims: ReadonlyMap<JaxprVar, PlacedValue>,
    env: Map<JaxprVar, PlacedValue>,
  ): PlacedValue {
    const aim = aims.get(v);
    const value = aim !== undefined && aim.axes === axes ? aim : this.#allocate(v.aval, axes);
    env.set(v, value);
    return value;
  }

  #segment(
    { closed, axes, ins, outs }: Segment,
    env: Map<JaxprVar, PlacedValue>,
    aims: ReadonlyMap<JaxprVar, PlacedValue>,
    over: Overwritable | null,
    isDying: (v: JaxprVar) => boolean,
  ): Node {
    const sources = ins.map((v) => env.get(v)!);
    // What is read may lie apart for more devices than it differs between; the results then do too.
    const results = outs.map((v) => this.#placeFor(v, axes, aims, env));
    const tables = this.#places.representatives(axes).map((device) =>
      [...sources, ...results].map(({ region, offsets }) => ({ region, at: offsets[device] }))
    );
    if (over === null) return this.#run(closed, tables);
    const mayTake = (i: number, o: number): boolean =>
      sources[i].axes === axes && isDying(ins[i]) &&
      over.mayTake(sources[i].region, results[o].region) &&
      !this.#donors.has(results[o].region) &&
      sources[i].offsets.every((at, device) => at === results[o].offsets[device]);
    const donated = pairDonations(closed, mayTake);
    const node = this.#run(closed, tables, donated);
    node.code.donors.forEach((i, o) => {
      if (i >= 0) this.#donors.set(results[o].region, over.inputOf(sources[i].region));
    });
    return node;
  }

  /** Adds the nodes of a cut, and of those after it that go with it; gives how many that were. */
  #cut(
    steps: readonly (Segment | Cut)[],
    at: number,
    env: Map<JaxprVar, PlacedValue>,
    aims: ReadonlyMap<JaxprVar, PlacedValue>,
    axesOf: (v: JaxprVar) => number,
    nodes: Node[],
  ): number {
    const { eqn } = steps[at] as Cut;
    const name = collectiveAxis(eqn, this.#places.mesh);
    if (name === null) {
      this.#control(eqn, env, aims, axesOf, nodes);
      return 1;
    }
    const [out] = eqn.outvars;
    if (eqn.primitive.name === "axis_index") {
      env.set(out, this.#indices(name));
      return 1;
    }
    const places = this.#places;
    if (eqn.primitive.name === "ppermute") {
      const from = env.get(eqn.invars[0] as JaxprVar)!;
      const source: number[] = [];
      const { perm } = eqn.params as unknown as PpermuteParams;
      for (const [s, t] of perm) source[t] = s;
      const offsets = from.offsets.map((_, device) => {
        const others = places.along(name, device);
        return from.offsets[others[source[places.placeAlong(name, device)]]];
      });
      env.set(out, { ...from, offsets });
      return 1;
    }
    const axis = places.axis(name);
    const axes = axesOf(out) & ~axis;
    const eqns: JaxprEqn[] = [];
    const atOnce = Math.max(1, Math.floor(MOST_WORDS / places.mesh.sizeOf(name)));
    for (let i = at; i < steps.length && eqns.length < atOnce; i++) {
      const step = steps[i];
      if (step.kind !== "cut" || collectiveAxis(step.eqn, places.mesh) !== name) break;
      const { name: primitive } = step.eqn.primitive;
      if (primitive === "axis_index" || primitive === "ppermute") break;
      if ((axesOf(step.eqn.outvars[0]) & ~axis) !== axes) break;
      eqns.push(step.eqn);
    }
    const outs = eqns.map((e) => {
      const [v] = e.outvars;
      return this.#placeFor(v, isEach(e) ? axes | axis : axes, aims, env);
    });
    const tables = places.representatives(axes).map((device) => {
      const members = places.along(name, device);
      const table = eqns.flatMap((e) => {
        const { region, offsets } = env.get(e.invars[0] as JaxprVar)!;
        return members.map((member) => ({ region, at: offsets[member] }));
      });
      outs.forEach(({ region, offsets }, i) => {
        const owners = isEach(eqns[i]) ? members : [device];
        for (const owner of owners) table.push({ region, at: offsets[owner] });
      });
      return table;
    });
    nodes.push(this.#run(exchangeProgram(eqns, places.mesh.sizeOf(name)), tables));
    return eqns.length;
  }

  /** Each device's place along an axis. */
  #indices(name: string): PlacedValue {
    let places = this.#placesAlong.get(name);
    if (places === undefined) {
      places = arrayFromTypedArray(
        Int32Array.from({ length: this.#places.mesh.sizeOf(name) }, (_, i) => i),
      );
      getEvaluator().keepAlive(places);
      this.#placesAlong.set(name, places);
    }
    const { region, offsets } = this.#constant(places);
    return {
      region,
      offsets: offsets.map((_, device) => 4 * this.#places.placeAlong(name, device)),
      axes: this.#places.axis(name),
    };
  }

  // ---------------------------------------------------------------- loops

  #control(
    eqn: JaxprEqn,
    env: Map<JaxprVar, PlacedValue>,
    aims: ReadonlyMap<JaxprVar, PlacedValue>,
    axesOf: (v: JaxprVar) => number,
    nodes: Node[],
  ): void {
    const control = controlOf(eqn);
    const ins = eqn.invars.map((v) => env.get(v as JaxprVar)!);
    const outs = eqn.outvars.map((v) => this.#placeFor(v, axesOf(v), aims, env));
    if (control.kind === "cond") {
      if (axesOf(eqn.invars[0] as JaxprVar) !== 0) {
        throw new NotByDevices("a branch with collectives inside that devices choose differently");
      }
      const branches = control.params.branches.map((b) => this.#block(b, ins.slice(1), outs));
      nodes.push({ kind: "cond", index: ins[0], branches });
      return;
    }
    if (control.kind === "scan") {
      const { jaxpr, length, reverse, numConsts, numCarry } = control.params;
      const consts = ins.slice(0, numConsts);
      const init = ins.slice(numConsts, numConsts + numCarry);
      const slices: Slices[] = [];
      const sliced = (value: PlacedValue, aval: ShapedArray): PlacedValue => {
        const region = this.#regions++;
        this.#bases.set(region, [value.region]);
        slices.push({ region, of: value.region, stride: nbytesOf(aval) });
        return { ...value, region };
      };
      const xs = ins.slice(numConsts + numCarry).map((x, i) =>
        sliced(x, jaxpr.inAvals[numConsts + numCarry + i])
      );
      const ys = outs.slice(numCarry).map((y, i) => sliced(y, jaxpr.outAvals[numCarry + i]));
      const avals = jaxpr.outAvals.slice(0, numCarry);
      const { carry, before, after } = this.#carry(init, outs.slice(0, numCarry), avals);
      const body = this.#block(jaxpr, [...consts, ...before, ...xs], [...after, ...ys]);
      nodes.push({ kind: "scan", length, reverse, carry, slices, body });
      return;
    }
    const { condJaxpr, bodyJaxpr, condNconsts, bodyNconsts } = control.params;
    const init = ins.slice(condNconsts + bodyNconsts);
    const { carry, before, after } = this.#carry(init, outs, bodyJaxpr.outAvals);
    const conditionIns = [...ins.slice(0, condNconsts), ...before];
    // Places may lie apart where values do not differ.
    const tested = [...eqn.invars.slice(0, condNconsts), ...eqn.outvars] as JaxprVar[];
    const differs = varianceOf(condJaxpr.jaxpr, tested.map(axesOf), this.#places)(
      condJaxpr.jaxpr.outvars[0],
    );
    if (differs !== 0) {
      throw new NotByDevices(
        "a loop with collectives inside that devices leave at different times",
      );
    }
    const predicate = this.#allocate(condJaxpr.outAvals[0], 0);
    const condition = this.#block(condJaxpr, conditionIns, [predicate]);
    const body = this.#block(
      bodyJaxpr,
      [...ins.slice(condNconsts, condNconsts + bodyNconsts), ...before],
      after,
    );
    nodes.push({ kind: "while", carry, condition, predicate, body });
  }

  #carry(
    init: readonly PlacedValue[],
    outs: readonly PlacedValue[],
    avals: readonly ShapedArray[],
  ): { carry: Carry; before: PlacedValue[]; after: PlacedValue[] } {
    let bytes = 0;
    const values = outs.map(({ axes }, i): Omit<PlacedValue, "region"> => {
      const [from, stride] = [bytes, align(nbytesOf(avals[i]))];
      bytes += stride * this.#places.representatives(axes).length;
      return { axes, offsets: this.#places.standIns(axes).map((k) => from + k * stride) };
    });
    const homes = [this.#region(bytes), this.#region(bytes)] as const;
    const turning = (): PlacedValue[] => {
      const region = this.#regions++;
      this.#bases.set(region, homes);
      return values.map((v) => ({ ...v, region }));
    };
    const [one, before] = [this.#regions, turning()];
    const [other, after] = [this.#regions, turning()];
    return {
      carry: {
        before: one,
        after: other,
        homes,
        first: init.map((x, i) => this.#copy(x, before[i], avals[i])),
        last: outs.map((x, i) => this.#copy(before[i], x, avals[i])),
      },
      before,
      after,
    };
  }
}

/** Addresses that a program of collectives takes at most. */
const MOST_WORDS = 512;
