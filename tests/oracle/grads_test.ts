import { oracleTests } from "./run.ts";

oracleTests("grads");
