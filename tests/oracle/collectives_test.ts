import { oracleTests } from "./run.ts";

oracleTests("collectives");
