/**
 * Jitted calls that devices run: a program that is nothing but calls of which it was noted what each device does.
 *
 * @module
 */
import { type CompileOptions, jitP, type JitParams } from "../../control/jit_call.ts";
import { checkPresent } from "../../core/device.ts";
import { type ClosedJaxpr, JaxprVar } from "../../core/jaxpr.ts";
import { isOnHost, type Located } from "../../core/placement.ts";
import { PartitionSpec } from "../../core/sharding.ts";
import { deviceFormOf, type SpmdProgram } from "../../core/spmd.ts";
import { shapedArray } from "../../core/aval.ts";
import { getEvaluator } from "../../core/trace.ts";
import { evalClosedJaxpr, stage } from "../../transform/stage.ts";
import { compileByDevices, type SpmdExecutable } from "./compile.ts";

/** A jaxpr, without constants, as a program for several devices; `null` where it is none. */
export function deviceProgramOf(closed: ClosedJaxpr): SpmdProgram | null {
  const { invars, outvars, eqns } = closed.jaxpr;
  const [eqn] = eqns;
  if (eqns.length !== 1 || eqn.primitive !== jitP) return null;
  const { jaxpr } = eqn.params as unknown as JitParams;
  const form = deviceFormOf(jaxpr) ?? deviceProgramOf(jaxpr);
  if (form === null || form.mesh.devices[0].platform !== "cpu") return null;
  const whole = new PartitionSpec();
  const specs = new Map<JaxprVar, PartitionSpec>();
  for (const [i, atom] of eqn.invars.entries()) {
    if (!(atom instanceof JaxprVar)) continue;
    const other = specs.get(atom);
    // One array may be wanted in two ways; then it is all one program.
    if (other !== undefined && String(other) !== String(form.inSpecs[i])) return null;
    specs.set(atom, form.inSpecs[i]);
  }
  const places = outvars.map((v) => eqn.outvars.indexOf(v as JaxprVar));
  if (places.includes(-1)) return null;
  const parts = invars.map((v) => {
    const at = eqn.invars.indexOf(v);
    const { shape, dtype, weakType } = at < 0 ? v.aval : form.closed.inAvals[at];
    return shapedArray(shape, dtype, weakType);
  });
  const local = stage((xs) => {
    const inputs = eqn.invars.map((atom) =>
      atom instanceof JaxprVar
        ? xs[invars.indexOf(atom)]
        : getEvaluator().literal(atom.value, atom.aval.dtype, atom.aval.weakType)
    );
    const outs = evalClosedJaxpr(form.closed, inputs);
    return places.map((at) => outs[at]);
  }, parts);
  return {
    mesh: form.mesh,
    closed: local,
    inSpecs: invars.map((v) => specs.get(v) ?? whole),
    outSpecs: places.map((at) => form.outSpecs[at]),
  };
}

/** Compiles a jitted call for devices; `null` where it is not one that they can run by themselves. */
export function compileForDevices(
  closed: ClosedJaxpr,
  { name, donated }: CompileOptions,
): SpmdExecutable | null {
  const program = deviceProgramOf(closed);
  if (program === null) return null;
  return compileByDevices(program, { name, ...(donated === undefined ? {} : { donated }) });
}

/**
 * Whether devices can take a call's inputs, which must not lie elsewhere than with the processor.
 *
 * @throws {DeviceError} Where a device of the mesh vanished.
 */
export function canRunByDevices(
  { program }: SpmdExecutable,
  inputs: readonly Located[],
  caller: string,
): boolean {
  for (const device of program.mesh.devices) checkPresent(device, `${caller}: a sharding inside`);
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i].placement !== null && !isOnHost(inputs[i])) return false;
  }
  return true;
}
