import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError, describeConfig, readConfig } from './config.ts';

const mistakesOf = (env: Record<string, string>) => {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
  return [];
};

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      dataDir: './data',
      allowHttp: true,
      allowPrivateNetworks: false,
      logLevel: 'info',
    });
  });
  it('accepts networks as a list of CIDRs', () =>
    expect(readConfig({ HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: '10.0.0.0/8, ::1/128' }).allowPrivateNetworks).toEqual([
      '10.0.0.0/8',
      '::1/128',
    ]));
  it('accepts origins of web pages as browsers send them, and nothing else', () => {
    const env = {
      HOOKLEDGER_ALLOWED_ORIGINS: 'https://app.example.com, http://localhost:8080',
      HOOKLEDGER_PUBLIC_URL: 'https://h.example/',
    };
    expect(readConfig(env)).toMatchObject({
      allowedOrigins: ['https://app.example.com', 'http://localhost:8080'],
      portalFrameAncestors: [],
      publicUrl: 'https://h.example',
    });
    for (const wrong of [
      '*',
      'app.example.com',
      'https://app.example.com/',
      'https://App.example.com',
      'null',
      'file:///a',
      'https://a.example;x',
    ])
      for (const name of ['HOOKLEDGER_ALLOWED_ORIGINS', 'HOOKLEDGER_PORTAL_FRAME_ANCESTORS'])
        expect(mistakesOf({ [name]: wrong })).toEqual([expect.stringContaining(`"${wrong}" is not an origin`)]);
    expect(mistakesOf({ HOOKLEDGER_PUBLIC_URL: 'https://h.example/path' })).toEqual([expect.stringContaining('without a path')]);
  });
  it('keeps the views in PostgreSQL if it names a database', () => {
    const folder = { kind: 'sqlite', folder: 'd/views' };
    expect(readConfig({ HOOKLEDGER_DATA_DIR: 'd' }).database).toEqual(folder);
    const url = 'postgres://user:p%40ss@db.example:5432/hookledger?sslmode=verify-full';
    const database = { kind: 'postgres', url, prefix: 'hookledger', shared: false };
    expect(readConfig({ HOOKLEDGER_DATABASE_URL: url }).database).toEqual(database);
    expect(readConfig({ HOOKLEDGER_DATABASE_URL: url, HOOKLEDGER_DATABASE_PREFIX: 'second' }).database).toMatchObject({ prefix: 'second' });
    const both = { HOOKLEDGER_DATABASE_URL: url, HOOKLEDGER_EVENTSTORE_URL: 'esdb://db.example' };
    expect(readConfig(both).database).toEqual({ ...database, shared: true });
    expect(mistakesOf({ HOOKLEDGER_DATABASE_URL: 'postgresql:///hookledger?host=/var/run/postgresql' })).toEqual([]);
  });
  it.each([
    'db.example:5432/hookledger',
    'mysql://db.example/hookledger',
    'postgres://db.example',
    'postgres:///hookledger',
    'secret-words',
  ])('refuses "%s" as a database, without repeating a possible password', (url) => {
    const [mistake = '', ...more] = mistakesOf({ HOOKLEDGER_DATABASE_URL: url });
    expect(mistake).toBe('HOOKLEDGER_DATABASE_URL must be a URL such as postgres://user:password@db.example:5432/hookledger.');
    expect(more).toEqual([]);
  });
  it.each(['Hook', 'hook_ledger', '1st', 'a'.repeat(31)])('refuses "%s" as a schema prefix', (prefix) => {
    expect(mistakesOf({ HOOKLEDGER_DATABASE_PREFIX: prefix })).toEqual([
      'HOOKLEDGER_DATABASE_PREFIX must be at most 30 lowercase letters and digits, beginning with a letter, such as hookledger.',
    ]);
  });
  it('accepts a limit for all replicas only if there can be several', () => {
    const bound = { HOOKLEDGER_ENDPOINT_CONCURRENCY_SHARED: '8' };
    const database = { HOOKLEDGER_DATABASE_URL: 'postgres://db.example/hookledger' };
    expect(readConfig({}).sharedEndpointConcurrency).toBeUndefined();
    const both = { ...bound, ...database, HOOKLEDGER_EVENTSTORE_URL: 'esdb://db.example' };
    expect(readConfig(both).sharedEndpointConcurrency).toBe(8);
    const [mistake = '', ...more] = mistakesOf(bound);
    expect(mistake).toMatch(/_SHARED is a limit for several replicas.*set HOOKLEDGER_EVENTSTORE_URL and HOOKLEDGER_DATABASE_URL as well/);
    expect(more).toEqual([]);
    expect(mistakesOf({ ...bound, ...database })).toEqual([expect.stringContaining('set HOOKLEDGER_EVENTSTORE_URL as well')]);
  });
  it('has a sentence for each mistake', () => {
    const mistakes = mistakesOf({
      HOOKLEDGER_PORT: '99999',
      HOOKLEDGER_MASTER_KEY: 'short',
      HOOKLEDGER_ALLOW_HTTP: 'maybe',
      HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: '10.0.0.0/99',
      HOOKLEDGER_PROT: '80',
    });
    expect(mistakes).toHaveLength(5);
    expect(mistakes.join('\n')).toMatch(/HOOKLEDGER_PROT is not a setting/);
    expect(mistakes.join('\n')).toMatch(/HOOKLEDGER_PORT must be 0 to 65535/);
    expect(mistakes.join('\n')).toMatch(/HOOKLEDGER_MASTER_KEY must be 32 bytes in base64/);
  });
  describe('of private certificate authorities', () => {
    const pem = (name: string) => fileURLToPath(new URL(`../test/fixtures/tls/${name}.pem`, import.meta.url));
    let folder: string;
    const file = (content: string) => {
      writeFileSync(join(folder, 'ca.pem'), content);
      return join(folder, 'ca.pem');
    };
    beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'config-'))));
    afterAll(() => rmSync(folder, { recursive: true }));

    it('is a file of one or more certificates, with any text in between', () => {
      const both = ['ca.cert', 'self-signed.cert'].map((name) => readFileSync(pem(name), 'utf8').trim());
      expect(readConfig({ HOOKLEDGER_CA_FILE: file(`# ours\n${both.join('\n\nand another\n')}\n`) }).ca).toEqual(both);
      expect(readConfig({}).ca).toBeUndefined();
    });
    it.each<[string, () => string, RegExp]>([
      [
        'does not exist',
        () => join(folder, 'none.pem'),
        /^HOOKLEDGER_CA_FILE names the file .*none\.pem, which can't be read \(ENOENT\)\.$/,
      ],
      ['is a folder', () => folder, /can't be read \(EISDIR\)/],
      ['is not PEM', () => file('hello'), /holds no certificate in PEM/],
      ['holds only a key', () => pem('valid.key'), /holds no certificate in PEM/],
      ['is damaged', () => file(readFileSync(pem('ca.cert'), 'utf8').replace(/M/g, 'N')), /certificate no\. 1 can't be read; replace it/],
    ])('that %s is a mistake', (_, path, expected) => {
      const mistakes = mistakesOf({ HOOKLEDGER_CA_FILE: path() });
      expect(mistakes).toHaveLength(1);
      expect(mistakes[0]).toMatch(expected);
    });
  });

  describe('in files', () => {
    let folder: string;
    const file = (name: string, content: string) => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'config-'))));
    afterAll(() => rmSync(folder, { recursive: true }));

    it('can hold the value of any setting, without the line breaks at its end', () => {
      const key = Buffer.alloc(32, 1);
      expect(
        readConfig({
          HOOKLEDGER_ADMIN_KEY_FILE: file('admin', 'a key of sixteen characters \r\n\n'),
          HOOKLEDGER_MASTER_KEY_FILE: file('master', `${key.toString('base64')}\n`),
          HOOKLEDGER_PORT_FILE: file('port', '8080'),
          HOOKLEDGER_CA_FILE_FILE: file('ca', fileURLToPath(new URL('../test/fixtures/tls/ca.cert.pem', import.meta.url))),
        }),
      ).toMatchObject({ adminKey: 'a key of sixteen characters ', masterKey: key, port: 8080, ca: [expect.any(String)] });
      for (const { name } of describeConfig())
        expect(mistakesOf({ [`${name}_FILE`]: join(folder, 'none') })).toEqual([
          `${name}_FILE names the file ${join(folder, 'none')}, which can't be read (ENOENT).`,
        ]);
    });
    it.each<[string, () => Record<string, string>, string]>([
      [
        'beside its value',
        () => ({ HOOKLEDGER_ADMIN_KEY: 'secret-from-variable', HOOKLEDGER_ADMIN_KEY_FILE: file('admin', 'secret-from-file') }),
        'HOOKLEDGER_ADMIN_KEY and HOOKLEDGER_ADMIN_KEY_FILE are both set. Leave one of them out.',
      ],
      [
        'that is a folder',
        () => ({ HOOKLEDGER_ADMIN_KEY_FILE: folder }),
        "HOOKLEDGER_ADMIN_KEY_FILE names the file FOLDER, which can't be read (EISDIR).",
      ],
      [
        'that is empty',
        () => ({ HOOKLEDGER_ADMIN_KEY_FILE: file('empty', '\n') }),
        'HOOKLEDGER_ADMIN_KEY_FILE names the file FOLDER/empty, which is empty.',
      ],
      [
        'of a wrong value',
        () => ({ HOOKLEDGER_MASTER_KEY_FILE: file('master', 'c2VjcmV0') }),
        'HOOKLEDGER_MASTER_KEY (read from HOOKLEDGER_MASTER_KEY_FILE) must be 32 bytes in base64; generate one with: openssl rand -base64 32.',
      ],
      [
        'of a setting that there is not',
        () => ({ HOOKLEDGER_COLOUR_FILE: file('colour', 'red') }),
        'HOOKLEDGER_COLOUR_FILE is not a setting of Hookledger; `--help` lists the settings.',
      ],
    ])('%s is a mistake', (_, env, mistake) => expect(mistakesOf(env())).toEqual([mistake.replace('FOLDER', folder)]));
  });

  describe("with Kubernetes's variables of Services", () => {
    const links = {
      HOOKLEDGER_PORT: 'tcp://10.96.0.7:3000',
      HOOKLEDGER_SERVICE_HOST: '10.96.0.7',
      HOOKLEDGER_SERVICE_PORT: '3000',
      HOOKLEDGER_SERVICE_PORT_HTTP: '3000',
      HOOKLEDGER_PORT_3000_TCP: 'tcp://10.96.0.7:3000',
      HOOKLEDGER_PORT_3000_TCP_PROTO: 'tcp',
      HOOKLEDGER_PORT_3000_TCP_PORT: '3000',
      HOOKLEDGER_PORT_3000_TCP_ADDR: '10.96.0.7',
      HOOKLEDGER_API_V2_PORT: 'udp://[fd00::7]:53',
      HOOKLEDGER_API_V2_SERVICE_HOST: 'fd00::7',
    };
    it('ignores them, and says so in one sentence', () => {
      const { port, notices } = readConfig(links);
      expect(port).toBe(3000);
      expect(notices).toHaveLength(1);
      for (const name of Object.keys(links)) expect(notices[0]).toMatch(new RegExp(`\\b${name}\\b`));
      expect(readConfig({ HOOKLEDGER_PORT: '8080' }).notices).toEqual([]);
    });
    it('refuses what only resembles them', () =>
      expect(
        mistakesOf({ HOOKLEDGER_PORT: 'tcp', HOOKLEDGER_SERVICE_PORT: 'http', HOOKLEDGER_API_PORT: '80', HOOKLEDGER_SERVICE: '1' }),
      ).toHaveLength(4));
  });

  it('accepts a log server instead of the data folder', () => {
    expect(readConfig({ HOOKLEDGER_DATA_DIR: '/data' }).log).toEqual({ kind: 'embedded', directory: '/data' });
    const server = { HOOKLEDGER_EVENTSTORE_URL: 'kurrentdb://user:secret@db.example', HOOKLEDGER_EVENTSTORE_PREFIX: 'acme_' };
    expect(readConfig(server).log).toEqual({ kind: 'eventstoredb', url: 'kurrentdb://user:secret@db.example', prefix: 'acme_' });
    const mistakes = mistakesOf({
      HOOKLEDGER_EVENTSTORE_URL: 'esdb://user:secret@db.example?colour=red',
      HOOKLEDGER_EVENTSTORE_PREFIX: 'acme-',
    });
    expect(mistakes).toEqual([
      'HOOKLEDGER_EVENTSTORE_URL has an unknown option "colour"; leave it out.',
      'HOOKLEDGER_EVENTSTORE_PREFIX must contain only letters, digits and _, such as acme_.',
    ]);
  });
  it('ignores other variables, and treats an empty one as unset', () => {
    expect(mistakesOf({ PATH: '/bin', HOOKLEDGER_PORT: '' })).toEqual([]);
  });
  it('describes every setting', () => {
    expect(describeConfig().filter(({ meaning }) => meaning === '')).toEqual([]);
  });
});
