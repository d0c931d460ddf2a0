/**
 * Equinox's tests of Modules. Where Python has `__init__`, keyword arguments and dataclasses, these have constructors.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import * as vn from "../../mod.ts";
import { markTransformed } from "../../src/tree/callable.ts";
import { Linear, same } from "./layers.ts";

const np = vn.numpy;
const { tree } = vn;

/** Runs `fn` and returns the warnings it gave. */
function warningsOf(fn: () => unknown): string[] {
  const messages: string[] = [];
  const previous = vn.setWarningHandler((message) => messages.push(message));
  try {
    fn();
  } finally {
    vn.setWarningHandler(previous);
  }
  return messages;
}

class Weight extends vn.Module {
  weight: unknown;
  constructor(weight: unknown) {
    super();
    this.weight = weight;
  }
}

Deno.test("equinox/module/test_module_not_enough_attributes: a field that is never set is an error", () => {
  const untyped = Weight as unknown as new () => Weight;
  const message = "field 'weight' was not initialized";
  assertThrows(() => tree.leaves(new untyped()), vn.ModuleError, message);
  class MyModule2 extends vn.Module {
    weight!: unknown;
  }
  assertThrows(
    () => tree.leaves(new MyModule2()),
    vn.ModuleError,
    "field 'weight' was not initialized",
  );
});

Deno.test("equinox/module/test_module_too_many_attributes: a field that is not declared is an error", () => {
  class MyModule2 extends vn.Module {
    weight: unknown;
    constructor(weight: unknown) {
      super();
      this.weight = weight;
      // @ts-expect-error -- not declared
      this.somethingElse = true;
    }
  }
  assertThrows(() => new MyModule2(1), vn.ModuleError, "cannot assign to field 'somethingElse'");
});

Deno.test("equinox/module/test_module_setattr_after_init: no assignment after construction", () => {
  const m = new Weight(1);
  // @ts-expect-error -- not declared
  assertThrows(() => m.asdf = true, vn.ModuleError, "cannot assign to field 'asdf'");
  assertThrows(() => m.weight = 2, vn.ModuleError, "cannot assign to field 'weight'");
  assertEquals(m.weight, 1);
});

Deno.test("equinox/module/test_wrong_attribute: a misspelt field is an error", () => {
  class MyModule extends vn.Module {
    weight!: unknown;
    constructor(value: unknown) {
      super();
      // @ts-expect-error -- not declared
      this.notWeight = value;
    }
  }
  assertThrows(() => new MyModule(1), vn.ModuleError, "cannot assign to field 'notWeight'");
});

Deno.test("equinox/module/test_inheritance: fields of the superclass first, constructors inherited", () => {
  class Two extends Weight {
    weight2: unknown;
    constructor(weight: unknown, weight2: unknown) {
      super(weight);
      this.weight2 = weight2;
    }
  }
  const m = new Two(1, 2);
  assertEquals([m.weight, m.weight2], [1, 2]);
  assertEquals(tree.leaves(m), [1, 2]);
  class Inherits extends Weight {}
  assertEquals(new Inherits(5).weight, 5);
  class Reordered extends Two {
    weight3: unknown = 3;
    constructor() {
      super(10, 20);
    }
  }
  assertEquals(tree.leaves(new Reordered()), [10, 20, 3]);
});

Deno.test("equinox/module/test_method_assignment: a bound method of the instance is refused", () => {
  class A extends vn.Module {
    foo: unknown;
    x: vn.NDArray;
    constructor(x: vn.NDArray, how: "native" | "tree") {
      super();
      this.foo = how === "native" ? this.bar.bind(this) : vn.method(this as A, "bar");
      this.x = x;
    }
    bar(): vn.NDArray {
      return this.x.add(1);
    }
  }
  for (const how of ["native", "tree"] as const) {
    assertThrows(
      () => tree.leaves(new A(np.array(3), how)),
      vn.ModuleError,
      "cannot assign a method of the instance to its field 'foo'",
    );
  }
});

