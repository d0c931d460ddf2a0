import { oracleTests } from "./run.ts";

oracleTests("promotion");
