import { oracleTests } from "./run.ts";

oracleTests("elementwise");
