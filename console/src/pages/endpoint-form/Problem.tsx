// What is wrong with a part of the form that is more than one field.
import { Text } from '@mantine/core';

export const Problem = ({ text }: { readonly text: string | undefined }) =>
  text === undefined ? null : (
    <Text size="xs" c="var(--mantine-color-error)">
      {text}
    </Text>
  );
