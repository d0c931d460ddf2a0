import { oracleTests } from "./run.ts";

oracleTests("complex_layers");
