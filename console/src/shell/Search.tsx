// The button of the search palette; the palette is loaded when it is first opened.
import { Button, Kbd } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { SearchIcon } from '../components/icons.tsx';

const Palette = lazy(() => import('./Palette.tsx').then(({ Palette: component }) => ({ default: component })));

type Props = { readonly isOpen: boolean; readonly onOpen: () => void; readonly onClose: () => void };

export const Search = ({ isOpen, onOpen, onClose }: Props) => (
  <>
    <Button
      variant="default"
      className="search-button"
      aria-label="Search"
      aria-keyshortcuts="/ Control+K Meta+K"
      leftSection={<SearchIcon />}
      rightSection={<Kbd size="xs">/</Kbd>}
      onClick={onOpen}
    >
      Search
    </Button>
    <Suspense>{isOpen && <Palette onClose={onClose} />}</Suspense>
  </>
);