Deno.test("equinox/module/test_method_assignment2: nor by way of the superclass's constructor", () => {
  class Component extends vn.Module {
    transform: unknown;
    constructor(transform: unknown) {
      super();
      this.transform = transform;
    }
  }
  class SubComponent extends Component {
    test: unknown;
    constructor() {
      super(null);
      this.test = (x: number) => 2 * x;
      this.transform = this.own.bind(this);
    }
    own(x: number): number {
      return x;
    }
  }
  assertThrows(() => tree.leaves(new SubComponent()), vn.ModuleError, "its field 'transform'");
});

Deno.test("equinox/module/test_method_access_during_init: methods may be called in the constructor", () => {
  let called = false;
  class Foo extends vn.Module {
    constructor() {
      super();
      this.method();
    }
    method(): void {
      called = true;
    }
  }
  tree.leaves(new Foo());
  assert(called);
});

Deno.test("equinox/module/test_static_field: no leaf, and kept", () => {
  class MyModule extends vn.Module {
    static fields = { field2: vn.field({ static: true }), field3: vn.field({ static: true }) };
    field1: number;
    field2: number;
    field3 = 3;
    constructor(field1: number, field2: number) {
      super();
      this.field1 = field1;
      this.field2 = field2;
    }
  }
  const [leaves, treedef] = tree.flatten(new MyModule(1, 2));
  assertEquals(leaves, [1]);
  const rebuilt = tree.unflatten(treedef, leaves) as MyModule;
  assertEquals([rebuilt.field1, rebuilt.field2, rebuilt.field3], [1, 2, 3]);
});

Deno.test("equinox/module/test_converter: runs after the constructor", () => {
  let typeInside = "";
  class MyModule extends vn.Module {
    static fields = { field: vn.field({ converter: (x: number) => np.array(x) }) };
    field: unknown;
    constructor(a: number) {
      super();
      this.field = a;
      typeInside = typeof this.field;
    }
  }
  assert(same(new MyModule(1).field, np.array(1)));
  assertEquals(typeInside, "number");
});

Deno.test("equinox/module/test_wrap_method: a bound method is a Module with its object's leaves", () => {
  class MyModule extends vn.Module {
    a = 13;
    f(b: number): number {
      return this.a + b;
    }
  }
  const f = vn.method(new MyModule(), "f");
  assert(f instanceof vn.Module);
  const [leaves, treedef] = tree.flatten(f);
  assertEquals(leaves, [13]);
  assertEquals((tree.unflatten(treedef, leaves) as typeof f).call(2), 15);
});

Deno.test("equinox/module/test_eq_method: bound methods of equal objects are equal", () => {
  class B extends vn.Module {
    f(): void {}
    g(): void {}
  }
  assertStrictEquals(vn.treeEqual(vn.method(new B(), "f"), vn.method(new B(), "f")), true);
  assertStrictEquals(vn.treeEqual(vn.method(new B(), "f"), vn.method(new B(), "g")), false);
});

Deno.test("equinox/module/test_wrapper_attributes: a transformed function keeps its name through a jit", () => {
  function f(x: vn.NDArray): vn.NDArray {
    return x.sum();
  }
  for (const wrapper of [vn.filterJit, vn.filterGrad, vn.filterValueAndGrad, vn.filterVmap]) {
    let name = "";
    vn.filterJit((k: { name: string }) => {
      name = k.name;
    })((wrapper as (f: unknown) => { name: string })(f));
    assertEquals(name, "f");
  }
});

Deno.test("equinox/module/test_subclass_static: inherited fields stay static", () => {
  class A extends vn.Module {
    static fields = { foo: vn.field({ static: true }) };
    foo = 1;
  }
  class B extends A {}
  assertEquals(tree.leaves(new B()), []);
});

Deno.test("equinox/module/test_flatten_with_keys: paths are fields and indices", () => {
  class A extends vn.Module {
    static fields = { bar: vn.field({ static: true }) };
    foo = 1;
    bar = 2;
    qux = [3];
  }
  const [entries] = tree.flattenWithPath(new A());
  assertEquals(entries, [
    [[{ kind: "field", name: "foo" }], 1],
    [[{ kind: "field", name: "qux" }, { kind: "index", index: 0 }], 3],
  ]);
});

