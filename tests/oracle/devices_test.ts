import { oracleTests } from "./run.ts";

oracleTests("devices");
