/** Only the import. @module */
import "onnxruntime-web";
