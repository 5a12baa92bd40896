// The name that stands in the title of the browser's tab. The portal has its organization's, or none.
import { useDocumentTitle } from '@mantine/hooks';
import { createContext, useContext } from 'react';

export const AppName = createContext<string | null>('Hookledger');

export const usePageTitle = (title: string): void => {
  const name = useContext(AppName);
  useDocumentTitle(name === null ? title : `${title} · ${name}`);
};
