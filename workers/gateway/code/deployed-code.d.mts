/** What the file of a document exports, loaded when it is first needed. */
export const modules: Readonly<Record<string, () => Promise<{ readonly default?: unknown }>>>;
