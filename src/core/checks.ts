/**
 * Checks that cost time and are off unless asked for; the tests ask for all of them.
 *
 * @module
 */

/** Which checks are on. */
export interface Checks {
  /** Verify every jaxpr and every program after each pass that makes one. */
  verify: boolean;
  /** Refuse operands of different dtypes instead of promoting them (host numbers are still welcome). */
  strictPromotion: boolean;
}

const checks: Checks = { verify: false, strictPromotion: false };

/** The checks in force. */
export function currentChecks(): Readonly<Checks> {
  return checks;
}

/** Switches checks on or off; gives the ones that were in force. */
export function setChecks(change: Partial<Checks>): Checks {
  const previous = { ...checks };
  Object.assign(checks, change);
  return previous;
}
