/**
 * A stand-in for `@std/testing/bdd`: `describe` and `it` as steps of a `Deno.test`, with hooks.
 *
 * @module
 */

/** A test's body, or a hook. */
export type TestBody = (t: Deno.TestContext) => void | Promise<void>;

/** A hook: it runs around tests and is given nothing. */
export type Hook = () => void | Promise<void>;

interface Case {
  readonly kind: "case";
  readonly name: string;
  readonly body: TestBody;
  readonly ignore: boolean;
}

interface Suite {
  readonly kind: "suite";
  readonly name: string;
  readonly ignore: boolean;
  readonly children: (Suite | Case)[];
  readonly hooks: Record<HookKind, Hook[]>;
}

type HookKind = "beforeAll" | "beforeEach" | "afterEach" | "afterAll";

/** The suite whose `describe` callback is running now. */
let current: Suite | null = null;

/** What `it` and `describe` have beside being called. */
export interface Registrar<F> {
  /** Registers it to be skipped. */
  (name: string, fn: F): void;
  /** Registers it and skips it when the suite runs. */
  ignore(name: string, fn: F): void;
  /** The same as `ignore`. */
  skip(name: string, fn: F): void;
}

function addCase(name: string, body: TestBody, ignore: boolean): void {
  if (current === null) Deno.test({ name, fn: body, ignore });
  else current.children.push({ kind: "case", name, body, ignore });
}

function addSuite(name: string, define: () => void, ignore: boolean): void {
  const suite: Suite = {
    kind: "suite",
    name,
    ignore,
    children: [],
    hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] },
  };
  const outer = current;
  current = suite;
  try {
    define();
  } finally {
    current = outer;
  }
  if (outer !== null) outer.children.push(suite);
  else Deno.test({ name, ignore, fn: (t) => runSuite(suite, t, [], []) });
}

async function runAll(hooks: readonly Hook[]): Promise<void> {
  for (const hook of hooks) await hook();
}

async function runSuite(
  suite: Suite,
  t: Deno.TestContext,
  before: readonly Hook[],
  after: readonly Hook[],
): Promise<void> {
  const beforeEach = [...before, ...suite.hooks.beforeEach];
  // The innermost `afterEach` runs first: it tidies what the innermost `beforeEach` made.
  const afterEach = [...suite.hooks.afterEach, ...after];
  await runAll(suite.hooks.beforeAll);
  try {
    for (const child of suite.children) {
      await t.step({
        name: child.name,
        ignore: child.ignore,
        fn: async (step) => {
          if (child.kind === "suite") return await runSuite(child, step, beforeEach, afterEach);
          await runAll(beforeEach);
          try {
            await child.body(step);
          } finally {
            await runAll(afterEach);
          }
        },
      });
    }
  } finally {
    await runAll(suite.hooks.afterAll);
  }
}

function addHook(kind: HookKind, hook: Hook): void {
  if (current === null) throw new TypeError(`${kind}: to be called inside of describe`);
  current.hooks[kind].push(hook);
}

/** A group of tests. */
export const describe: Registrar<() => void> = Object.assign(
  (name: string, define: () => void) => addSuite(name, define, false),
  {
    ignore: (name: string, define: () => void) => addSuite(name, define, true),
    skip: (name: string, define: () => void) => addSuite(name, define, true),
  },
);

/** A test. */
export const it: Registrar<TestBody> = Object.assign(
  (name: string, body: TestBody) => addCase(name, body, false),
  {
    ignore: (name: string, body: TestBody) => addCase(name, body, true),
    skip: (name: string, body: TestBody) => addCase(name, body, true),
  },
);

/** A test; another name of {@linkcode it}. */
export const test: Registrar<TestBody> = it;

/** Runs once before the tests of the suite. */
export function beforeAll(hook: Hook): void {
  addHook("beforeAll", hook);
}

/** Runs before each test of the suite and of those inside it. */
export function beforeEach(hook: Hook): void {
  addHook("beforeEach", hook);
}

/** Runs after each test of the suite and of those inside it. */
export function afterEach(hook: Hook): void {
  addHook("afterEach", hook);
}

/** Runs once after the tests of the suite. */
export function afterAll(hook: Hook): void {
  addHook("afterAll", hook);
}

/** Another name of {@linkcode beforeAll}. */
export function before(hook: Hook): void {
  addHook("beforeAll", hook);
}

/** Another name of {@linkcode afterAll}. */
export function after(hook: Hook): void {
  addHook("afterAll", hook);
}
