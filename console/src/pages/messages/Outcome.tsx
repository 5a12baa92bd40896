// Where a message went, as marks: how many of its deliveries are in which state, and at how many endpoints it was skipped.
import { Badge, Group, Text, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import type { ResultOf } from '../../api/graphql.ts';
import { CheckIcon, ClockIcon, CrossIcon, PauseIcon, StopIcon } from '../../components/icons.tsx';
import type { messageRow } from './messages.query.ts';

type Counts = ResultOf<typeof messageRow>['outcome'];
type Kind = { readonly name: keyof Counts; readonly word: string; readonly color: string; readonly icon: ReactNode };

const kinds: readonly Kind[] = [
  { name: 'succeeded', word: 'succeeded', color: 'teal', icon: <CheckIcon size={13} /> },
  { name: 'failed', word: 'failed', color: 'red', icon: <CrossIcon size={13} /> },
  { name: 'open', word: 'open', color: 'blue', icon: <ClockIcon size={13} /> },
  { name: 'cancelled', word: 'cancelled', color: 'gray', icon: <StopIcon size={13} /> },
  { name: 'skipped', word: 'skipped: the endpoint was disabled', color: 'yellow', icon: <PauseIcon size={13} /> },
];

export const Outcome = ({ outcome }: { readonly outcome: Counts }) => {
  const shown = kinds.filter(({ name }) => outcome[name] > 0);
  if (shown.length === 0)
    return (
      <Text size="sm" c="dimmed">
        Went nowhere
      </Text>
    );
  return (
    <Group gap={4}>
      {shown.map(({ name, word, color, icon }) => (
        <Tooltip key={name} label={`${outcome[name].toLocaleString('en-US')} ${word}`}>
          <Badge
            variant="light"
            color={color}
            leftSection={icon}
            className={`mark mark-${color} numbers`}
            size="lg"
            radius="sm"
            px={8}
            fw={500}
            role="img"
            aria-label={`${outcome[name]} ${word}`}
          >
            {outcome[name].toLocaleString('en-US')}
          </Badge>
        </Tooltip>
      ))}
    </Group>
  );
};
