/**
 * Every instruction of the assembler is the one of its name: a disassembler says so, and the engine accepts what it makes.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { InternalError } from "../../src/errors.ts";
import { Assembler, type Ref, type TypeName } from "../../src/backends/wasm/assembler.ts";
import { loadDisassembler } from "../../src/backends/wasm/disassemble.ts";
import { FunctionBuilder } from "../../src/backends/wasm/function.ts";
import { instructions, unsigned } from "../../src/backends/wasm/instructions.ts";

const disassemble = await loadDisassembler();

/** A module with one function. */
function moduleOf(build: (asm: Assembler, fn: FunctionBuilder) => void): Uint8Array<ArrayBuffer> {
  const asm = new Assembler(true);
  const fn = new FunctionBuilder(asm, "f", ["i32"], [], 0);
  build(asm, fn);
  fn.finish();
  asm.module.addFunctionExport("f", "f");
  return asm.module.emitBinary();
}

/** What an instruction takes, by its name. */
function operandsOf(name: string): { types: TypeName[]; lanes: number } {
  const [namespace, op] = name.split(".") as [string, string];
  const isVector = namespace === "v128" || namespace.includes("x");
  const scalar = (type: string): TypeName =>
    type.startsWith("i8") || type.startsWith("i16") ? "i32" : type.slice(0, 3) as TypeName;
  if (!isVector) {
    const from = op.match(/_([if]\d\d)(_[su])?$/)?.[1] as TypeName | undefined;
    const type = from ?? namespace as TypeName;
    const isUnary = from !== undefined ||
      /^(eqz|clz|ctz|popcnt|abs|neg|ceil|floor|trunc|nearest|sqrt|extend\d+_s)$/.test(op);
    return { types: isUnary ? [type] : [type, type], lanes: 0 };
  }
  if (op === "splat") return { types: [scalar(namespace)], lanes: 0 };
  if (op.startsWith("extract_lane")) return { types: ["v128"], lanes: 1 };
  if (op === "replace_lane") return { types: ["v128", scalar(namespace)], lanes: 1 };
  if (/^(shl|shr_[su])$/.test(op)) return { types: ["v128", "i32"], lanes: 0 };
  const three = /^(bitselect|relaxed_n?madd|relaxed_laneselect)$/.test(op);
  const one =
    /^(not|any_true|all_true|bitmask|abs|neg|popcnt|ceil|floor|trunc|nearest|sqrt|demote_.*|promote_.*|extend_.*|extadd_.*|convert_.*|trunc_sat_.*|relaxed_trunc_.*)$/
      .test(op);
  return { types: Array<TypeName>(three ? 3 : one ? 1 : 2).fill("v128"), lanes: 0 };
}

Deno.test("every instruction has the bytes of its name, takes what it should, and gives what it says", () => {
  const zero = (asm: Assembler, type: TypeName): Ref =>
    type === "v128" ? asm.v128(Array(16).fill(0)) : asm.constant(type, 0);
  const names = [...instructions().keys()];
  assert(names.length > 330);
  for (const name of names) {
    const { types, lanes } = operandsOf(name);
    const bytes = moduleOf((asm, fn) => {
      const [x, y, z] = types.map((type) => zero(asm, type)) as [Ref, Ref, Ref];
      const code = lanes === 1
        ? y === undefined ? asm.op2(name, x, 0) : asm.op3(name, x, 0, y)
        : types.length === 1
        ? asm.op1(name, x)
        : types.length === 2
        ? asm.op2(name, x, y)
        : asm.op3(name, x, y, z);
      // Setting a local of that type is valid only where the instruction gives it.
      fn.keep(code.type as TypeName, code);
    });
    assert(WebAssembly.validate(bytes), name);
    const text = disassemble(bytes);
    // The disassembler has older names for some.
    const older = name.replace(".relaxed_laneselect", ".relaxed_laneselect");
    assert(text.includes(`(${older}`) || text.includes(`${older}\n`), `${name}: ${text}`);
  }
});

