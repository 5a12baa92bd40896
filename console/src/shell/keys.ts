// The keys of the console. Pure: what a key means; Keyboard.tsx does it.

/** Behind `g`, by address. A page that is not in the navigation has none. */
export const pageKeys: Readonly<Record<string, string>> = {
  '/': 'o',
  '/endpoints': 'e',
  '/deliveries': 'd',
  '/messages': 'm',
  '/publish': 'p',
  '/event-types': 't',
  '/replays': 'r',
  '/sources': 'c',
  '/history': 'h',
  '/organizations': 'z',
  '/settings': 's',
  '/system': 'y',
};

/** What the sheet says. */
export const keyMeanings = [
  { keys: ['/'], meaning: 'Search' },
  { keys: ['j'], meaning: 'Next row, or next delivery' },
  { keys: ['k'], meaning: 'Previous row, or previous delivery' },
  { keys: ['Enter'], meaning: 'Open the row' },
  { keys: ['x'], meaning: 'Select the row' },
  { keys: ['r'], meaning: 'Retry' },
  { keys: ['Esc'], meaning: 'Close, or clear the selection' },
  { keys: ['?'], meaning: 'Show these keys' },
] as const;

export type KeyAction =
  | { readonly kind: 'search' | 'sheet' | 'next' | 'previous' | 'select' | 'retry' | 'leave' | 'begin go' }
  | { readonly kind: 'go'; readonly to: string };

const simple: Readonly<Record<string, Exclude<KeyAction['kind'], 'go'>>> = {
  '/': 'search',
  '?': 'sheet',
  j: 'next',
  k: 'previous',
  x: 'select',
  r: 'retry',
  Escape: 'leave',
  g: 'begin go',
};

type Pressed = { readonly key: string; readonly ctrlKey: boolean; readonly metaKey: boolean; readonly altKey: boolean };

/**
 * @param isAfterG the key before was `g`, a moment ago
 * @param isTyping the key goes into a field: only Ctrl-K is ours then
 * @param pages the addresses in the navigation
 */
export const actionOf = (
  { key, ctrlKey, metaKey, altKey }: Pressed,
  { isAfterG, isTyping, pages }: { readonly isAfterG: boolean; readonly isTyping: boolean; readonly pages: readonly string[] },
): KeyAction | undefined => {
  if ((ctrlKey || metaKey) && !altKey) return key.toLowerCase() === 'k' ? { kind: 'search' } : undefined;
  if (isTyping || altKey || ctrlKey || metaKey) return undefined;
  if (isAfterG) {
    const to = pages.find((page) => pageKeys[page] === key);
    return to === undefined ? undefined : { kind: 'go', to };
  }
  const kind = simple[key];
  return kind === undefined ? undefined : { kind };
};
