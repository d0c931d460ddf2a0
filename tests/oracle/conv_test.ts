import { oracleTests } from "./run.ts";

oracleTests("conv");
