// The state of a job, and how far it is.
import { Badge, Progress, Stack, Text } from '@mantine/core';
import { CheckIcon, ClockIcon, StopIcon } from '../../components/icons.tsx';

const looks = {
  RUNNING: { label: 'Running', color: 'blue', icon: <ClockIcon size={14} /> },
  FINISHED: { label: 'Finished', color: 'teal', icon: <CheckIcon size={14} /> },
  DONE: { label: 'Finished', color: 'teal', icon: <CheckIcon size={14} /> },
  CANCELLED: { label: 'Cancelled', color: 'gray', icon: <StopIcon size={14} /> },
} as const;

export const JobStatus = ({ status }: { readonly status: keyof typeof looks }) => {
  const { label, color, icon } = looks[status];
  return (
    <Badge variant="light" color={color} leftSection={icon} className={`mark mark-${color}`} tt="none" fw={500} size="lg" radius="sm">
      {label}
    </Badge>
  );
};

type ProgressProps = { readonly text: string; readonly label: string; readonly percent: number | undefined; readonly isRunning: boolean };

export const JobProgress = ({ text, label, percent, isRunning }: ProgressProps) => (
  <Stack gap={4} miw={120}>
    <Text size="sm" className="numbers">
      {text}
    </Text>
    {isRunning && percent !== undefined && (
      <Progress.Root size="sm">
        <Progress.Section value={percent} aria-label={label} />
      </Progress.Root>
    )}
  </Stack>
);