Deno.test("equinox/module/test_wrapped: transformed Modules are trees of their weights", () => {
  const [x, y] = [0, 1].map((seed) => vn.filter(vn.filterVmap(new Linear(2, 2, seed)), vn.isArray));
  const sum = tree.map((a: vn.NDArray, b: vn.NDArray) => a.add(b), x, y);
  assertEquals(tree.leaves(sum).length, 2);
});

class FooException extends Error {}

function checks() {
  const called = { a: false, b: false };
  class A extends vn.Module {
    a: number;
    constructor(a: number) {
      super();
      this.a = a;
    }
    checkInit(): void {
      called.a = true;
      if (this.a >= 0) throw new FooException();
    }
  }
  class B extends A {
    override checkInit(): void {
      called.b = true;
    }
  }
  class C extends A {}
  const make = (cls: new (a: number) => vn.Module, a: number) => {
    called.a = called.b = false;
    tree.leaves(new cls(a)); // its first use
  };
  return { called, make, A, B, C };
}

Deno.test("equinox/module/test_check_init: every class's check runs, the subclass's first", () => {
  const { called, make, A, B, C } = checks();
  make(A, -1);
  assertEquals(called, { a: true, b: false });
  assertThrows(() => make(A, 1), FooException);
  assertEquals(called, { a: true, b: false });
  make(B, -1);
  assertEquals(called, { a: true, b: true });
  assertThrows(() => make(B, 1), FooException);
  assertEquals(called, { a: true, b: true });
  make(C, -1);
  assertEquals(called, { a: true, b: false });
  assertThrows(() => make(C, 1), FooException);
  assertEquals(called, { a: true, b: false });
});

Deno.test("equinox/module/test_check_init_order: a failing check ends it", () => {
  const called: string[] = [];
  class A extends vn.Module {
    checkInit(): void {
      called.push("a");
    }
  }
  class B extends A {
    override checkInit(): void {
      called.push("b");
      throw new RangeError();
    }
  }
  class C extends B {
    override checkInit(): void {
      called.push("c");
    }
  }
  assertThrows(() => tree.leaves(new C()), RangeError);
  assertEquals(called, ["c", "b"]);
});

Deno.test("equinox/module/test_check_init_no_assignment: checks cannot assign", () => {
  class A extends vn.Module {
    x = 1;
    checkInit(): void {
      this.x = 4;
    }
  }
  assertThrows(() => tree.leaves(new A()), vn.ModuleError, "cannot assign to field 'x'");
});

Deno.test("equinox/module/test_conversion_once: one call of the converter, however long the chain", () => {
  let calls = 0;
  class A extends vn.Module {
    static fields = { x: vn.field({ converter: (x: number) => (calls++, x) }) };
    x: number;
    constructor(x: number) {
      super();
      this.x = x;
    }
  }
  class B extends A {}
  class C extends B {}
  for (const cls of [A, B, C]) {
    calls = 0;
    const m = new cls(1);
    tree.leaves(m);
    tree.unflatten(tree.structure(m), [2]);
    assertEquals(calls, 1);
  }
});

Deno.test("equinox/module/test_init_fields: declared and unset is an error, unless set in time", () => {
  class C extends vn.Module {
    x!: number;
    constructor(flag: boolean) {
      super();
      if (flag) this.x = 1;
    }
  }
  assertEquals(tree.leaves(new C(true)), [1]);
  assertThrows(() => new C(false).x, vn.ModuleError, "field 'x' was not initialized");
});

Deno.test("equinox/module/test_custom_field: field may be wrapped, and its metadata read", () => {
  const myField = (foo: boolean, options: vn.FieldOptions = {}) =>
    vn.field({ ...options, metadata: { foo } });
  class ExampleModel extends vn.Module {
    static fields = { dynamic: myField(true), fixed: myField(false, { static: true }) };
    dynamic = np.array(1);
    fixed = 1;
  }
  const specs = tree.fieldsOf(new ExampleModel());
  assertEquals(specs.get("dynamic")?.metadata, { foo: true });
  assertEquals(specs.get("fixed")?.metadata, { foo: false });
  assertEquals(tree.leaves(new ExampleModel()).length, 1);
});

