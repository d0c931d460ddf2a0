import { oracleTests } from "./run.ts";

oracleTests("dtypes");
