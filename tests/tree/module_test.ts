/**
 * Modules: when construction ends, what is checked then, and what copies are.
 *
 * @module
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ModuleError, setWarningHandler } from "../../src/errors.ts";
import {
  checked,
  field,
  fieldsOf,
  flatten,
  isModule,
  leaves,
  map,
  method,
  Module,
  structure,
  unflatten,
} from "../../src/tree/mod.ts";

class Line extends Module {
  slope: number;
  offset: number;
  constructor(slope: number, offset: number) {
    super();
    this.slope = slope;
    this.offset = offset;
  }
  call(x: number): number {
    return this.slope * x + this.offset;
  }
}

/** Runs `fn` and returns the warnings it gave. */
function warningsOf(fn: () => void): string[] {
  const messages: string[] = [];
  const previous = setWarningHandler((message) => messages.push(message));
  try {
    fn();
  } finally {
    setWarningHandler(previous);
  }
  return messages;
}

Deno.test("a Module is a class whose instances are trees", () => {
  const line = new Line(2, 1);
  assert(line instanceof Line && line instanceof Module && isModule(line));
  assert(!isModule({ slope: 1 }) && !isModule(null));
  assertEquals(Object.keys(line), ["slope", "offset"]);
  assertEquals(line.call(3), 7);
  assertEquals(line.constructor, Line);
  const [list, treedef] = flatten(line);
  assertEquals(list, [2, 1]);
  const copy = unflatten(treedef, [5, 6]) as Line;
  assert(copy instanceof Line);
  assertEquals(copy.call(2), 16);
  assertEquals({ ...copy }, { slope: 5, offset: 6 });
});

Deno.test("an instance cannot be changed from the line after its construction on", () => {
  const line = new Line(2, 1);
  assertThrows(() => line.slope = 3, ModuleError, "cannot assign to field 'slope' of Line");
  assertEquals(line.slope, 2);
  // deno-lint-ignore no-explicit-any -- a name that the class does not have
  const loose = line as any;
  assertThrows(() => loose.other = 3, ModuleError, "cannot assign to field 'other'");
  assertThrows(() => delete loose.slope, ModuleError, "cannot delete field 'slope'");
  assertThrows(
    () => Object.defineProperty(line, "slope", { value: 1 }),
    ModuleError,
    "cannot define",
  );
  assert(Object.isFrozen(line));
});

Deno.test("copies cannot be changed either", () => {
  const copy = map<Line>((x: number) => x, new Line(2, 1));
  assertThrows(() => copy.slope = 3, TypeError);
  assert(Object.isFrozen(copy));
});

Deno.test("the constructor may read, assign twice, call methods and helpers, and use its own tree", () => {
  const seen: unknown[] = [];
  class Busy extends Module {
    a = 1;
    b: number;
    c: number;
    constructor() {
      super();
      this.a = this.a + 1;
      this.b = this.twice(this.a);
      this.c = 0;
      const later = () => {
        this.c = this.b + 1;
      };
      later();
      [1].forEach(() => this.a++);
      seen.push(leaves(this));
      this.c += 1;
    }
    twice(x: number): number {
      return 2 * x;
    }
  }
  assertEquals(leaves(new Busy()), [3, 4, 6]);
  assertEquals(seen, [[3, 4, 5]]);
});

Deno.test("a field that is declared and never set is an error, at the latest when the tree is used", () => {
  class Unset extends Module {
    a: number = 1;
    b!: number;
  }
  assertThrows(() => new Unset().a, ModuleError, "Unset: field 'b' was not initialized");
  assertThrows(() => leaves([new Unset()]), ModuleError, "field 'b'");
  const unset = new Unset();
  assertThrows(() => unset.a, ModuleError, "field 'b'");
  assertThrows(() => unset.a, ModuleError, "field 'b'"); // and not only once
  class Stated extends Module {
    static fields = { tag: field({ static: true }) };
  }
  assertThrows(() => leaves(new Stated()), ModuleError, "field 'tag'");
  class Empty extends Module {
    bias: number | null = null;
  }
  assertEquals(leaves(new Empty()), []);
});

Deno.test("assigning a field that a class with declarations does not declare is an error", () => {
  class Typo extends Module {
    weight: number;
    constructor() {
      super();
      this.weight = 1;
      // deno-lint-ignore no-explicit-any -- the mistake under test
      (this as any).wieght = 2;
    }
  }
  assertThrows(
    () => new Typo(),
    ModuleError,
    "cannot assign to field 'wieght': the class does not declare it",
  );
});

