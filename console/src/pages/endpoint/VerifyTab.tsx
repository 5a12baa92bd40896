// `Verify`: the code with which a receiver checks that a request is from here, for this endpoint's scheme and headers.
import { Button, Code, Group, List, SegmentedControl, Stack, Text } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { useRights } from '../../api/rights.ts';
import { CopyIcon } from '../../components/icons.tsx';
import { IfMay } from '../../components/IfMay.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Empty } from '../../components/states.tsx';
import { useCopy } from '../../components/use-copy.ts';
import type { Endpoint } from './EndpointPage.tsx';
import { Secret } from './Secret.tsx';
import { languages, signatureHeaders, verifyCode, type Language } from './verify-code.ts';

const hasOwnSecret = ({ signature, useOrganizationKey }: Endpoint) => signature !== 'STANDARD_WEBHOOKS_ED25519' && !useOrganizationKey;

const keyOf = ({ signature, publicKey, useOrganizationKey }: Endpoint, isPortal: boolean) => {
  if (signature === 'STANDARD_WEBHOOKS_ED25519') return <>the endpoint’s public key{publicKey !== null && <Code>{publicKey}</Code>}</>;
  return useOrganizationKey ? <>the organization’s integration signing key{!isPortal && ', in Settings'}</> : <>the endpoint’s secret</>;
};

export const VerifyTab = ({ endpoint }: { readonly endpoint: Endpoint }) => {
  const { isPortal } = useRights();
  const copy = useCopy();
  const [language, setLanguage] = useLocalStorage<Language>({
    key: 'hookledger-language',
    defaultValue: 'Node',
    getInitialValueInEffect: false,
  });
  const { signature } = endpoint;
  if (signature === 'NONE')
    return (
      <div className="surface">
        <Empty
          title="Its requests are not signed"
          action={
            <IfMay capability="MANAGE_ENDPOINTS">
              <ButtonTo to="/endpoints/$endpointId/edit" params={{ endpointId: endpoint.id }}>
                Choose a signature
              </ButtonTo>
            </IfMay>
          }
        >
          Anybody who knows the URL can send to it. With a signature the receiver can tell which requests are from here.
        </Empty>
      </div>
    );
  const code = verifyCode(signature, language);
  return (
    <Stack gap="lg">
      <Stack className="surface" p="md">
        <Text size="sm">
          The receiver checks{' '}
          {signatureHeaders[signature].map((name, at) => (
            <span key={name}>
              {at > 0 && ', '}
              <Code>{name}</Code>
            </span>
          ))}{' '}
          with {keyOf(endpoint, isPortal)}.
        </Text>
        <List size="sm">
          <List.Item>Verify the bytes of the body as they came, before you parse them.</List.Item>
          <List.Item>Answer with 2xx only once the message is stored: anything else is tried again.</List.Item>
          <List.Item>
            The same message can come twice. <Code>webhook-id</Code> is the same each time.
          </List.Item>
        </List>
        <Group justify="space-between">
          <SegmentedControl size="xs" aria-label="Language" data={[...languages]} value={language} onChange={setLanguage} />
          <Button size="xs" variant="default" leftSection={<CopyIcon size={14} />} onClick={() => copy(code, 'The code')}>
            Copy
          </Button>
        </Group>
        <pre className="code" tabIndex={0} aria-label={`Verification in ${language}`}>
          {code}
        </pre>
      </Stack>
      {hasOwnSecret(endpoint) && (
        <IfMay capability="VIEW_SECRETS">
          <Secret endpointId={endpoint.id} />
        </IfMay>
      )}
    </Stack>
  );
};
