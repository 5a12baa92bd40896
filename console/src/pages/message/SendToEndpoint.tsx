// Sends a message to one endpoint, again or for the first time, whatever that subscribes to.
import { Button, Select, Stack, Text } from '@mantine/core';
import { useDebouncedValue, useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { useAsk } from '../../api/use-ask.ts';
import { Confirm } from '../../components/Confirm.tsx';
import { say, sayRefusal, useChange } from '../../components/use-change.ts';
import { endpointNames, sendMessage } from './message.query.ts';

export const SendToEndpoint = ({ messageId }: { readonly messageId: string }) => {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [endpointId, setEndpointId] = useState<string | null>(null);
  const [send, isSending] = useChange(sendMessage, ['Delivery', 'Message', 'Replay']);
  const confirm = async () => {
    if (endpointId === null) return undefined;
    const { error } = await send({ endpointId, messageId });
    if (error) return sayRefusal(error);
    close();
    return say('The message is on its way. Its lane shows here in a moment.');
  };
  return (
    <>
      <Button variant="default" onClick={open}>
        Send to endpoint
      </Button>
      <Confirm
        isOpen={isOpen}
        title="Send to endpoint"
        verb="Send"
        isBusy={isSending}
        isDisabled={endpointId === null}
        onConfirm={() => void confirm()}
        onClose={close}
      >
        <Stack gap="sm">
          <Text size="sm">
            The endpoint gets this message whatever it subscribes to, with the webhook-id that the message always has. The others get
            nothing.
          </Text>
          {isOpen && <EndpointSelect value={endpointId} onChange={setEndpointId} />}
        </Stack>
      </Confirm>
    </>
  );
};

type SelectProps = { readonly value: string | null; readonly onChange: (id: string | null) => void };

/** The first 50 by name; what is typed searches all. A disabled endpoint takes nothing. */
export const EndpointSelect = ({ value, onChange }: SelectProps) => {
  const [typed, setTyped] = useState('');
  const [search] = useDebouncedValue(typed.trim(), 250);
  const { data } = useAsk(endpointNames, search === '' ? {} : { search });
  const options = data?.endpoints.nodes.map(({ id, name, status }) => ({
    value: id,
    label: status === 'DISABLED' ? `${name} (disabled)` : name,
    disabled: status === 'DISABLED',
  }));
  return (
    <Select
      label="Endpoint"
      placeholder="Choose an endpoint"
      searchable
      data={options ?? []}
      value={value}
      onChange={onChange}
      onSearchChange={setTyped}
      nothingFoundMessage="No endpoint has this in its name or URL."
      comboboxProps={{ withinPortal: true }}
    />
  );
};
