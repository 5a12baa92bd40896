// A list that grows by a page: `Load more` adds the next one below. Other filters begin it again.
import { useState } from 'react';

/** @param filters what the list is of; the cursors of other filters are forgotten */
export const usePages = (
  filters: object,
): { readonly cursors: readonly (string | undefined)[]; readonly loadMore: (after: string) => void; readonly forget: () => void } => {
  const key = JSON.stringify(filters);
  const [pages, setPages] = useState<{ readonly key: string; readonly after: readonly string[] }>({ key, after: [] });
  const after = pages.key === key ? pages.after : [];
  return {
    cursors: [undefined, ...after],
    loadMore: (cursor) => setPages({ key, after: after.includes(cursor) ? after : [...after, cursor] }),
    forget: () => setPages({ key, after: [] }),
  };
};
