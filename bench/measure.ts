/**
 * How one piece of work is timed: warm until the engine's optimiser is done, then the median of several
 * samples, each of as many calls as it takes to outlast the clock's noise.
 *
 * @module
 */

/** How long to warm and how many samples to take. */
export interface Plan {
  /** Seconds of running before anything is measured. */
  readonly warm: number;
  /** The least number of samples. */
  readonly samples: number;
  /** Seconds that one sample lasts at least. */
  readonly sample: number;
  /** Seconds after which no further sample is begun, once there are enough. */
  readonly most: number;
}

/** The plan of a run whose figures are to be kept. */
export const careful: Plan = { warm: 1.5, samples: 7, sample: 0.02, most: 1 };

/** The plan of a run that only shows that everything works. */
export const quick: Plan = { warm: 0.1, samples: 3, sample: 0.005, most: 0.1 };

/** What was measured, in seconds per call. */
export interface Timing {
  readonly median: number;
  readonly least: number;
  readonly quartiles: readonly [number, number];
  readonly samples: number;
  readonly callsPerSample: number;
}

/**
 * Times `run`; what it returns is awaited when it is a promise.
 *
 * @param settle Waits for what `run` only began; called once for each sample, which it is part of.
 */
export async function measure(
  run: () => unknown,
  plan: Plan,
  settle?: () => Promise<void>,
): Promise<Timing> {
  let calls = 0;
  const start = performance.now();
  do {
    const pending = run();
    if (pending instanceof Promise) await pending;
    calls++;
    // After 1, 2, 4, … calls, so that what is begun does not pile up without end.
    if (settle !== undefined && (calls & (calls - 1)) === 0) await settle();
  } while (performance.now() - start < plan.warm * 1000);
  await settle?.();
  // The later half of the warm-up tells how long a call takes better than its average does, but only a
  // sample's length depends on it.
  const perCall = (performance.now() - start) / 1000 / calls;
  const callsPerSample = Math.max(1, Math.ceil(plan.sample / perCall));

  // Work of seconds is far above the clock's noise.
  const least = perCall > 1 ? Math.min(3, plan.samples) : plan.samples;

  const seconds: number[] = [];
  const begin = performance.now();
  while (
    seconds.length < least ||
    (seconds.length < 101 && performance.now() - begin < plan.most * 1000)
  ) {
    const from = performance.now();
    for (let i = 0; i < callsPerSample; i++) {
      const pending = run();
      if (pending instanceof Promise) await pending;
    }
    await settle?.();
    seconds.push((performance.now() - from) / 1000 / callsPerSample);
  }
  seconds.sort((a, b) => a - b);
  return {
    median: quantile(seconds, 0.5),
    least: seconds[0]!,
    quartiles: [quantile(seconds, 0.25), quantile(seconds, 0.75)],
    samples: seconds.length,
    callsPerSample,
  };
}

/** The q-quantile of sorted numbers, interpolated. */
export function quantile(sorted: readonly number[], q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
}
