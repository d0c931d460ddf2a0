import { oracleTests } from "./run.ts";

oracleTests("factorisations");
