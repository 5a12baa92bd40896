// What can be done to the selected endpoints together.
import { Button, Group, List, Menu, Paper, Stack, Text, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CombinedError } from 'urql';
import { useRights } from '../../api/rights.ts';
import { Confirm } from '../../components/Confirm.tsx';
import type { EndpointStatusName } from '../../components/Status.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { deleteEndpoint, disableEndpoint, enableEndpoint, pauseEndpoint, resumeEndpoint, testEndpoint } from './endpoint-changes.ts';

type Chosen = { readonly id: string; readonly name: string; readonly status: EndpointStatusName };
type Props = { readonly chosen: readonly Chosen[]; readonly onDone: () => void };
type Change = (variables: { id: string; reason?: string | null }) => Promise<{ error: CombinedError | undefined }>;

type Action = {
  readonly verb: string;
  readonly done: string;
  readonly consequence: string;
  readonly from: readonly EndpointStatusName[];
  readonly isDangerous?: boolean;
  readonly asksReason?: boolean;
  readonly change: Change;
};

const lists = ['Endpoint', 'Delivery'];
const mostNamed = 8;
const all = ['ENABLED', 'PAUSED', 'DISABLED'] as const;

const useActions = (): readonly Action[] => {
  const { may } = useRights();
  const [test] = useChange(testEndpoint, lists);
  const [pause] = useChange(pauseEndpoint, lists);
  const [resume] = useChange(resumeEndpoint, lists);
  const [enable] = useChange(enableEndpoint, lists);
  const [disable] = useChange(disableEndpoint, lists);
  const [remove] = useChange(deleteEndpoint, lists);
  const actions: readonly Action[] = [
    { verb: 'Test', done: 'tested', consequence: 'Each gets one test message, now.', from: all, change: test },
    { verb: 'Pause', done: 'paused', consequence: 'Their deliveries wait until they are resumed.', from: ['ENABLED'], change: pause },
    { verb: 'Resume', done: 'active', consequence: 'What waited goes out.', from: ['PAUSED'], change: resume },
    {
      verb: 'Enable',
      done: 'active',
      consequence: 'What waited goes out; what was skipped can be sent from their pages.',
      from: ['DISABLED'],
      change: enable,
    },
    {
      verb: 'Disable',
      done: 'disabled',
      consequence: 'Messages that match from now on are recorded as skipped, and what waits is held until somebody enables them.',
      from: ['ENABLED', 'PAUSED'],
      asksReason: true,
      change: disable,
    },
    {
      verb: 'Delete',
      done: 'deleted',
      consequence:
        'They get no more messages, and what still waits for them is cancelled. This can’t be undone; their history stays in the log.',
      from: all,
      isDangerous: true,
      change: remove,
    },
  ];
  return actions.filter(({ verb }) => may(verb === 'Test' ? 'SEND_TESTS' : 'MANAGE_ENDPOINTS'));
};

export const EndpointSelection = ({ chosen, onDone }: Props) => {
  const actions = useActions();
  const [asked, setAsked] = useState<Action>();
  const touched = chosen.filter(({ status }) => asked?.from.includes(status));
  return (
    <>
      <Paper withBorder shadow="md" p="xs" className="selection" role="region" aria-label="Selection">
        <Group gap="xs">
          <Text size="sm" px="xs" className="numbers">
            {chosen.length} selected
          </Text>
          <Menu position="top" withinPortal>
            <Menu.Target>
              <Button size="xs">Change {chosen.length}</Button>
            </Menu.Target>
            <Menu.Dropdown>
              {actions.map((action) => {
                const count = chosen.filter(({ status }) => action.from.includes(status)).length;
                return (
                  <Menu.Item
                    key={action.verb}
                    disabled={count === 0}
                    color={action.isDangerous === true ? 'red' : undefined}
                    onClick={() => setAsked(action)}
                  >
                    {action.verb} {count}
                  </Menu.Item>
                );
              })}
            </Menu.Dropdown>
          </Menu>
          <Button size="xs" variant="subtle" onClick={onDone} data-key="Escape">
            Clear selection
          </Button>
        </Group>
      </Paper>
      {asked !== undefined && (
        <ActionDialog
          action={asked}
          touched={touched}
          onClose={() => setAsked(undefined)}
          onDone={() => {
            setAsked(undefined);
            onDone();
          }}
        />
      )}
    </>
  );
};

type DialogProps = {
  readonly action: Action;
  readonly touched: readonly Chosen[];
  readonly onClose: () => void;
  readonly onDone: () => void;
};

const ActionDialog = ({ action, touched, onClose, onDone }: DialogProps) => {
  const [reason, setReason] = useState('');
  const [isBusy, setBusy] = useState(false);
  const what = touched.length === 1 ? '1 endpoint' : `${touched.length} endpoints`;
  const run = async () => {
    setBusy(true);
    let refused = 0;
    for (const { id } of touched) {
      const { error } = await action.change({
        id,
        ...(action.asksReason === true && { reason: reason.trim() === '' ? null : reason.trim() }),
      });
      if (error) {
        refused++;
        sayRefusal(error);
      }
    }
    setBusy(false);
    say(`${touched.length - refused} of ${what} ${touched.length === 1 ? 'is' : 'are'} ${action.done}.`);
    onDone();
  };
  return (
    <Confirm
      isOpen
      title={`${action.verb} ${what}?`}
      verb={`${action.verb} ${touched.length}`}
      isDangerous={action.isDangerous === true}
      isBusy={isBusy}
      onConfirm={() => void run()}
      onClose={onClose}
    >
      <Stack gap="xs">
        {action.consequence}
        <List size="sm">
          {touched.slice(0, mostNamed).map(({ id, name }) => (
            <List.Item key={id}>{name}</List.Item>
          ))}
          {touched.length > mostNamed && <List.Item>and {touched.length - mostNamed} more</List.Item>}
        </List>
        {action.asksReason === true && (
          <TextInput label="Reason" value={reason} onChange={({ currentTarget }) => setReason(currentTarget.value)} data-autofocus />
        )}
      </Stack>
    </Confirm>
  );
};
