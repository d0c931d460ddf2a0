import { oracleTests } from "./run.ts";

oracleTests("nn");
