// docs/formats.md is true: the formats turn its message into its examples.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { formatBody } from '../../src/delivery/formats/format.ts';
import { evaluateTemplate } from '../../src/delivery/formats/template.ts';
import type { JsonObject } from '../../src/domain/json.ts';

const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');
const block = (info: string): string => {
  const [, , code = ''] = Array.from(page.matchAll(/^```(.*)\n([^]*?)^```$/gm)).find(([, given]) => given === info) ?? [];
  return code;
};
const given = JSON.parse(block('json message')) as { type: string; timestamp: string; data: JsonObject };
const message = { ...given, id: '019b0000-0000-7000-8000-000000000000' };
const template = block('text template');
const evaluate = async (text: string): Promise<JsonObject> => JSON.parse(await evaluateTemplate(text, message, 10_000)) as JsonObject;

it.each(['SLACK', 'PAGERDUTY', 'TEMPLATE'] as const)('%s is as the page shows it', async (format) => {
  const options = { template, routingKey: 'R0123456789abcdefghijklmnopqrstu' };
  const { body } = await formatBody(format as string as 'TEMPLATE', message, options, evaluate);
  expect(JSON.parse(body)).toEqual(JSON.parse(block(`json ${format}`)));
});
