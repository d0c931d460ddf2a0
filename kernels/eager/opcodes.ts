// Operation codes of the eager kernels. Plain enough to be both AssemblyScript and TypeScript: the runtime
// imports this file, so that there is one list. Codes index nothing stored, hence may be renumbered freely.

// Two operands. Names are those of `BinaryOp` in src/loopnest/expr.ts, in capitals.
export const ADD = 0;
export const SUB = 1;
export const MUL = 2;
export const DIV = 3;
export const REM = 4;
export const POW = 5;
export const MIN = 6;
export const MAX = 7;
export const AND = 8;
export const OR = 9;
export const XOR = 10;
export const SHL = 11;
export const SHR_LOGICAL = 12;
export const SHR_ARITHMETIC = 13;
export const ATAN2 = 14;
export const NEXTAFTER = 15;

// Comparisons.
export const EQ = 0;
export const NE = 1;
export const LT = 2;
export const LE = 3;
export const GT = 4;
export const GE = 5;

// One operand. Names are those of `UnaryOp`.
export const NEG = 0;
export const ABS = 1;
export const SIGN = 2;
export const FLOOR = 3;
export const CEIL = 4;
export const ROUND = 5;
export const NOT = 6;
export const POPCOUNT = 7;
export const CLZ = 8;
export const SQRT = 10;
export const RSQRT = 11;
export const CBRT = 12;
export const EXP = 13;
export const EXP2 = 14;
export const EXPM1 = 15;
export const LOG = 16;
export const LOG1P = 17;
export const LOGISTIC = 18;
export const SIN = 19;
export const COS = 20;
export const TAN = 21;
export const ASIN = 22;
export const ACOS = 23;
export const ATAN = 24;
export const SINH = 25;
export const COSH = 26;
export const TANH = 27;
export const ASINH = 28;
export const ACOSH = 29;
export const ATANH = 30;
export const ERF = 31;
export const ERFC = 32;
export const ERF_INV = 33;
export const LGAMMA = 34;
export const DIGAMMA = 35;
