// Copies text, and says that it did.
import { notifications } from '@mantine/notifications';
import { useCallback } from 'react';

export const useCopy = () =>
  useCallback((text: string, what: string) => {
    navigator.clipboard.writeText(text).then(
      () => notifications.show({ message: `${what} was copied.`, autoClose: 2_000 }),
      () => notifications.show({ message: 'The browser did not allow copying. Select the text instead.', color: 'red' }),
    );
  }, []);
