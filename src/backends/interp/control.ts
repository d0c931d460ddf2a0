/**
 * Control flow in the interpreter: inner programs run on parts of the arrays.
 *
 * @module
 */
import type { TypedArray } from "../../core/dtype.ts";
import type { Control, Program } from "../../loopnest/ir.ts";

/** Runs an inner program. */
export type RunInner = (program: Program, inputs: readonly TypedArray[]) => TypedArray[];

/** Calls a function of the host by its number: it reads `ins` and gives what the results are to hold. */
export type HostCall = (id: number, ins: readonly TypedArray[]) => readonly TypedArray[];

/** Runs control flow, or calls the host. */
export function runControl(
  { control, operands, results }: Control,
  memory: readonly TypedArray[],
  run: RunInner,
  host: HostCall,
): void {
  const ins = operands.map((b) => memory[b]!);
  const outs = results.map((b) => memory[b]!);
  const write = (values: readonly TypedArray[]) =>
    values.forEach((x, i) => outs[i]!.set(x as never));
  switch (control.kind) {
    case "scan": {
      const { body, numConsts, numCarry, length, reverse } = control;
      const consts = ins.slice(0, numConsts);
      let carry = ins.slice(numConsts, numConsts + numCarry);
      const slice = (x: TypedArray, i: number) => {
        const size = x.length / length;
        return x.subarray(i * size, (i + 1) * size);
      };
      for (let turn = 0; turn < length; turn++) {
        const i = reverse ? length - 1 - turn : turn;
        const xs = ins.slice(numConsts + numCarry).map((x) => slice(x, i));
        const values = run(body, [...consts, ...carry, ...xs]);
        carry = values.slice(0, numCarry);
        values.slice(numCarry).forEach((y, k) => slice(outs[numCarry + k]!, i).set(y as never));
      }
      return write(carry);
    }
    case "while": {
      const { condition, body, numConditionConsts, numBodyConsts } = control;
      const forCondition = ins.slice(0, numConditionConsts);
      const forBody = ins.slice(numConditionConsts, numConditionConsts + numBodyConsts);
      let carry = ins.slice(numConditionConsts + numBodyConsts);
      while (run(condition, [...forCondition, ...carry])[0]![0] !== 0) {
        carry = run(body, [...forBody, ...carry]);
      }
      return write(carry);
    }
    case "cond": {
      const last = control.branches.length - 1;
      const index = Math.max(0, Math.min(last, ins[0]![0] as number));
      return write(run(control.branches[index]!, ins.slice(1)));
    }
    case "callback":
      if (!control.guarded || ins[0]![0] !== 0) write(host(control.id, ins));
      return;
    default: {
      const never: never = control;
      return never;
    }
  }
}
