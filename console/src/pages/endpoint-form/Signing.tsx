// How the receiver knows that a request is ours: the scheme, and whose secret signs.
import { Group, PasswordInput, Radio, Select, Stack } from '@mantine/core';
import { useState } from 'react';
import { useRights } from '../../api/rights.ts';
import type { FormValues, SecretChoice } from './form-values.ts';
import { Section, type SectionProps } from './Section.tsx';

const schemes = [
  { value: 'NONE', label: 'None' },
  { value: 'WEBHOOK_SHA256', label: 'X-Webhook-Signature: sha256=<hex>' },
  { value: 'SIGNATURE_SHA256', label: 'x-signature: <hex>, with x-signature-algo' },
  { value: 'STANDARD_WEBHOOKS', label: 'Standard Webhooks (HMAC)' },
  { value: 'STANDARD_WEBHOOKS_ED25519', label: 'Standard Webhooks (Ed25519)' },
] as const;

/** @param hasOrganizationKey the organization's key is a choice: customers can't see it, so it is offered to them only where it signs already */
const choices = (
  isNew: boolean,
  hasOrganizationKey: boolean,
): readonly { readonly value: SecretChoice; readonly label: string; readonly description: string }[] => [
  ...(isNew
    ? ([
        { value: 'GENERATED', label: 'Generated', description: 'A long random secret, shown once it is saved.' },
        { value: 'OWN', label: 'Own', description: 'One that the receiver has already.' },
      ] as const)
    : ([{ value: 'KEPT', label: 'The endpoint’s own', description: 'Rotate secret, in the list, changes it.' }] as const)),
  ...(hasOrganizationKey
    ? ([
        { value: 'ORGANIZATION', label: 'Integration signing key', description: 'The organization’s key, the same for all that use it.' },
      ] as const)
    : []),
];

export const Signing = ({ values, set, problems, isNew }: SectionProps<FormValues> & { readonly isNew: boolean }) => {
  const { isPortal } = useRights();
  const [signedWithIt] = useState(values.secretChoice === 'ORGANIZATION');
  const hasOrganizationKey = !isPortal || signedWithIt;
  return (
    <Section title="Signing" about="How the receiver can tell that a request is yours.">
      <Select
        label="Signature"
        data={[...schemes]}
        allowDeselect={false}
        value={values.signature}
        error={problems['signature']}
        onChange={(value) => value !== null && set({ signature: value })}
      />
      {values.signature !== 'NONE' && (
        <Radio.Group
          label="Key"
          value={values.secretChoice}
          onChange={(value) => set({ secretChoice: value })}
          error={problems['useOrganizationKey']}
        >
          <Stack gap="xs" mt={6}>
            {choices(isNew, hasOrganizationKey).map((choice) => (
              <Radio key={choice.value} {...choice} />
            ))}
          </Stack>
        </Radio.Group>
      )}
      {values.signature !== 'NONE' && values.secretChoice === 'OWN' && (
        <Group>
          <PasswordInput
            label="Secret"
            autoComplete="off"
            value={values.secret}
            error={problems['secret']}
            onChange={({ currentTarget }) => set({ secret: currentTarget.value })}
            visibilityToggleButtonProps={{ 'aria-label': 'Show the secret', tabIndex: 0 }}
            style={{ flex: 1 }}
          />
        </Group>
      )}
    </Section>
  );
};
