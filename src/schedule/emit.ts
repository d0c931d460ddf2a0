/**
 * Writing a nest down: loops in order, neighbouring loops over contiguous memory made one, terms as expressions, what
 * is used twice or does not change in a loop named before it.
 *
 * @module
 */
import { InternalError } from "../errors.ts";
import {
  binary,
  type BinaryOp,
  bitcast,
  cast,
  constant,
  type Expr,
  index as intExpr,
  load,
  makeVar,
  select,
  unary,
  type UnaryOp,
  type Var,
} from "../loopnest/expr.ts";
import type { For, Nest, Stmt } from "../loopnest/ir.ts";
import type { Value } from "./graph.ts";
import type { Thresholds } from "./cost.ts";
import { contiguity, type NestTerms, type Pass, type StoreItem, strideIn } from "./nest.ts";
import type { Term } from "./term.ts";

/** Writes a nest; `bufferOf` numbers the values that are memory. */
export function emitNest(
  nest: NestTerms,
  bufferOf: (v: Value) => number,
  limits: Thresholds,
): Nest {
  return new Emitter(nest, bufferOf, limits.block).run();
}

/** One loop of the result: one or more variables that run through contiguous memory together, or part of one. */
interface Loop {
  readonly vars: readonly Term[];
  readonly extent: number;
  readonly mask: number;
  /** By how much the variable grows with each iteration: more than 1 for the loop over a variable's blocks. */
  readonly step: number;
}

/** A set of outer loops that a nest is written for; a nest in blocks has one for the blocks and one for the rest. */
interface Region {
  readonly loops: readonly Loop[];
  /** Where the blocked variable starts. */
  readonly start: { readonly v: Term; readonly at: number } | null;
}

/** Where statements go: one list for each depth of loops, and what is named so far. */
interface Scope {
  /** Loops around, outermost first, and the lists of statements before the next loop. */
  readonly loops: readonly Loop[];
  readonly bodies: Stmt[][];
  readonly named: Map<Term, Expr>;
  /** How many places use a term. */
  readonly uses: Map<Term, number>;
  readonly loaded: ReadonlyMap<Term, Term> | null;
  readonly parent: Scope | null;
  /** The variables of `loops`. */
  readonly vars: readonly Var[];
  readonly start: Region["start"];
}

class Emitter {
  private readonly accs = new Map<Term, Var>();

  constructor(
    private readonly nest: NestTerms,
    private readonly bufferOf: (v: Value) => number,
    /** Elements of a block in a transpose. */
    private readonly block: number,
  ) {}

  run(): Nest {
    const body = this.regions().flatMap((region) => this.region(region));
    return { kind: "nest", name: this.nest.name, body };
  }

  private region({ loops, start }: Region): Stmt[] {
    const { nest } = this;
    const scope = this.openScope(loops, null, null, start);
    for (const s of nest.outerStores) this.countStore(s, scope);
    const main = scope.bodies[loops.length];
    for (const pass of nest.passes) this.pass(pass, scope, main);
    this.stores(nest.outerStores, scope);
    return this.close(scope, (k) => this.outerMode(k, loops));
  }

  private outerMode(k: number, loops: readonly Loop[]): For["mode"] {
    const { node, byColumns, passes } = this.nest;
    const count = loops.length;
    if (!node.independent) return k === count - 1 && this.isWindow(loops[k]) ? "vector" : "serial";
    if (k === count - 1 && (byColumns || passes.length === 0)) return "vector";
    return k === 0 ? "parallel" : "serial";
  }

  /** Whether a loop of an update whose places may meet walks through one place: its turns then write different elements. */
  private isWindow({ vars }: Loop): boolean {
    const { passes, outerStores } = this.nest;
    const isAlong = (index: Term) => vars.every((v) => (strideIn(index, v) ?? 0) !== 0);
    return passes.length === 0 && outerStores.every((s) => isAlong(s.index));
  }

  // ------------------------------------------------------------ loops

  private regions(): Region[] {
    const { node, passes } = this.nest;
    const vars = node.loops.filter((v) => (v.mask & node.inner) === 0);
    if (passes.length === 0 && node.independent && vars.length > 1) {
      // The variable that most accesses run along goes inside.
      const { loads, stores } = this.memoAccesses ??= this.accesses();
      let [best, score] = [vars.length - 1, -Infinity];
      for (let k = vars.length - 1; k >= 0; k--) {
        const s = contiguity(vars[k], loads, stores);
        if (s > score) [best, score] = [k, s];
      }
      if (best < vars.length - 1) vars.push(...vars.splice(best, 1));
      const across = this.acrossVariable(vars);
      if (across !== null) return this.blocks(vars, across);
    }
    return [{ loops: this.merge(vars), start: null }];
  }

