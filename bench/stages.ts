/**
 * Where the time of a first call goes: looks over the shoulder of what compiles.
 *
 * @module
 */
import { installJitBackend, jitBackend } from "../src/control/jit_call.ts";

/** What watches. */
export interface Stages {
  /** Makes a call; only the first one is watched. */
  call(run: () => unknown): unknown;
  /** Milliseconds by stage, once the call is over. */
  facts(): Record<string, number>;
}

/** Puts itself between the traced calls and what compiles them. */
export function watchStages(): Stages {
  const backend = jitBackend();
  const stages: Record<string, number> = {};
  let [total, compiling, running] = [NaN, 0, 0];
  installJitBackend({
    ...backend,
    compile(closed, options) {
      const start = performance.now();
      const program = backend.compile(closed, options);
      compiling += performance.now() - start;
      for (const [name, ms] of Object.entries(program.timings)) {
        stages[name] = (stages[name] ?? 0) + ms;
      }
      return {
        ...program,
        run(inputs) {
          const from = performance.now();
          const outputs = program.run(inputs);
          if (Number.isNaN(total)) running += performance.now() - from;
          return outputs;
        },
      };
    },
  });
  return {
    call(run) {
      const start = performance.now();
      const result = run();
      if (Number.isNaN(total)) total = performance.now() - start;
      return result;
    },
    facts() {
      const { build = 0, encode = 0, wait = 0, module = 0 } = stages;
      const sum = (...names: string[]) => names.reduce((ms, name) => ms + (stages[name] ?? 0), 0);
      const simplify = sum("inline", "simplify", "unused");
      const schedule = sum("lower", "fuse", "order", "nests", "buffers", "emit");
      return {
        "traceMs": total - compiling - running,
        "simplifyMs": simplify,
        "scheduleMs": schedule,
        // The worker builds and encodes; whatever else the call waits for is its loading.
        "wait for the compilerMs": wait - build - encode,
        "build the moduleMs": build,
        "encodeMs": encode,
        "WebAssembly.ModuleMs": module,
        "instantiate and restMs": compiling - simplify - schedule - wait - module,
        "runMs": running,
      };
    },
  };
}
