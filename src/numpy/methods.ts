/**
 * The functions behind the methods of arrays.
 *
 * @module
 */
import { type ArrayMethods, installMethods } from "../core/array.ts";
import { checkDType } from "../core/dtype.ts";
import { convertElementType } from "../ops/convert.ts";
import { at, get } from "./indexing.ts";
import { matmul } from "./linalg_basic.ts";
import { addressableShards } from "./placing.ts";
import * as red from "./reductions.ts";
import { reshape, transpose } from "./shapes.ts";
import * as u from "./ufuncs.ts";

const table: ArrayMethods = {
  add: u.add,
  sub: u.subtract,
  mul: u.multiply,
  div: u.divide,
  pow: u.power,
  mod: u.remainder,
  neg: u.negative,
  abs: u.abs,
  matmul,
  equal: u.equal,
  notEqual: u.notEqual,
  less: u.less,
  lessEqual: u.lessEqual,
  greater: u.greater,
  greaterEqual: u.greaterEqual,
  sum: red.sum,
  prod: red.prod,
  mean: red.mean,
  max: red.max,
  min: red.min,
  any: red.any,
  all: red.all,
  argmax: red.argmax,
  argmin: red.argmin,
  reshape,
  transpose,
  astype: (x, dtype) => convertElementType(x, checkDType(dtype, "astype")),
  get,
  at,
  addressableShards,
};

/** Gives arrays their methods. `mod.ts` calls it. */
export function installArrayMethods(): void {
  installMethods(table);
}
