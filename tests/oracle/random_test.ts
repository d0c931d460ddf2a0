import { oracleTests } from "./run.ts";

oracleTests("random");