Deno.test("converters run once, before anybody sees the field", () => {
  let calls = 0;
  const convert = (x: number | string) => (calls++, Number(x));
  class Base extends Module {
    static fields = { x: field({ converter: convert }) };
    x: number | string;
    constructor(x: number | string) {
      super();
      this.x = x;
    }
  }
  class Sub extends Base {
    y: number;
    constructor() {
      super("7");
      this.y = 1;
    }
  }
  const sub = new Sub();
  assertStrictEquals(sub.x, 7);
  assertStrictEquals(calls, 1);
  leaves(sub);
  map((x: number) => x, sub);
  assertStrictEquals(calls, 1);
  assertStrictEquals(leaves(new Base("4"))[0], 4);
});

Deno.test("checkInit sees the converted fields, cannot assign, and runs for every class of the chain", () => {
  const order: string[] = [];
  class A extends Module {
    static fields = { x: field({ converter: Number }) };
    x: unknown;
    constructor(x: unknown) {
      super();
      this.x = x;
    }
    checkInit() {
      order.push(`A${typeof this.x}`);
    }
  }
  class B extends A {}
  class C extends B {
    override checkInit() {
      order.push("C");
    }
  }
  leaves(new C("1"));
  assertEquals(order, ["C", "Anumber"]);
  class Assigns extends A {
    override checkInit() {
      this.x = 3;
    }
  }
  assertThrows(() => leaves(new Assigns(1)), ModuleError, "cannot assign to field 'x'");
});

Deno.test("a failed check fails every use of the instance", () => {
  class Positive extends Module {
    x: number;
    constructor(x: number) {
      super();
      this.x = x;
    }
    checkInit() {
      if (!(this.x > 0)) throw new RangeError("x must be positive");
    }
    call(): number {
      return this.x;
    }
  }
  const bad = new Positive(-1);
  assertThrows(() => leaves({ deep: [bad] }), RangeError, "positive");
  assertThrows(() => bad.call(), RangeError, "positive");
  assertThrows(() => bad.x = 1, RangeError, "positive");
  assertThrows(() => Object.keys(bad), RangeError, "positive");
  assertEquals(new Positive(1).call(), 1);
  // Copies are made without checks.
  assertEquals((unflatten(structure(new Positive(1)), [-5]) as Positive).x, -5);
});

Deno.test("with @checked all of it happens before new returns", () => {
  @checked
  class Positive extends Module {
    static fields = { x: field({ converter: Number }) };
    x: number | string;
    constructor(x: number | string) {
      super();
      this.x = x;
      this.x = `${this.x}`;
    }
    checkInit() {
      if (!(Number(this.x) > 0)) throw new RangeError("x must be positive");
    }
  }
  assertThrows(() => new Positive(-1), RangeError, "positive");
  const good = new Positive("2");
  assertStrictEquals(good.x, 2);
  assertStrictEquals(good.constructor, Positive);
  assertEquals(Positive.name, "Positive");
  assertThrows(() => good.x = 3, ModuleError, "cannot assign");
  const copy = unflatten(structure(good), [5]);
  assert(copy instanceof Positive);

  class More extends Positive {
    y: number;
    constructor() {
      super(1);
      this.y = 2;
    }
  }
  assertEquals(leaves(new More()), [1, 2]);
});

Deno.test("field decorators do what static fields do", () => {
  class Base extends Module {
    @field({ static: true })
    tag = "base";
    @field({ converter: (x: number) => x + 1, metadata: { unit: "m" } })
    x = 1;
  }
  class Sub extends Base {
    @field({ static: true })
    y = 5;
  }
  assertEquals(leaves(new Base()), [2]);
  assertEquals(leaves(new Sub()), [2]);
  assertEquals(
    String(structure(new Sub())),
    'TreeDef(Sub { static tag: "base", x: *, static y: 5 })',
  );
  assertEquals(fieldsOf(Sub).get("x")?.metadata, { unit: "m" });
  assertEquals([...fieldsOf(new Base()).keys()], ["tag", "x"]);
});

Deno.test("metadata and field specifications are checked", () => {
  assertThrows(
    () => field({ metadata: { static: true } }),
    ModuleError,
    "metadata must not contain 'static'",
  );
  assertThrows(
    () => field({ metadata: { converter: 1 } }),
    ModuleError,
    "metadata must not contain 'converter'",
  );
  class Wrong extends Module {
    static fields = { x: { static: true } };
    x = 1;
  }
  assertThrows(() => new Wrong(), ModuleError, "Wrong.fields.x: expected field({ ... })");
  class Numbered extends Module {
    0 = 1;
  }
  assertThrows(() => leaves(new Numbered()), ModuleError, "a field cannot be named '0'");
});