  /** A variable that some load runs along while it jumps along the innermost one: a transpose. */
  private acrossVariable(vars: readonly Term[]): Term | null {
    const { loads } = this.memoAccesses!;
    const last = vars[vars.length - 1];
    if (last.extent < 2 * this.block) return null;
    for (const t of loads) {
      if (Math.abs(strideIn(t.args[0], last) ?? 0) < this.block) continue;
      const isAlong = (stride: number | null) => stride === 1 || stride === 2;
      const across = vars.find((v) => v !== last && isAlong(strideIn(t.args[0], v)));
      if (across !== undefined && across.extent >= this.block) return across;
    }
    return null;
  }

  /**
   * The innermost variable in blocks, with the other variable of a transpose between the blocks and what is inside of one:
   * each line of memory that is read is then used up while it is in the cache.
   */
  private blocks(vars: readonly Term[], across: Term): Region[] {
    const last = vars[vars.length - 1];
    const around = this.merge(vars.filter((v) => v !== last && v !== across));
    const loop = (v: Term, extent: number, step = 1): Loop => {
      return { vars: [v], extent, mask: v.mask, step };
    };
    // Longer blocks where so many lines are open at a time that they leave the cache.
    const size = across.extent > 1500 ? 2 * this.block : this.block;
    const count = Math.floor(last.extent / size);
    const rest = last.extent - count * size;
    const inner = loop(across, across.extent);
    const regions: Region[] = [{
      loops: [...around, loop(last, count, size), inner, loop(last, size)],
      start: null,
    }];
    if (rest > 0) {
      const start = { v: last, at: count * size };
      regions.push({ loops: [...around, inner, loop(last, rest)], start });
    }
    return regions;
  }

  private accesses(): { loads: Term[]; stores: StoreItem[]; all: Set<Term> } {
    const { passes, outerStores } = this.nest;
    const all = new Set<Term>();
    const loads: Term[] = [];
    const stores = [...outerStores];
    const visit = (t: Term) => {
      if (all.has(t)) return;
      all.add(t);
      if (t.kind === "load") loads.push(t);
      for (const x of t.args) visit(x);
    };
    for (const pass of passes) {
      for (const acc of pass.accs) {
        visit(acc.body);
        if (acc.position !== null) visit(acc.position);
      }
      stores.push(...pass.stores);
      for (const t of pass.loaded.values()) visit(t);
    }
    for (const s of stores) {
      visit(s.term);
      visit(s.index);
      if (s.guard !== null) visit(s.guard);
    }
    return { loads, stores, all };
  }

  private memoAccesses: ReturnType<Emitter["accesses"]> | null = null;
  private memoPinned: number | null = null;

  /** Merges neighbouring loops that all indices run through as one. */
  private merge(vars: readonly Term[]): Loop[] {
    const loops: Loop[] = [];
    for (const v of vars) {
      const last = loops.at(-1);
      if (last !== undefined && this.canMerge(last.vars.at(-1)!, v)) {
        loops[loops.length - 1] = {
          vars: [...last.vars, v],
          extent: last.extent * v.extent,
          mask: last.mask | v.mask,
          step: 1,
        };
      } else loops.push({ vars: [v], extent: v.extent, mask: v.mask, step: 1 });
    }
    return loops;
  }

  private canMerge(a: Term, b: Term): boolean {
    const { loads, stores, all } = this.memoAccesses ??= this.accesses();
    if (this.memoPinned === null) {
      // Variables used otherwise than in plain indices keep their loops.
      let pinned = 0;
      for (const t of all) {
        if (t.kind === "load" || t.kind === "affine") continue;
        for (const x of t.args) {
          if (x.kind === "var") pinned |= x.mask;
          if (x.kind === "affine") {
            for (const y of x.args) if (y.kind === "var") pinned |= y.mask;
          }
        }
      }
      for (const { accs } of this.nest.passes) {
        for (const acc of accs) {
          pinned |= acc.position?.mask ?? 0;
          if (acc.body.kind === "var" || acc.body.kind === "affine") pinned |= acc.body.mask;
        }
      }
      for (const s of stores) {
        if (s.term.kind === "var" || s.term.kind === "affine") pinned |= s.term.mask;
      }
      this.memoPinned = pinned;
    }
    const mask = a.mask | b.mask;
    if ((this.memoPinned & mask) !== 0) return false;
    const fits = (index: Term) => {
      if ((index.mask & mask) === 0) return true;
      const [x, y] = [strideIn(index, a), strideIn(index, b)];
      return x !== null && y !== null && x === y * b.extent;
    };
    return loads.every((t) => fits(t.args[0])) && stores.every((s) => fits(s.index));
  }

