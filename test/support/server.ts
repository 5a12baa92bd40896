// The real server (dist/main.js) as a child process: its own data folder, a free port, an admin key.
// Tests, the bench and the demo drive it through the public contract only.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export type MessageInput = {
  id?: string;
  type: string;
  timestamp?: string;
  data: Record<string, unknown>;
  orderingKey?: string;
  organization?: string;
};
export type PublishedMessage = { id: string; duplicate: boolean; destinations: number; position: string };

export type ServerOptions = {
  /** A folder of the caller's own; else a fresh one that `dispose` removes. */
  dataDir?: string;
  /** Where several share one log; else one of its own. */
  adminKey?: string;
  /** On top of (or instead of) what the class sets. */
  env?: Record<string, string>;
  /** For Node, before the program. */
  nodeArgs?: readonly string[];
  /** For the program. */
  args?: readonly string[];
  /** The built server; another build can be named to compare with. */
  main?: string;
  /** How long it may take until it listens. */
  startTimeoutMs?: number;
};

/** The server answered a request with something else than was hoped for; `status` is HTTP's, `body` what it said. */
export class Refused extends Error {
  override name = 'Refused';
  readonly status: number;
  readonly body: string;
  constructor(what: string, status: number, body: string) {
    super(`${what} was answered with ${status}: ${body.slice(0, 2000)}`);
    this.status = status;
    this.body = body;
  }
}

export const builtServer = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const keptLogLines = 2_000;
const running = new Set<ChildProcess>();
// A harness that dies must not leave servers behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Our own configuration only: nothing of the caller's Hookledger settings, test runner, its compile cache or debugger. */
const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(HOOKLEDGER_|VITEST|NODE_ENV$|NODE_OPTIONS$|NODE_COMPILE_CACHE$)/.test(name)),
  );

export const newAdminKey = () => `test-${randomBytes(24).toString('hex')}`;

export class Server {
  readonly adminKey: string;
  readonly dataDir: string;
  /** The last lines of standard output and standard error, oldest first. */
  readonly logs: string[] = [];
  private readonly options: ServerOptions;
  private child: ChildProcess | undefined;
  private address: string | undefined;
  /** Of the last run. */
  private exitCode: number | undefined;

