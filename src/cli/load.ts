// `hookledger load`: defines the event types of a catalog file (see examples/) on a running server, through its public API.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import * as z from 'zod';
import { parseJson } from '../domain/exact-number.ts';
import { json } from '../domain/json.ts';
import { configFromEnvironment } from './command-config.ts';
import { runCommand, printResult } from './run-command.ts';

export const addLoad = (program: Command): void => {
  program
    .command('load')
    .description('Defines the event types of a catalog file on a running server.')
    .argument('<file>', 'a JSON file such as examples/scalelite.json')
    .option('--url <url>', 'address of the server', 'http://127.0.0.1:3000')
    .option('--key <key>', 'an admin API key; default: HOOKLEDGER_ADMIN_KEY, or the file that HOOKLEDGER_ADMIN_KEY_FILE names')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  hookledger load examples/scalelite.json --key KEY
  HOOKLEDGER_ADMIN_KEY=KEY hookledger load my-types.json --url https://hookledger.example`,
    )
    .action((file: string, { url, key, json }: LoadCommand) =>
      runCommand([LoadFailed], async () => {
        const eventTypes = await load(file, { url, key: key ?? configFromEnvironment().adminKey });
        printResult(json, { file, eventTypes }, [`Defined ${eventTypes} event types from ${file}.`]);
        return 0;
      }),
    );
};

type LoadCommand = { readonly url: string; readonly key?: string; readonly json?: true };

const catalog = z.object({
  about: z.string().optional(),
  eventTypes: z
    .array(
      z.strictObject({
        name: z.string(),
        group: z.string().optional(),
        description: z.string().optional(),
        sample: json.optional(),
      }),
    )
    .min(1, 'it has no event types'),
});
type Answer = { readonly errors?: readonly { readonly message: string }[] };

const mutation = 'mutation ($input: EventTypeInput!) { defineEventType(input: $input) { name } }';

/** The message says what failed, and what to do. */
class LoadFailed extends Error {
  override name = 'LoadFailed';
}

const sentenceOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const read = (file: string): z.infer<typeof catalog> => {
  let content: unknown;
  try {
    content = parseJson(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new LoadFailed(`${file} can't be read: ${sentenceOf(error)}`);
  }
  const parsed = catalog.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new LoadFailed(`${file} is not a catalog: ${issue?.path.join('.')}: ${issue?.message}. Write {"eventTypes": [{"name": …}, …]}.`);
};

const define = async (url: URL, key: string, input: { readonly name: string }): Promise<void> => {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ query: mutation, variables: { input } });
  let answer: Answer;
  try {
    answer = (await (await fetch(url, { method: 'POST', headers, body })).json()) as Answer;
  } catch (error) {
    throw new LoadFailed(`No Hookledger answers at ${url.origin}; start it, or name its address with --url. (${sentenceOf(error)})`);
  }
  if (answer.errors?.[0]) throw new LoadFailed(`${input.name} was refused: ${answer.errors[0].message}`);
};

/** Loading a catalog again changes nothing. @returns the number of event types in it. @throws LoadFailed */
export const load = async (file: string, { url, key }: { readonly url: string; readonly key: string | undefined }): Promise<number> => {
  if (key === undefined) throw new LoadFailed('Loading needs an admin API key; give --key KEY, or set HOOKLEDGER_ADMIN_KEY.');
  if (!URL.canParse(url)) throw new LoadFailed(`"${url}" is not a URL; give --url such as http://127.0.0.1:3000.`);
  const { eventTypes } = read(file);
  for (const eventType of eventTypes) await define(new URL('/graphql', url), key, eventType);
  return eventTypes.length;
};
