// One organization in the table. Its name leads to its overview.
import { Anchor, Table, Text, Tooltip } from '@mantine/core';
import type { ResultOf } from '../../api/graphql.ts';
import { addressFor } from '../../api/organization.ts';
import { OrganizationStatus } from '../../components/Status.tsx';
import { limitsText } from './limits.ts';
import { OrganizationActions } from './OrganizationActions.tsx';
import type { organizationRow } from './organizations.query.ts';

export type Organization = ResultOf<typeof organizationRow>;

const number = (value: number) => value.toLocaleString('en-US');

export const OrganizationRow = ({ organization }: { readonly organization: Organization }) => {
  const { id, name, status, suspendedReason, usage, limits } = organization;
  const own = limitsText(limits);
  return (
    <Table.Tr>
      <Table.Td maw={{ base: 110, xs: 180, sm: 260 }}>
        <Anchor href={addressFor(id)} size="sm" fw={500} className="cut" title={name}>
          {name}
        </Anchor>
        <Text size="xs" c="dimmed" className="cut mono" title={id}>
          {id}
        </Text>
      </Table.Td>
      <Table.Td>
        {suspendedReason === null ? (
          <OrganizationStatus status={status} />
        ) : (
          <Tooltip label={suspendedReason} multiline maw={360}>
            <span tabIndex={0}>
              <OrganizationStatus status={status} />
            </span>
          </Tooltip>
        )}
      </Table.Td>
      <Table.Td visibleFrom="sm" ta="right" className="numbers">
        {number(usage.endpoints)}
      </Table.Td>
      <Table.Td visibleFrom="sm" ta="right" className="numbers">
        {number(usage.waitingDeliveries)}
      </Table.Td>
      <Table.Td visibleFrom="md" ta="right" className="numbers">
        {number(usage.messagesLastDay)}
      </Table.Td>
      <Table.Td visibleFrom="md" ta="right" className="numbers">
        {number(usage.refusedLastDay)}
      </Table.Td>
      <Table.Td visibleFrom="lg" miw={160} maw={260}>
        {own === '' ? (
          <Text size="sm" c="dimmed">
            Defaults
          </Text>
        ) : (
          <Text size="sm" lineClamp={2} title={own}>
            {own}
          </Text>
        )}
      </Table.Td>
      <Table.Td w={60}>
        <OrganizationActions organization={organization} />
      </Table.Td>
    </Table.Tr>
  );
};
