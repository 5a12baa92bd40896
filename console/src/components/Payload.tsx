// A payload, as a tree or as the text that it is, with a button that copies it.
import { ActionIcon, Group, Title, Tooltip } from '@mantine/core';
import { useState } from 'react';
import type { Json } from '../api/graphql.ts';
import { CopyIcon } from './icons.tsx';
import type { Marks } from './json-marks.ts';
import { JsonTree } from './JsonTree.tsx';
import { Segments } from './Segments.tsx';
import { useCopy } from './use-copy.ts';

type Props = { readonly title: string; readonly value: Json; readonly marks?: Marks };

export const Payload = ({ title, value, marks }: Props) => {
  const [form, setForm] = useState<'tree' | 'raw'>('tree');
  const copy = useCopy();
  const text = JSON.stringify(value, null, 2);
  return (
    <section aria-label={title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Title order={2}>{title}</Title>
        <Group gap={4}>
          <Segments
            size="xs"
            aria-label={`${title} as`}
            value={form}
            onChange={(value) => setForm(value === 'raw' ? 'raw' : 'tree')}
            data={[
              { value: 'tree', label: 'Tree' },
              { value: 'raw', label: 'Raw' },
            ]}
          />
          <Tooltip label={`Copy ${title.toLowerCase()}`}>
            <ActionIcon variant="subtle" color="gray" aria-label={`Copy ${title.toLowerCase()}`} onClick={() => copy(text, title)}>
              <CopyIcon />
            </ActionIcon>
          </Tooltip>
        </Group>
      </Group>
      {form === 'tree' ? (
        <JsonTree value={value} label={`${title}, as a tree`} {...(marks !== undefined && { marks })} />
      ) : (
        <pre className="code" tabIndex={0} aria-label={`${title}, raw`}>
          {text}
        </pre>
      )}
    </section>
  );
};
