import { oracleTests } from "./run.ts";

oracleTests("jaxprs");
