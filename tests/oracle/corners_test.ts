import { oracleTests } from "./run.ts";

oracleTests("corners");
