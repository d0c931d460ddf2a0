/** Only the import. @module */
import "@vernal/vernal";
