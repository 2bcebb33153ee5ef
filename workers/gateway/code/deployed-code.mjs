/**
 * The user's own code that this Worker was deployed with, by the names that documents have for it: none in the sources. What is
 * deployed with code has another file of this name beside the gateway's modules; `cli/code/build-code.ts` makes it.
 */
export const modules = {};
