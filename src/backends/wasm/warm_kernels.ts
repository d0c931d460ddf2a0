/**
 * Makes V8 compile matrix products well before they are needed. Compiled code belongs to the module, not to the instance,
 * so that an instance on a memory of its own can be run for the purpose.
 *
 * @module
 */
import { type Dot, innerPrograms, type Program } from "../../loopnest/ir.ts";
import { instantiateKernels } from "./kernel_library.ts";

/** A product as small as still takes the way through the kernels that its sizes and strides lead to. */
interface Form {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly isLhsTransposed: boolean;
  readonly isRhsTransposed: boolean;
}

/** Sizes up to which forms differ (`kernels/gemm/`): more rows than are few, and an operand that is large enough to be packed. */
const most = { m: 96, n: 64, k: 128 };
/** Bytes of the memory: operands, result and scratch of such a form. */
const memoryPages = 4;
/** Milliseconds that are spent at most: V8 changes to better code after 13 MB of instructions of a function or so. */
const patience = 8;

/** Forms that were run. */
const warm = new Set<string>();

function formOf({ m, n, k, lhs, rhs }: Dot): Form {
  return {
    m: Math.min(m, most.m),
    n: Math.min(n, most.n),
    k: Math.min(k, most.k),
    isLhsTransposed: lhs.colStride !== 1,
    isRhsTransposed: rhs.colStride !== 1,
  };
}

/** The forms of a program's products of float32, each once, that were not run before. */
function newForms(program: Program, forms: Map<string, Form> = new Map()): Map<string, Form> {
  for (const step of program.steps) {
    if (step.kind === "control") {
      for (const inner of innerPrograms(step.control)) newForms(inner, forms);
    } else if (step.kind === "dot" && step.dtype === "float32") {
      const form = formOf(step);
      const key = Object.values(form).join();
      if (!warm.has(key)) forms.set(key, form);
    }
  }
  return forms;
}

/** Something to do while the compiler works on a program: runs the kinds of products that it has, until `isOver` or some milliseconds are. */
export function warmProducts(program: Program, isOver: () => boolean): void {
  const forms = newForms(program);
  if (forms.size === 0) return;
  for (const key of forms.keys()) warm.add(key);
  const memory = new WebAssembly.Memory({
    initial: memoryPages,
    maximum: memoryPages,
    shared: true,
  });
  const { gemm_f32: multiply } = instantiateKernels(memory);
  const end = performance.now() + patience;
  while (performance.now() < end) {
    for (const { m, n, k, isLhsTransposed, isRhsTransposed } of forms.values()) {
      if (isOver()) return;
      const [a, b, c] = [0, 4 * m * k, 4 * (m * k + k * n)];
      const scratch = c + 4 * m * n;
      const [ars, acs] = isLhsTransposed ? [1, m] : [k, 1];
      const [brs, bcs] = isRhsTransposed ? [1, k] : [n, 1];
      multiply(m, n, k, a, ars, acs, b, brs, bcs, c, n, scratch, 0);
    }
  }
}
