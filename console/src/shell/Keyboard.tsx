// Listens to the keys on every page. `j` and `k` move the focus to the first link of the next row of a table, where Enter opens it. What a
// page does at `r`, `j` and `k` it marks with `data-key`.
import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useEffectEvent, useRef, useState } from 'react';
import { actionOf, type KeyAction } from './keys.ts';
import { pages } from './Navigation.tsx';

const KeySheet = lazy(() => import('./KeySheet.tsx').then(({ KeySheet: component }) => ({ default: component })));

const rowSelector = '.table-frame tbody tr';
const goWithinMs = 1_500;
const typingRoles = new Set(['textbox', 'combobox', 'searchbox', 'slider', 'spinbutton']);
const typed = 'textarea, select, input:not([type=checkbox], [type=radio], [type=button])';

const isTypingIn = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || target.matches(typed) || typingRoles.has(target.role ?? ''));

const visible = (selector: string) => [...document.querySelectorAll<HTMLElement>(selector)].filter((element) => element.checkVisibility());
const rows = () => visible(rowSelector).filter((row) => row.querySelector('a') !== null);
const currentRow = () => document.activeElement?.closest<HTMLElement>(rowSelector) ?? undefined;

const press = (key: string): boolean => {
  const [inRow] = currentRow()?.querySelectorAll<HTMLElement>(`[data-key="${key}"]`) ?? [];
  const button = visible(`[data-key="${key}"]`).find((each) => each.closest(rowSelector) === null) ?? inRow;
  button?.click();
  return button !== undefined;
};

const moveBy = (step: 1 | -1) => {
  const all = rows();
  const at = all.findIndex((row) => row === currentRow());
  const next = all[at === -1 ? (step === 1 ? 0 : -1) : at + step] ?? (at === -1 ? all.at(-1) : undefined);
  const link = next?.querySelector('a');
  link?.focus({ preventScroll: true });
  link?.scrollIntoView({ block: 'nearest' });
};

const leave = () => {
  if (!press('Escape') && document.activeElement instanceof HTMLElement) document.activeElement.blur();
};

export const Keyboard = ({ onSearch }: { readonly onSearch: () => void }) => {
  const navigate = useNavigate();
  const gAt = useRef(Number.NEGATIVE_INFINITY);
  const [isSheetOpen, setSheetOpen] = useState(false);
  const act = (action: KeyAction) => {
    switch (action.kind) {
      case 'search':
        return onSearch();
      case 'sheet':
        return setSheetOpen(true);
      case 'go':
        return void navigate({ to: action.to });
      case 'next':
        return press('j') || moveBy(1);
      case 'previous':
        return press('k') || moveBy(-1);
      case 'select':
        return currentRow()?.querySelector<HTMLInputElement>('input[type=checkbox]')?.click();
      case 'retry':
        return press('r');
      case 'leave':
        return leave();
      case 'begin go':
        return undefined;
    }
  };
  const hear = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || (event.repeat && !['j', 'k'].includes(event.key))) return;
    // A dialog or a menu has keys of its own.
    if (visible('[role=dialog], [role=menu], [role=listbox]').length > 0) return;
    const isAfterG = event.timeStamp - gAt.current < goWithinMs;
    const isTyping = isTypingIn(event.target);
    const action = actionOf(event, { isAfterG, isTyping, pages: pages.map(({ to }) => to) });
    gAt.current = action?.kind === 'begin go' ? event.timeStamp : Number.NEGATIVE_INFINITY;
    if (action === undefined) return;
    if (action.kind !== 'leave') event.preventDefault();
    act(action);
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => hear(event);
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
  return <Suspense>{isSheetOpen && <KeySheet onClose={() => setSheetOpen(false)} />}</Suspense>;
};
