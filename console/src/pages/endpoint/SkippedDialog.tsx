// After `Enable`: what was skipped meanwhile, and whether to send it now.
import { Modal } from '@mantine/core';
import { SendSkipped, skippedSentence } from './Skipped.tsx';

type Props = { readonly id: string; readonly name: string; readonly count: number; readonly onClose: () => void };

export const SkippedDialog = ({ id, name, count, onClose }: Props) => (
  <Modal opened onClose={onClose} title={`${name}: ${skippedSentence(count)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
    <SendSkipped endpoint={{ id, skippedSinceDisabled: count, status: 'ENABLED' }} onSent={onClose} />
  </Modal>
);
