import { oracleTests } from "./run.ts";

oracleTests("fft");
