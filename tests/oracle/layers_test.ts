import { oracleTests } from "./run.ts";

oracleTests("layers");
