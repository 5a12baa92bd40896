// Fields of a configuration with their values; where one was compared with another, what it is now beside what it was.
import { Table, Text } from '@mantine/core';
import type { Field } from './configuration.ts';

type Row = Field & { readonly now?: string | undefined };

export const ConfigurationTable = ({ label, rows }: { readonly label: string; readonly rows: readonly Row[] }) => {
  const isCompared = rows.some(({ now }) => now !== undefined);
  return (
    <div className="surface table-frame">
      <Table aria-label={label} layout="fixed" verticalSpacing="xs">
        <Table.Thead className={isCompared ? undefined : 'visually-hidden'}>
          <Table.Tr>
            <Table.Th w={isCompared ? '24%' : '30%'}>Field</Table.Th>
            <Table.Th>{isCompared ? 'Then' : 'Value'}</Table.Th>
            {isCompared && <Table.Th>Now, where it differs</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map(({ name, label: field, text, now }) => (
            <Table.Tr key={name}>
              <Table.Th scope="row" w={isCompared ? '24%' : '30%'} style={{ whiteSpace: 'normal', verticalAlign: 'top' }}>
                {field}
              </Table.Th>
              <Table.Td style={{ verticalAlign: 'top' }}>
                <Value text={text} />
              </Table.Td>
              {isCompared && <Table.Td style={{ verticalAlign: 'top' }}>{now !== undefined && <Value text={now} isNew />}</Table.Td>}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
};

/** Marked also by what it is, not by colour alone. */
export const Value = ({
  text,
  isOld = false,
  isNew = false,
}: {
  readonly text: string;
  readonly isOld?: boolean;
  readonly isNew?: boolean;
}) => (
  <Text
    size="sm"
    component={isOld ? 'del' : isNew ? 'ins' : 'span'}
    className={`wrap value ${isOld ? 'value-old' : ''} ${isNew ? 'value-new' : ''}`}
  >
    {text}
  </Text>
);
