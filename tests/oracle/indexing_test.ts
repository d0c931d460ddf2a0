import { oracleTests } from "./run.ts";

oracleTests("indexing");
