import { oracleTests } from "./run.ts";

oracleTests("checkpoint");
