// The request as the receiver would get it, made by the server from what the form says now. Nothing is stored and nothing is sent.
import { Alert, Badge, Group, Stack, Text, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { parseJson } from '../../../../src/domain/exact-number.ts';
import { sentenceOf } from '../../api/client.ts';
import type { Json, ResultOf } from '../../api/graphql.ts';
import { previewInputOf, unreadableJson, type FormValues } from './form-values.ts';
import { previewEndpoint } from './form.query.ts';

type Sample = { readonly type: string; readonly data: Json };
type Shown = { readonly request?: ResultOf<typeof previewEndpoint>['previewEndpoint']; readonly refusal?: string };

/** One at a time, half a second after the last change. */
const waitMs = 500;

export const Preview = ({ values, sample }: { readonly values: FormValues; readonly sample: Sample }) => {
  const client = useClient();
  const [asked] = useDebouncedValue(JSON.stringify({ values, sample }), waitMs);
  const [shown, setShown] = useState<Shown>({});
  useEffect(() => {
    const now = parseJson(asked) as unknown as { values: FormValues; sample: Sample };
    if (now.values.url.trim() === '' || Object.keys(unreadableJson(now.values)).length > 0) return undefined;
    let isCurrent = true;
    const ask = async () => {
      const { data, error } = await client
        .mutation(previewEndpoint, { input: previewInputOf(now.values), message: now.sample })
        .toPromise();
      if (!isCurrent) return;
      setShown((before) => (data ? { request: data.previewEndpoint } : { ...before, ...(error && { refusal: sentenceOf(error) }) }));
    };
    void ask();
    return () => void (isCurrent = false);
  }, [asked, client]);

  const { request, refusal } = shown;
  return (
    <Stack component="section" aria-label="Preview" className="surface" p="md" gap="sm">
      <Group justify="space-between">
        <Title order={2}>Preview</Title>
        {request !== undefined && (
          <Badge
            variant="light"
            color={request.matches ? 'teal' : 'yellow'}
            className={request.matches ? 'mark mark-teal' : 'mark mark-yellow'}
            tt="none"
            radius="sm"
          >
            {request.matches ? 'It gets this event' : 'It does not get this event'}
          </Badge>
        )}
      </Group>
      {refusal !== undefined && (
        <Alert color="yellow" variant="light" py="xs">
          {refusal}
        </Alert>
      )}
      {request === undefined ? (
        <Text size="sm" c="dimmed">
          With a URL, this shows the request that {sample.type} makes, as it will be sent.
        </Text>
      ) : (
        <>
          <pre className="code" tabIndex={0} aria-label="Request headers">
            {[`POST ${request.url}`, ...headerLines(request.headers)].join('\n')}
          </pre>
          <pre className="code" tabIndex={0} aria-label="Request body">
            {indented(request.body)}
          </pre>
        </>
      )}
    </Stack>
  );
};

export const headerLines = (headers: Json): readonly string[] =>
  typeof headers === 'object' && headers !== null ? Object.entries(headers).map(([name, value]) => `${name}: ${textOf(value)}`) : [];

/** Of a header: several values are a list. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** JSON is easier to read with line breaks. Numbers keep all their digits. */
export const indented = (body: string): string => {
  try {
    return JSON.stringify(parseJson(body), null, 2);
  } catch {
    return body;
  }
};
