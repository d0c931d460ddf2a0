import { oracleTests } from "./run.ts";

oracleTests("linalg");
