// Signing in with an API key. The key is sent once; from then on a cookie stands for it that no script can read.
import '../../more-library.css';
import { Alert, Box, Button, Center, Code, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { useDocumentTitle } from '@mantine/hooks';
import { useRouter, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useClient } from 'urql';
import { roleQuery } from '../../api/role.ts';
import { signIn } from '../../api/session.ts';
import logo from '../../icon.svg';

export const SignInPage = () => {
  useDocumentTitle('Sign in · Hookledger');
  const router = useRouter();
  const client = useClient();
  const { next } = useSearch({ from: '/sign-in' });
  const [key, setKey] = useState('');
  const [refusal, setRefusal] = useState<string>();
  const [isBusy, setBusy] = useState(false);

  /** What an auditor comes for is the history. */
  const landingPage = async () => {
    const { data } = await client.query(roleQuery, {}, { requestPolicy: 'network-only' }).toPromise();
    return data?.me.role === 'AUDITOR' ? '/history' : '/';
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (key.trim() === '') return setRefusal('Enter an API key.');
    setBusy(true);
    const answer = await signIn(key.trim());
    setBusy(false);
    if (answer.kind === 'refused') return setRefusal(answer.sentence);
    // A full load: nothing of the session before is in memory any more.
    const isPath = next !== undefined && /^\/(?!\/)/.test(next);
    const target = isPath && next !== '/' ? next : await landingPage();
    return router.navigate({ href: target, reloadDocument: true });
  };

  return (
    <Center component="main" mih="100dvh" p="md">
      <Box w="100%" maw={400} className="surface" p={{ base: 'lg', xs: 'xl' }}>
        <form onSubmit={(event) => void submit(event)}>
          <Stack gap="md">
            <img src={logo} alt="" width={36} height={36} />
            <div>
              <Title order={1}>Sign in to Hookledger</Title>
              <Text size="sm" c="dimmed" mt={4}>
                With an API key that may read: an admin’s, operator’s, viewer’s or auditor’s.
              </Text>
            </div>
            {refusal !== undefined && (
              <Alert color="red" variant="light" role="alert" py="xs">
                {refusal}
              </Alert>
            )}
            <PasswordInput
              label="API key"
              autoFocus
              autoComplete="current-password"
              value={key}
              onChange={({ currentTarget }) => setKey(currentTarget.value)}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the key', tabIndex: 0 }}
            />
            <Button type="submit" loading={isBusy} fullWidth>
              Sign in
            </Button>
            <Text size="xs" c="dimmed">
              The first start of a server prints its first admin key once, on the terminal. <Code>HOOKLEDGER_ADMIN_KEY</Code> sets it.
            </Text>
          </Stack>
        </form>
      </Box>
    </Center>
  );
};