  // ------------------------------------------------------------ scopes

  private openScope(
    loops: readonly Loop[],
    parent: Scope | null,
    loaded: ReadonlyMap<Term, Term> | null,
    start: Region["start"] = null,
  ): Scope {
    const names = parent === null ? "ijklmnop" : "rstuvwxy";
    const vars = loops.map((_, k) => makeVar(names[k % names.length]));
    const bodies = Array.from({ length: loops.length + 1 }, (): Stmt[] => []);
    return { loops, bodies, named: new Map(), uses: new Map(), loaded, parent, vars, start };
  }

  private close({ loops, bodies, vars }: Scope, mode: (k: number) => For["mode"]): Stmt[] {
    for (let k = loops.length - 1; k >= 0; k--) {
      const { extent } = loops[k];
      bodies[k].push({ kind: "for", v: vars[k], extent, mode: mode(k), body: bodies[k + 1] });
    }
    return bodies[0];
  }

  private countStore(s: StoreItem, scope: Scope): void {
    this.count(s.term, scope);
    this.countIndex(s.index, scope);
    if (s.guard !== null) this.count(s.guard, scope);
  }

  private count(t: Term, scope: Scope): void {
    if (t.kind === "var" || t.kind === "const" || t.kind === "acc") return;
    if (scope.parent !== null && !this.isIn(t, scope)) {
      this.count(t, scope.parent);
      return;
    }
    const moved = scope.loaded?.get(t);
    if (moved !== undefined) t = moved;
    if (t.kind === "affine") return this.countIndex(t, scope);
    const uses = scope.uses.get(t) ?? 0;
    scope.uses.set(t, uses + 1);
    if (uses > 0) return;
    for (const x of t.args) this.count(x, scope);
  }

  /** Of an index, only the parts that are no loop variables are worth a name. */
  private countIndex(t: Term, scope: Scope): void {
    if (t.kind !== "affine") return this.count(t, scope);
    for (const x of t.args) this.count(x, scope);
  }

  /** Whether a term changes with the loops of a scope itself. */
  private isIn(t: Term, scope: Scope): boolean {
    for (const loop of scope.loops) if ((loop.mask & t.mask) !== 0) return true;
    return false;
  }

  // ------------------------------------------------------------ statements

  private pass(pass: Pass, outer: Scope, main: Stmt[]): void {
    const scope = this.openScope(this.merge(pass.box.vars), outer, pass.loaded);
    for (const acc of pass.accs) {
      this.count(acc.body, scope);
      if (acc.position !== null) this.count(acc.position, scope);
    }
    for (const s of pass.stores) this.countStore(s, scope);
    const depth = scope.loops.length;
    const inside = scope.bodies[depth];
    for (const acc of pass.accs) {
      const v = makeVar("acc", acc.body.dtype);
      if (acc.op === "argmax" || acc.op === "argmin") {
        const at = makeVar("at");
        const op = acc.op === "argmax" ? "max" : "min";
        main.push({ kind: "argAccumulator", value: v, at, op });
        const value = this.expr(acc.body, scope, depth);
        const position = this.expr(acc.position!, scope, depth);
        inside.push({ kind: "argAccumulate", v, value, position });
        this.accs.set(acc.term, at);
      } else {
        main.push({ kind: "accumulator", v, op: acc.op });
        inside.push({ kind: "accumulate", v, value: this.expr(acc.body, scope, depth) });
        this.accs.set(acc.term, v);
      }
    }
    this.stores(pass.stores, scope);
    const { node, byColumns } = this.nest;
    const vector = !byColumns && node.independent;
    const mode = (k: number) => vector && k === depth - 1 ? "vector" : "serial";
    main.push(...this.close(scope, mode));
  }

  /** Stores come last in a body, their values named before: one may overwrite what another one reads. */
  private stores(items: readonly StoreItem[], scope: Scope): void {
    const depth = scope.loops.length;
    const body = scope.bodies[depth];
    const values = items.map((s) => this.expr(s.term, scope, depth));
    const statements = items.map((s, k): Stmt => {
      let value = values[k];
      if (items.length > 1 && value.kind !== "var" && value.kind !== "const") {
        const v = makeVar("t", value.dtype);
        body.push({ kind: "let", v, value });
        value = v;
      }
      return {
        kind: "store",
        buffer: this.bufferOf(s.value),
        index: this.indexExpr(s.index, scope, depth),
        value,
        ...(s.combine === null ? {} : { combine: s.combine }),
        ...(s.guard === null ? {} : { guard: this.expr(s.guard, scope, depth) }),
      };
    });
    body.push(...statements);
  }