Deno.test("loads and stores of every width read and write what they should", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const run = (build: (asm: Assembler, fn: FunctionBuilder) => void) => {
    const module = new WebAssembly.Module(moduleOf(build));
    const { f } = new WebAssembly.Instance(module, { env: { memory } }).exports;
    (f as (x: number) => void)(0);
  };
  const view = new DataView(memory.buffer);
  for (
    const [type, bytes, signed, expected] of [
      ["i32", 1, true, -1n],
      ["i32", 1, false, 255n],
      ["i32", 2, true, -2n + 1n],
      ["i32", 2, false, 65535n],
      ["i32", 4, false, -1n],
      ["i64", 1, true, -1n],
      ["i64", 2, false, 65535n],
      ["i64", 4, true, -1n],
      ["i64", 4, false, 0xffffffffn],
      ["i64", 8, false, -1n],
    ] as const
  ) {
    view.setBigUint64(0, 0xffffffffffffffffn);
    run((asm, fn) => {
      const at = () => fn.get(fn.param(0));
      fn.push(
        asm.store(type, type === "i32" ? 4 : 8, at(), 64, asm.load(type, bytes, at(), 0, signed)),
      );
    });
    const got = type === "i32" ? BigInt(view.getInt32(64, true)) : view.getBigInt64(64, true);
    assertEquals(got, expected, `${type} ${bytes} ${signed}`);
  }
  for (
    const [type, width] of [["i32", 1], ["i32", 2], ["i64", 1], ["i64", 2], ["i64", 4]] as const
  ) {
    view.setBigUint64(128, 0n);
    run((asm, fn) =>
      fn.push(asm.store(type, width, fn.get(fn.param(0)), 128, asm.constant(type, -1)))
    );
    assertEquals(view.getBigUint64(128, true), (1n << BigInt(8 * width)) - 1n);
  }
  for (const bits of [8, 16, 32, 64] as const) {
    view.setBigUint64(0, 0x0102030405060708n, true);
    for (const at of [160, 176, 192]) view.setBigUint64(at, 0n), view.setBigUint64(at + 8, 0n);
    run((asm, fn) => {
      const at = () => fn.get(fn.param(0));
      fn.push(asm.store("v128", 16, at(), 160, asm.loadSplat(bits, at(), 0)));
      const ones = asm.v128(Array(16).fill(255));
      fn.push(asm.store("v128", 16, at(), 176, asm.loadLane(bits, 1, at(), 0, ones)));
      fn.push(asm.storeLane(bits, 0, at(), 192, asm.load("v128", 16, at(), 0)));
    });
    const low = 0x0102030405060708n & ((1n << BigInt(bits)) - 1n);
    const bytes = new Uint8Array(memory.buffer).slice(0, 256);
    const chunk = [...Array(bits / 8)].map((_, i) => Number((low >> BigInt(8 * i)) & 255n));
    assertEquals([...bytes.slice(160, 176)], Array(128 / bits).fill(chunk).flat());
    assertEquals([...bytes.slice(176 + bits / 8, 176 + bits / 4)], chunk);
    assertEquals([...bytes.slice(176, 176 + bits / 8)], Array(bits / 8).fill(255));
    assertEquals(view.getBigUint64(192, true), low);
  }
});

Deno.test("numbers of any size are written as the format has them", () => {
  assertEquals(unsigned(0), [0]);
  assertEquals(unsigned(127), [127]);
  assertEquals(unsigned(128), [128, 1]);
  assertEquals(unsigned(0xffffffff), [255, 255, 255, 255, 15]);
  const numbers = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 2 ** 31 - 1, -(2 ** 31)];
  const wide = [...numbers.map(BigInt), 2n ** 63n - 1n, -(2n ** 63n), 2n ** 34n, -(2n ** 34n) - 1n];
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const bytes = moduleOf((asm, fn) => {
    const at = () => fn.get(fn.param(0));
    numbers.forEach((n, i) => fn.push(asm.store("i32", 4, at(), 4 * i, asm.i32(n))));
    wide.forEach((n, i) => fn.push(asm.store("i64", 8, at(), 512 + 8 * i, asm.constant("i64", n))));
  });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  (instance.exports.f as (x: number) => void)(0);
  assertEquals([...new Int32Array(memory.buffer, 0, numbers.length)], numbers);
  assertEquals([...new BigInt64Array(memory.buffer, 512, wide.length)], wide);
});

Deno.test("what is not there is an error, not a module that is wrong", () => {
  assertThrows(
    () => new Assembler(true).op1("f32x4.tanh", new Assembler(true).i32(0)),
    InternalError,
  );
  assertThrows(
    () => moduleOf((asm, fn) => fn.push(asm.module.call("missing", [], "none"))),
    InternalError,
    "no function missing",
  );
  assertThrows(
    () => moduleOf((asm, fn) => fn.push(asm.module.br("nowhere"))),
    InternalError,
    "no label nowhere",
  );
  assertThrows(
    () => {
      const asm = new Assembler(true);
      for (let i = 0; i < 2; i++) new FunctionBuilder(asm, "twice", [], [], 0).finish();
    },
    InternalError,
    "twice is there already",
  );
});
