// A section of the form: its title at the left, its fields at the right, one above the other on narrow screens.
import { Stack, Text, Title } from '@mantine/core';
import { useId } from '@mantine/hooks';
import type { ReactNode } from 'react';

export const Section = ({ title, about, children }: { readonly title: string; readonly about: string; readonly children: ReactNode }) => {
  const id = useId();
  return (
    <Stack component="section" aria-labelledby={id} className="surface" p={{ base: 'md', sm: 'lg' }} gap="md">
      <div>
        <Title order={2} id={id}>
          {title}
        </Title>
        <Text size="sm" c="dimmed">
          {about}
        </Text>
      </div>
      {children}
    </Stack>
  );
};

/** What every section gets. */
export type SectionProps<Values> = {
  readonly values: Values;
  readonly set: (change: Partial<Values>) => void;
  /** By the path of the input's field. */
  readonly problems: Readonly<Record<string, string>>;
};
