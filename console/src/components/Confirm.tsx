// A question before what can't be undone or touches more than one thing. It says what will happen; its button is the verb.
import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import type { ReactNode } from 'react';

type ConfirmProps = {
  readonly isOpen: boolean;
  readonly title: string;
  readonly verb: string;
  readonly isDangerous?: boolean;
  readonly isBusy?: boolean;
  readonly isDisabled?: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
  readonly children: ReactNode;
};

export const Confirm = ({
  isOpen,
  title,
  verb,
  isDangerous = false,
  isBusy = false,
  isDisabled = false,
  onConfirm,
  onClose,
  children,
}: ConfirmProps) => (
  <Modal opened={isOpen} onClose={onClose} title={title} closeButtonProps={{ 'aria-label': 'Close' }}>
    <Stack>
      <Text size="sm" component="div" className="wrap">
        {children}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button {...(isDangerous && { color: 'red' })} loading={isBusy} disabled={isDisabled} onClick={onConfirm}>
          {verb}
        </Button>
      </Group>
    </Stack>
  </Modal>
);