Deno.test("equinox/module/test_jax_transform_warn: a Module hidden in an unfiltered transformation", () => {
  class B extends vn.Module {
    linear: unknown;
    constructor(linear: unknown) {
      super();
      this.linear = linear;
    }
  }
  const linear = new Linear(2, 2);
  const hidden = markTransformed((x: vn.NDArray) => linear.call(x), linear);
  const warnings = warningsOf(() => tree.leaves(new B(hidden)));
  assertEquals(warnings.length, 1);
  assert(
    warnings[0]!.includes("field 'linear' holds a function made by an unfiltered transformation"),
  );
  assertEquals(warningsOf(() => tree.leaves(new B(vn.filterVmap(linear)))), []);
  const plain = markTransformed((x: number) => x, (x: number) => x);
  assertEquals(warningsOf(() => tree.leaves(new B(plain))), []);
});

Deno.test("equinox/module/test_no_jax_array_static: arrays in static fields are warned of", () => {
  class Both extends vn.Module {
    a: unknown;
    b: unknown;
    constructor(a: unknown, b: unknown) {
      super();
      this.a = a;
      this.b = b;
    }
  }
  class InvalidTuple extends Both {
    static fields = { a: vn.field({ static: true }) };
  }
  class InvalidArr extends Both {
    static fields = { b: vn.field({ static: true }) };
  }
  assertEquals(warningsOf(() => tree.leaves(new Both([], np.ones([2])))), []);
  for (
    const make of [
      () => new InvalidTuple([np.ones([10])], 1),
      () => new InvalidArr([], np.ones([10])),
    ]
  ) {
    const warnings = warningsOf(() => tree.leaves(make()));
    assertEquals(warnings.length, 1);
    assert(warnings[0]!.includes("an array is set as static field"));
  }
});

Deno.test("equinox/module/test_reassign: the constructor may assign twice", () => {
  class A extends vn.Module {
    x: number;
    constructor() {
      super();
      this.x = 3;
      this.x = 4;
    }
  }
  assertEquals(new A().x, 4);
});

class A extends vn.Module {
  x: number;
  constructor(x: number) {
    super();
    this.x = x;
  }
  static make(x: number): A {
    return new this(x);
  }
  static addFive(x: number): number {
    return x + 5;
  }
  get plusFive(): number {
    return this.x + 5;
  }
  addFive(): number {
    return this.x + 5;
  }
}

Deno.test("equinox/module/test_classmethod: static methods may construct", () => {
  assertEquals(A.make(2).x, 2);
});

Deno.test("equinox/module/test_staticmethod: static methods", () => {
  assertEquals(A.addFive(3), 8);
});

Deno.test("equinox/module/test_property: accessors", () => {
  assertEquals(new A(1).plusFive, 6);
});

Deno.test("equinox/module/test_another_classes_method: a bound method of another object, as a value", () => {
  class B extends vn.Module {
    static addFive = vn.method(new A(3), "addFive");
    held = B.addFive;
  }
  assertEquals(B.addFive.call(), 8);
  assertEquals(new B().held.call(), 8);
  assertEquals(tree.leaves(new B()), [3]);
});

Deno.test("equinox/module/test_another_classes_classmethod: a static method of another class, as a value", () => {
  class B extends vn.Module {
    static make = A.make.bind(A);
  }
  assert(same(B.make(3), new A(3)));
});

const scan = (vn as { lax?: { scan?: (...args: unknown[]) => unknown } }).lax?.scan;

Deno.test({
  name: "equinox/module/test_vmap_scan_default: a Module without leaves as a scan's carry",
  ignore: scan === undefined,
  fn: () => {
    class SomeNetwork extends vn.Module {
      static fields = { value: vn.field({ static: true }) };
      value = 42;
      call(x: vn.NDArray): vn.NDArray {
        return x;
      }
    }
    const body = (carry: SomeNetwork, x: vn.NDArray) => [carry, vn.filterVmap(carry)(x)];
    const [carry, ys] = scan!(body, new SomeNetwork(), np.zeros([2, 2])) as [
      SomeNetwork,
      vn.NDArray,
    ];
    assert(carry instanceof SomeNetwork && carry.value === 42);
    assertEquals(ys.shape, [2, 2]);
  },
});
