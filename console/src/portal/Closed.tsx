// The portal without a session: it was never opened, or a reload lost it. In a frame, the page around it is asked for one; alone, it says where to open it.
import { Button, Stack, Text, Title } from '@mantine/core';
import { useEffect, useState } from 'react';
import { isEmbedded, tellEmbedder } from './embedding.ts';

const keptAs = 'hookledger-opened-from';

/** The origin of the page that led here, if the browser tells. After a reload it no longer does, so it is kept for this tab. */
const findOrigin = (): string | undefined => {
  const from = URL.canParse(document.referrer) ? new URL(document.referrer).origin : location.origin;
  try {
    if (from !== location.origin) sessionStorage.setItem(keptAs, from);
    return sessionStorage.getItem(keptAs) ?? undefined;
  } catch {
    return undefined; // the browser gives this page no storage
  }
};
const origin = isEmbedded ? undefined : findOrigin();

export const whereToOpenAgain = (): string => `Open this page again from ${origin ?? 'the page that led you here'}.`;

/** The embedding page usually has a token at once. */
const patienceMs = 1_500;

export const Closed = () => {
  const [isLate, setLate] = useState(!isEmbedded);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), patienceMs);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return <main className="portal-closed" aria-busy="true" />;
  return (
    <Stack component="main" className="portal-closed" align="center" gap="xs">
      <Title order={1}>Your session is not open</Title>
      {isEmbedded ? (
        <>
          <Text c="dimmed" size="sm">
            The page around this one must open a session.
          </Text>
          <Button variant="default" mt="sm" onClick={() => tellEmbedder({ type: 'hookledger:expired' })}>
            Try again
          </Button>
        </>
      ) : (
        <Text c="dimmed" size="sm" className="wrap">
          A session ends after some time, and when its page is loaded again. {whereToOpenAgain()}
        </Text>
      )}
    </Stack>
  );
};
