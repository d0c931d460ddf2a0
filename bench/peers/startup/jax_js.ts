/** Only the import. @module */
import "@jax-js/jax";
