// A fact with its name above.
import { Text } from '@mantine/core';
import type { ReactNode } from 'react';

export const Fact = ({ label, children }: { readonly label: string; readonly children: ReactNode }) => (
  <div style={{ minWidth: 0 }}>
    <Text size="xs" c="dimmed">
      {label}
    </Text>
    <Text size="sm" component="div" className="wrap">
      {children}
    </Text>
  </div>
);