  constructor(options: ServerOptions = {}) {
    this.options = options;
    this.adminKey = options.adminKey ?? newAdminKey();
    this.dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'hookledger-'));
  }

  /** Where it listens now; another port after every start. */
  get url(): string {
    if (this.address === undefined) throw new Error('The server does not run, so it has no address.');
    return this.address;
  }

  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('The server does not run, so it has no process id.');
    return this.child.pid;
  }

  /** Resolves when it listens. @throws with its last words when it ends before, or takes longer than `startTimeoutMs`. */
  async start(): Promise<void> {
    if (this.child) throw new Error('The server runs already; call restart().');
    const main = this.options.main ?? builtServer;
    if (!existsSync(main)) throw new Error(`${main} is not there; run \`npm run build\` first.`);
    const child = spawn(process.execPath, [...(this.options.nodeArgs ?? []), main, ...(this.options.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...cleanEnvironment(),
        HOOKLEDGER_HOST: '127.0.0.1',
        HOOKLEDGER_PORT: '0',
        HOOKLEDGER_DATA_DIR: this.dataDir,
        HOOKLEDGER_ADMIN_KEY: this.adminKey,
        HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: 'true',
        ...this.options.env,
      },
    });
    this.child = child;
    running.add(child);
    const lastWords = () => `Its last lines:\n${this.logs.slice(-50).join('\n')}`;
    const { promise: listening, resolve, reject } = Promise.withResolvers<string>();
    const hear = (line: string) => {
      this.logs.push(line);
      if (this.logs.length > keptLogLines) this.logs.shift();
      const found = /listening on (https?:\/\/[^\s"',]+)/.exec(line);
      if (found?.[1]) resolve(found[1].replace(/\/$/, ''));
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
    child.once('close', (code, signal) => {
      running.delete(child);
      if (this.child === child) this.child = this.address = undefined;
      this.exitCode = code ?? undefined;
      reject(new Error(`The server ended (${signal ?? `exit code ${code}`}) before it listened. ${lastWords()}`));
    });
    const timeout = this.options.startTimeoutMs ?? 30_000;
    const tooLong = setTimeout(() => {
      reject(new Error(`The server did not listen within ${timeout} ms. ${lastWords()}`));
      child.kill('SIGKILL');
    }, timeout);
    try {
      this.address = await listening;
    } finally {
      clearTimeout(tooLong);
    }
  }

  /** SIGKILL: nothing is flushed, nothing is said. Resolves when the process is gone. */
  async kill9(): Promise<void> {
    const child = this.child;
    if (!child) return;
    const gone = once(child, 'close');
    child.kill('SIGKILL');
    await gone;
  }

  /** SIGTERM. @returns the exit code. @throws when it is still there after 12 s (the contract says 10), having killed it. */
  async stop(): Promise<number> {
    const child = this.child;
    if (!child) throw new Error('The server does not run, so it cannot be stopped.');
    const gone = once(child, 'close');
    let late = false;
    const tooLong = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, 12_000);
    child.kill('SIGTERM');
    const [code] = (await gone) as [number | null];
    clearTimeout(tooLong);
    if (late) throw new Error(`The server did not end within 12 s of SIGTERM. Its last lines:\n${this.logs.slice(-50).join('\n')}`);
    return code ?? -1;
  }

  /** Waits until it has ended by itself, and its last lines are read. @returns the exit code */
  async ended(): Promise<number | undefined> {
    if (this.child) await once(this.child, 'close');
    return this.exitCode;
  }

  /** On the same data; stops it first where it runs. */
  async restart(): Promise<void> {
    if (this.child) await this.stop();
    await this.start();
  }

  /** Ends it without ceremony and removes the data folder that it was given by this class. */
  async dispose(): Promise<void> {
    await this.kill9();
    if (this.options.dataDir === undefined) rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** @param organization that the request acts for; else the key's own */
  request(path: string, body: unknown, organization?: string): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.adminKey}`,
        'content-type': 'application/json',
        ...(organization !== undefined && { 'hookledger-organization': organization }),
      },
      body: JSON.stringify(body),
    });
  }

  /** @returns `data`. @throws Refused when the answer carries errors. */
  async graphql<T>(query: string, variables: Record<string, unknown> = {}, organization?: string): Promise<T> {
    const response = await this.request('/graphql', { query, variables }, organization);
    const text = await response.text();
    if (!response.headers.get('content-type')?.includes('json')) throw new Refused('A GraphQL request', response.status, text);
    const answer = JSON.parse(text) as { data?: T; errors?: unknown[] };
    if (answer.errors || answer.data === undefined) throw new Refused('A GraphQL request', response.status, text);
    return answer.data;
  }

  /** POST /v1/messages. @throws Refused for anything but 202; whatever fetch throws when the connection broke (outcome unknown). */
  async publish(messages: MessageInput | readonly MessageInput[]): Promise<PublishedMessage[]> {
    const response = await this.request('/v1/messages', messages);
    const text = await response.text();
    if (response.status !== 202) throw new Refused('POST /v1/messages', response.status, text);
    return (JSON.parse(text) as { messages: PublishedMessage[] }).messages;
  }
}

export const startServer = async (options: ServerOptions = {}): Promise<Server> => {
  const server = new Server(options);
  try {
    await server.start();
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
};

/** An endpoint as `createEndpoint` takes it; see EndpointInput in the GraphQL schema. */
export type EndpointInput = {
  name: string;
  url: string;
  eventTypes?: string[];
  filter?: unknown;
  secret?: string;
  ordering?: 'NONE' | 'PER_KEY' | 'STRICT';
  onExhausted?: 'CONTINUE' | 'HOLD';
  retryPolicy?: { delaysSeconds: number[]; jitter?: number };
  timeoutSeconds?: number;
};

/** @returns the new endpoint's id. */
export const createEndpoint = async (server: Server, input: EndpointInput): Promise<string> => {
  const mutation = 'mutation ($input: EndpointInput!) { createEndpoint(input: $input) { id } }';
  const { createEndpoint } = await server.graphql<{ createEndpoint: { id: string } }>(mutation, { input });
  return createEndpoint.id;
};

export type Conservation = {
  position: string;
  routed: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  open: number;
  balanced: boolean;
};

export const conservation = async (server: Server): Promise<Conservation> => {
  const query = '{ conservation { position routed succeeded failed cancelled open balanced } }';
  return (await server.graphql<{ conservation: Conservation }>(query)).conservation;
};
