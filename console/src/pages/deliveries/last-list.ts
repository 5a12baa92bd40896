// The deliveries of the table that was shown last, in its order: for going from one to the next on the page of a delivery.

const pages = new Map<string, readonly string[]>();

/** Another list begins. */
export const forgetList = (): void => pages.clear();

/** @param after the cursor before the page; empty for the first */
export const rememberPage = (after: string, ids: readonly string[]): void => void pages.set(after, ids);

export const neighboursOf = (id: string): { readonly previous: string | undefined; readonly next: string | undefined } => {
  const all = Array.from(pages.values()).flat();
  const at = all.indexOf(id);
  return at === -1 ? { previous: undefined, next: undefined } : { previous: all[at - 1], next: all[at + 1] };
};
