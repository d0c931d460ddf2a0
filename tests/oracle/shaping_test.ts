import { oracleTests } from "./run.ts";

oracleTests("shaping");
