/** Only the import. @module */
import "@tensorflow/tfjs";
import "@tensorflow/tfjs-backend-wasm";
