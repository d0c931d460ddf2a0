/**
 * Equinox's tests of abstract Modules. TypeScript's `abstract` is checked when compiling; `static abstractMembers` is
 * checked at run time.
 *
 * @module
 */
import { assertEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";

const { tree } = vn;
type Loose = new (...args: unknown[]) => vn.Module;

Deno.test("equinox/abstract/test_abstract_method: a method that no subclass defines", () => {
  abstract class A extends vn.Module {
    static abstractMembers = ["x"];
    abstract x(): void;
  }
  class B extends (A as unknown as Loose) {}
  class C extends A {
    override x(): void {}
  }
  // @ts-expect-error -- abstract to TypeScript too
  assertThrows(() => new A(), vn.ModuleError, "cannot instantiate A: it leaves abstract 'x' open");
  assertThrows(
    () => tree.leaves(new B()),
    vn.ModuleError,
    "cannot instantiate B: it leaves abstract 'x' open",
  );
  assertEquals(tree.leaves(new C()), []);
});

Deno.test("equinox/abstract/test_abstract_attribute: a field, which a field or an accessor fills", () => {
  abstract class A extends vn.Module {
    static abstractMembers = ["x"];
    abstract readonly x: boolean;
  }
  class B extends (A as unknown as Loose) {
    y = 2;
  }
  class C extends A {
    readonly y: string;
    readonly x: boolean;
    constructor(y: string, x: boolean) {
      super();
      this.y = y;
      this.x = x;
    }
  }
  class E extends A {
    y = "hi";
    get x(): boolean {
      return true;
    }
  }
  abstract class G extends A {
    static override abstractMembers = ["z"];
  }
  class H extends (G as unknown as Loose) {
    x = true;
  }
  // @ts-expect-error -- abstract to TypeScript too
  assertThrows(() => new A(), vn.ModuleError, "abstract 'x'");
  assertThrows(
    () => tree.leaves(new B()),
    vn.ModuleError,
    "cannot instantiate B: it leaves abstract 'x' open",
  );
  assertThrows(
    () => tree.leaves(new H()),
    vn.ModuleError,
    "cannot instantiate H: it leaves abstract 'z' open",
  );
  const c = new C("hi", true);
  assertEquals([c.x, c.y, tree.leaves(c)], [true, "hi", ["hi", true]]);
  const e = new E();
  assertEquals([e.x, tree.leaves(e)], [true, ["hi"]]);
});

Deno.test("equinox/abstract/test_abstract_class_attribute: a static member, on the class", () => {
  abstract class A extends vn.Module {
    static abstractMembers = ["size"];
  }
  class B extends (A as unknown as Loose) {
    y = 1;
  }
  class E extends (A as unknown as Loose) {
    static size = 3;
    y = 1;
  }
  assertThrows(
    () => tree.leaves(new B()),
    vn.ModuleError,
    "cannot instantiate B: it leaves abstract 'size' open",
  );
  assertEquals(tree.leaves(new E()), [1]);
});
