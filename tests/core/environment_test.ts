/**
 * Variables of the environment are read without a question, and without loading anything.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { environmentVariable } from "../../src/core/environment.ts";

Deno.test("a variable is read where that is permitted; unset and empty ones are undefined", () => {
  Deno.env.set("VERNAL_TEST", "value");
  Deno.env.set("VERNAL_TEST_EMPTY", "");
  assertEquals(environmentVariable("VERNAL_TEST"), "value");
  assertEquals(environmentVariable("VERNAL_TEST_EMPTY"), undefined);
  assertEquals(environmentVariable("VERNAL_TEST_UNSET"), undefined);
});

Deno.test({
  name: "a variable that may not be read is undefined",
  permissions: { env: false },
  fn: () => assertEquals(environmentVariable("VERNAL_TEST"), undefined),
});

Deno.test("Deno's variables are read without loading Node's process", () => {
  const usual = Object.getOwnPropertyDescriptor(globalThis, "process")!;
  let loads = 0;
  Object.defineProperty(globalThis, "process", {
    configurable: true,
    get: () => {
      loads++;
      return undefined;
    },
  });
  try {
    environmentVariable("VERNAL_TEST");
  } finally {
    Object.defineProperty(globalThis, "process", usual);
  }
  assertEquals(loads, 0);
});