Deno.test("methods of the instance itself cannot be fields", () => {
  class Bound extends Module {
    f: unknown;
    constructor(how: (self: Bound) => unknown) {
      super();
      this.f = how(this);
    }
    act(): number {
      return 1;
    }
  }
  const message = "cannot assign a method of the instance to its field 'f'";
  assertThrows(() => leaves(new Bound((self) => self.act.bind(self))), ModuleError, message);
  assertThrows(() => leaves(new Bound((self) => method(self, "act"))), ModuleError, message);
  const other = new Bound(() => 1);
  assertEquals(leaves(new Bound(() => method(other, "act"))), [1]);
});

Deno.test("a function field that uses this is warned of", () => {
  class Closure extends Module {
    w = 2;
    f = (x: number) => this.w * x;
  }
  class Plain extends Module {
    w = 2;
    f = (x: number) => 2 * x;
  }
  const warnings = warningsOf(() => leaves(new Closure()));
  assertEquals(warnings.length, 1);
  assert(
    warnings[0]!.includes("Closure: field 'f' holds an arrow function that uses 'this'"),
    warnings[0],
  );
  assertEquals(warningsOf(() => leaves(new Plain())), []);
});

Deno.test("a typed array in a static field is warned of, once for each instance", () => {
  class Holds extends Module {
    static fields = { table: field({ static: true }) };
    table: unknown;
    constructor(table: unknown) {
      super();
      this.table = table;
    }
  }
  const warnings = warningsOf(() => leaves(new Holds({ nested: [new Float32Array(2)] })));
  assertEquals(warnings.length, 1);
  assert(warnings[0]!.includes("an array is set as static field 'table'"), warnings[0]);
  assertEquals(warningsOf(() => leaves(new Holds([1, 2]))), []);
});

Deno.test("private fields work on what constructors make", () => {
  class Secret extends Module {
    x = 1;
    #hidden = 41;
    get answer(): number {
      return this.#hidden + this.x;
    }
  }
  assertEquals(new Secret().answer, 42);
});

Deno.test("constructors may be nested, and each instance ends with its own", () => {
  class Stack extends Module {
    lines: Line[];
    inner: Stack | null;
    constructor(depth: number) {
      super();
      this.lines = [new Line(depth, 0)];
      assertThrows(() => this.lines[0]!.slope = 9, ModuleError);
      this.inner = depth > 0 ? new Stack(depth - 1) : null;
    }
  }
  assertEquals(leaves(new Stack(2)), [2, 0, 1, 0, 0, 0]);
});

Deno.test("Error's stack settings are left as they were", () => {
  const v8 = Error as unknown as { stackTraceLimit: number; prepareStackTrace: unknown };
  const before = [v8.stackTraceLimit, v8.prepareStackTrace];
  new Line(1, 2).slope;
  assertEquals([v8.stackTraceLimit, v8.prepareStackTrace], before);
});

Deno.test("on an engine without structured stack traces, construction ends at the first use as a tree", () => {
  const v8 = Error as unknown as { captureStackTrace: unknown };
  const { captureStackTrace } = v8;
  v8.captureStackTrace = undefined;
  try {
    const line = new Line(2, 1);
    assertEquals(line.call(1), 3);
    line.slope = 5;
    assertEquals(leaves(line), [5, 1]);
    assertThrows(() => line.slope = 6, ModuleError, "cannot assign");
  } finally {
    v8.captureStackTrace = captureStackTrace;
  }
});

Deno.test("a tree used in a constructor settles the Modules in it, but not the one under construction", () => {
  const order: string[] = [];
  class Part extends Module {
    x = 1;
    checkInit() {
      order.push("part");
    }
  }
  class Whole extends Module {
    parts = [new Part(), new Part()];
    count: number;
    constructor() {
      super();
      this.count = leaves(this).length;
      order.push("constructed");
    }
    checkInit() {
      order.push("whole");
    }
  }
  assertEquals(leaves([new Whole()]), [1, 1, 2]);
  assertEquals(order, ["part", "part", "constructed", "whole"]);
});

Deno.test("accessors and static members of classes work as ever", () => {
  class Shape extends Module {
    static made = 0;
    static of(width: number): Shape {
      Shape.made++;
      return new Shape(width);
    }
    width: number;
    constructor(width: number) {
      super();
      this.width = width;
    }
    get area(): number {
      return this.width ** 2;
    }
  }
  assertEquals(Shape.of(3).area, 9);
  assertEquals(Shape.made, 1);
  assertEquals(map<Shape>((x: number) => x + 1, new Shape(3)).area, 16);
});
