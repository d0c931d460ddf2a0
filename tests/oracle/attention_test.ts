import { oracleTests } from "./run.ts";

oracleTests("attention");
