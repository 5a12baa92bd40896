// Checks docker-compose.yml, .env.example and the Dockerfile as far as possible without Docker: Hookledger accepts their settings, secrets come only
// from .env, and the files that they name exist.
import { existsSync, readFileSync } from 'node:fs';
import { parsers } from 'prettier/plugins/yaml';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { describeConfig, readConfig } from '../src/config.ts';

const textOf = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

type Node = { readonly type: string; readonly value?: string; readonly children?: readonly (Node | null)[] };

/** Reads the YAML that our file uses: mappings, lists and texts. */
const valueOf = (node: Node | null | undefined): unknown => {
  const children = node?.children ?? [];
  switch (node?.type) {
    case undefined:
    case 'null':
      return null;
    case 'plain':
    case 'quoteSingle':
    case 'quoteDouble':
      return node?.value;
    case 'mapping':
    case 'flowMapping':
      return Object.fromEntries(children.map((item) => [valueOf(item?.children?.[0]), valueOf(item?.children?.[1])]));
    case 'sequence':
    case 'flowSequence':
      return children.map(valueOf);
    case 'root':
    case 'document':
    case 'documentBody':
    case 'mappingKey':
    case 'mappingValue':
    case 'sequenceItem':
    case 'flowSequenceItem':
      return valueOf(children.find((child) => child !== null && !/comment|documentHead/i.test(child.type)));
    default:
      throw new Error(`The compose file has a ${node?.type}, which this spec does not read.`);
  }
};

const compose = z
  .strictObject({
    name: z.string(),
    services: z.record(
      z.string(),
      z.strictObject({
        image: z.string(),
        build: z.string().optional(),
        restart: z.string(),
        init: z.string().optional(),
        stop_grace_period: z.string(),
        ports: z.array(z.string()).optional(),
        environment: z.record(z.string(), z.string()),
        volumes: z.array(z.string()),
        depends_on: z.record(z.string(), z.strictObject({ condition: z.literal('service_healthy') })).optional(),
        healthcheck: z
          .strictObject({
            test: z.array(z.string()),
            interval: z.string(),
            timeout: z.string(),
            retries: z.string(),
            start_period: z.string(),
          })
          .optional(),
      }),
    ),
    volumes: z.record(z.string(), z.null()),
  })
  .parse(valueOf(parsers.yaml.parse(textOf('docker-compose.yml'), {} as never) as Node));
const { hookledger, ...others } = compose.services;

/** `${NAME:?sentence for a missing value}` */
const variable = /\$\{(\w+):\?([^}]+)\}/g;
const environments = Object.values(compose.services).flatMap(({ environment }) => Object.entries(environment));
const secrets: Record<string, string> = {
  POSTGRES_PASSWORD: '0123456789abcdef',
  HOOKLEDGER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  HOOKLEDGER_ADMIN_KEY: '0123456789abcdef0123456789abcdef',
};

describe('docker-compose.yml', () => {
  it('gives Hookledger settings that it accepts', () => {
    const environment = Object.fromEntries(
      Object.entries(hookledger?.environment ?? {}).map(([name, value]) => [
        name,
        value.replace(variable, (_, of: string) => secrets[of] ?? ''),
      ]),
    );
    expect(readConfig(environment)).toMatchObject({
      log: { kind: 'eventstoredb', url: expect.stringContaining('esdb://kurrentdb:2113'), prefix: 'hookledger_' },
      database: { kind: 'postgres', url: `postgres://hookledger:${secrets['POSTGRES_PASSWORD']}@postgres:5432/hookledger` },
      adminKey: secrets['HOOKLEDGER_ADMIN_KEY'],
    });
  });

  it('holds no secret: each comes from .env, and a missing one is reported in a sentence', () => {
    const named = environments.flatMap(([, value]) =>
      Array.from(value.matchAll(variable), ([, name = '', said = '']) => [name, said] as const),
    );
    expect(new Set(named.map(([name]) => name))).toEqual(new Set(Object.keys(secrets)));
    for (const [, said] of named) expect(said).toMatch(/^is missing in \.env - make one with `openssl rand/);
    const secret = environments.filter(([name]) => /PASSWORD|KEY|SECRET|TOKEN/.test(name));
    for (const [, value] of secret) expect(value).toMatch(/^\$\{\w+:\?[^}]+\}$/);
    expect(textOf('.gitignore').split('\n')).toContain('.env');
  });

  it('starts Hookledger when its databases are healthy, and keeps all data outside the containers', () => {
    expect(Object.keys(hookledger?.depends_on ?? {})).toEqual(Object.keys(others));
    for (const { healthcheck } of Object.values(others)) expect(healthcheck?.test[0]).toBe('CMD');
    const mounted = Object.values(compose.services).flatMap(({ volumes }) => volumes.map((volume) => volume.split(':')[0]));
    expect(mounted).toEqual(Object.keys(compose.volumes));
    expect(hookledger?.ports).toEqual(['127.0.0.1:3000:3000']);
    for (const { ports } of Object.values(others)) expect(ports).toBeUndefined();
  });
});

it('.env.example names the secrets of docker-compose.yml, without values', () =>
  expect(
    textOf('.env.example')
      .split('\n')
      .filter((line) => /^\w/.test(line)),
  ).toEqual(Object.keys(secrets).map((name) => `${name}=`)));

describe('the Dockerfile', () => {
  const lines = textOf('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const instructions = (name: string) => lines.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));

  it('copies files that exist and that .dockerignore lets through', () => {
    const copied = instructions('COPY')
      .filter((files) => !files.startsWith('--from'))
      .flatMap((files) => files.split(' ').slice(0, -1));
    expect(copied.filter((file) => !existsSync(new URL(`../${file}`, import.meta.url)))).toEqual([]);
    const ignored = textOf('.dockerignore').split('\n');
    expect(copied.filter((file) => !ignored.includes(`!${file}`))).toEqual([]);
    expect(ignored[0]).toBe('*');
  });

  it('sets only settings of Hookledger, and runs it like `npm start`, not as root, on the right Node', () => {
    const set = instructions('ENV').flatMap((pairs) => Array.from(pairs.matchAll(/(HOOKLEDGER_\w+)=/g), ([, name]) => name));
    const settings = new Set(describeConfig().map(({ name }) => name));
    expect(set.filter((name) => !settings.has(name ?? ''))).toEqual([]);
    const { scripts, engines } = JSON.parse(textOf('package.json')) as { scripts: { start: string }; engines: { node: string } };
    expect((JSON.parse(instructions('CMD')[0] ?? '') as string[]).join(' ')).toBe(scripts.start);
    expect(instructions('USER')).toEqual(['node']);
    expect(instructions('FROM').every((image) => image.startsWith(`node:${engines.node.replace('>=', '')}-slim`))).toBe(true);
  });
});
