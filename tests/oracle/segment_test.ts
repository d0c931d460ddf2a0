import { oracleTests } from "./run.ts";

oracleTests("segment");
