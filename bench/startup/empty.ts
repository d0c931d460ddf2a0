/** Nothing: what every process costs. @module */
export {};
