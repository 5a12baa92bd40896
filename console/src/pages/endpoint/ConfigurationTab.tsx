// The configuration of an endpoint as it is now.
import { Group } from '@mantine/core';
import { IfMay } from '../../components/IfMay.tsx';
import { ButtonTo } from '../../components/LinkTo.tsx';
import { Moment } from '../../components/Moment.tsx';
import { ConfigurationTable } from './ConfigurationTable.tsx';
import { fieldsOf } from './configuration.ts';
import type { Endpoint } from './EndpointPage.tsx';

export const ConfigurationTab = ({ endpoint }: { readonly endpoint: Endpoint }) => (
  <>
    <ConfigurationTable
      label="Configuration"
      rows={[
        ...fieldsOf(endpoint),
        ...(endpoint.publicKey === null ? [] : [{ name: 'publicKey', label: 'Public key', text: endpoint.publicKey }]),
      ]}
    />
    <Group justify="space-between" mt="sm" fz="sm" c="dimmed">
      <span>
        Made <Moment at={endpoint.createdAt} />, changed <Moment at={endpoint.updatedAt} />
      </span>
      <IfMay capability="MANAGE_ENDPOINTS">
        <ButtonTo to="/endpoints/$endpointId/edit" params={{ endpointId: endpoint.id }} variant="default" size="compact-sm">
          Change it
        </ButtonTo>
      </IfMay>
    </Group>
  </>
);
