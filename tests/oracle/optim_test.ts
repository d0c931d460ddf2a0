import { oracleTests } from "./run.ts";

oracleTests("optim");