  // ------------------------------------------------------------ expressions

  /** A term as an expression for use at `depth` of a scope. */
  private expr(t: Term, scope: Scope, depth: number): Expr {
    if (t.kind === "const") return constant(t.value, t.dtype);
    if (t.kind === "acc") {
      const v = this.accs.get(t);
      if (v === undefined) throw new InternalError("schedule: a reduction is used before its pass");
      return v;
    }
    if (t.kind === "var") return this.variable(t, scope);
    if (scope.parent !== null && !this.isIn(t, scope)) {
      return this.expr(t, scope.parent, scope.parent.loops.length + 1);
    }
    t = scope.loaded?.get(t) ?? t;
    if (t.kind === "affine") return this.indexExpr(t, scope, depth);
    const named = scope.named.get(t);
    if (named !== undefined) return named;
    let own = 0;
    scope.loops.forEach((loop, k) => {
      if ((loop.mask & t.mask) !== 0) own = k + 1;
    });
    const value = this.fresh(t, scope, own);
    if (own === depth && (scope.uses.get(t) ?? 0) < 2) return value;
    const v = makeVar("t", t.dtype);
    scope.bodies[own].push({ kind: "let", v, value });
    scope.named.set(t, v);
    return v;
  }

  private fresh(t: Term, scope: Scope, depth: number): Expr {
    const arg = (k: number) => this.expr(t.args[k], scope, depth);
    switch (t.kind) {
      case "load":
        return load(
          this.bufferOf(t.ref as Value),
          t.dtype,
          this.indexExpr(t.args[0], scope, depth),
        );
      case "unary":
        return unary(t.op as UnaryOp, arg(0));
      case "binary":
        return binary(t.op as BinaryOp, arg(0), arg(1));
      case "select":
        return select(arg(0), arg(1), arg(2));
      case "cast":
        return cast(arg(0), t.dtype);
      case "bitcast":
        return bitcast(arg(0), t.dtype);
      default:
        throw new InternalError(`schedule: no expression for a ${t.kind}`);
    }
  }

  /** A loop variable by itself, as for counting. */
  private variable(t: Term, scope: Scope): Expr {
    let sum: Expr = intExpr(0);
    let found = false;
    for (let s: Scope | null = scope; s !== null; s = s.parent) {
      s.loops.forEach((loop, k) => {
        if ((loop.mask & t.mask) === 0) return;
        if (loop.vars.length > 1) throw new InternalError("schedule: a merged loop is taken apart");
        sum = binary("add", sum, binary("mul", (s as Scope).vars[k], intExpr(loop.step)));
        found = true;
      });
      if (s.start?.v === t) sum = binary("add", sum, intExpr(s.start.at));
    }
    if (!found) throw new InternalError("schedule: a loop variable outside of its loop");
    return sum;
  }

  /** A sum, outer loops first, so that its front does not change in inner loops; the constant last. */
  private indexExpr(t: Term, scope: Scope, depth: number): Expr {
    if (t.kind === "var") return this.variable(t, scope);
    if (t.kind !== "affine") return this.expr(t, scope, depth);
    const scopes: Scope[] = [];
    for (let s: Scope | null = scope; s !== null; s = s.parent) scopes.unshift(s);
    let sum: Expr = intExpr(0);
    let constant = t.value as number;
    const add = (x: Expr, coeff: number) => {
      sum = coeff === -1
        ? binary("sub", sum, x)
        : binary("add", sum, binary("mul", x, intExpr(coeff)));
    };
    let done = 0;
    for (const s of scopes) {
      s.loops.forEach((loop, i) => {
        // Of merged variables the last one, whose stride is the smallest, stands for all.
        const k = t.args.indexOf(loop.vars[loop.vars.length - 1]);
        if (k >= 0) add(s.vars[i], t.coeffs[k] * loop.step);
        done |= loop.mask;
      });
      if (s.start !== null) {
        const k = t.args.indexOf(s.start.v);
        if (k >= 0) constant += t.coeffs[k] * s.start.at;
      }
    }
    t.args.forEach((x, k) => {
      if (x.kind !== "var") add(this.expr(x, scope, depth), t.coeffs[k]);
      else if ((x.mask & done) === 0) {
        throw new InternalError("schedule: a loop variable outside of its loop");
      }
    });
    return binary("add", sum, intExpr(constant));
  }
}
