// `?`: the keys of the console.
import { Group, Kbd, Modal, Table, Text } from '@mantine/core';
import { keyMeanings, pageKeys } from './keys.ts';
import { pages } from './Navigation.tsx';

export const KeySheet = ({ onClose }: { readonly onClose: () => void }) => {
  const places = pages.flatMap(({ to, label }) => {
    const key = pageKeys[to];
    return key === undefined ? [] : [{ keys: ['g', key], meaning: label }];
  });
  return (
    <Modal opened onClose={onClose} title="Keys" closeButtonProps={{ 'aria-label': 'Close' }}>
      <Table aria-label="Keys" verticalSpacing={6} highlightOnHover={false}>
        <Table.Tbody>
          {[...keyMeanings, ...places].map(({ keys, meaning }) => (
            <Table.Tr key={keys.join(' ')}>
              <Table.Td w={110}>
                <Group gap={4} wrap="nowrap">
                  {keys.map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </Group>
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Text size="xs" c="dimmed" mt="sm">
        They are off while you type. Ctrl-K or ⌘K opens the search from anywhere.
      </Text>
    </Modal>
  );
};
