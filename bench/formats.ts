// Measures what one message costs before it is sent: `npm run bench:formats [-- --seconds 1 --json]`. Runs on one core, in this process, and counts its
// thread's CPU time, so other work on the machine matters little:
//   each format   the whole request of one message: payload, body, its hash, headers, WEBHOOK_SHA256
//   filter        one message's data against one filter
//   matching      one message against the subscriptions and filters of 10,000 endpoints: of a type routed before, and of a new one
// Only TEMPLATE runs in another process, 64 evaluations at a time, and is measured by the clock.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { TemplateProcesses } from '../src/delivery/formats/template-processes.ts';
import { RequestMaker } from '../src/delivery/attempts/request-maker.ts';
import { registeredIn, type EndpointSettings } from '../src/domain/endpoint-events.ts';
import { payloadFormats, type PayloadFormat } from '../src/domain/format-options.ts';
import { finish } from '../src/domain/routing.ts';
import { compileFilter } from '../src/domain/filter/compile-filter.ts';
import type { EndpointId, Position } from '../src/domain/ids.ts';
import type { JsonObject } from '../src/domain/json.ts';
import type { EventStore, RecordedEvent } from '../src/event-store/event-store.ts';
import { EndpointDirectory } from '../src/read-models/directory/endpoint-directory.ts';
import { ResolvedEndpoint } from '../src/read-models/directory/resolved-endpoint.ts';
import { routingKeyField, secretField } from '../src/domain/secret-fields.ts';
import { Vault } from '../src/secrets/vault.ts';
import { organizationId, recorded, registered } from '../test/support/samples.ts';
import { silent } from '../test/support/silent.ts';
import { message as sample, secret } from './workload.ts';

type Target = { what: string; value: number; target: string; met: boolean };
export type FormatFigures = {
  machine: { cpus: number; model: string; node: string; loadBefore: number };
  /** Requests of one message per second. */
  formats: Partial<Record<PayloadFormat, number>>;
  filtersPerSecond: number;
  matching: { endpoints: number; knownTypeMs: number; newTypeMs: number; allFilteredMs: number };
  targets: Target[];
};

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '1' }, json: { type: 'boolean', default: false } },
});
const seconds = Number(options.seconds);
const endpoints = 10_000;

const say = (line: string) => (options.json ? console.error(line) : console.log(line));
const rounded = (value: number) => Math.round(value).toLocaleString('en');

/** This thread's CPU time so far. */
const cpuSeconds = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
};

/** Runs per second: the best of three windows after a warm-up. */
const rate = (work: () => unknown): number => {
  let best = 0;
  for (let round = 0; round < 4; round++) {
    const began = cpuSeconds();
    let spent = 0;
    let count = 0;
    for (; spent < seconds / 4; spent = cpuSeconds() - began, count += 20) for (let i = 0; i < 20; i++) work();
    if (round > 0) best = Math.max(best, count / spent);
  }
  return best;
};

const vault = new Vault(randomBytes(32));
const encryptionKey = vault.newKey(`organization-${organizationId}`);
const keyring = vault.keyring([encryptionKey], `organization-${organizationId}`);
const message = { ...sample('alert.created'), id: '019b0000-0000-7000-8000-000000000000', timestamp: '2026-01-15T10:30:00.000Z' };

const sent = { id: message.id, messages: message };

// ── Formats ──

const cipherOf = (format: PayloadFormat) => keyring.cipherFor(`endpoint-bench-${format}`);

const optionsOf: Partial<Record<PayloadFormat, JsonObject>> = {
  PAGERDUTY: { routingKey: cipherOf('PAGERDUTY').seal('R0123456789abcdefghijklmnopqrstu', routingKeyField) },
  TEMPLATE: { template: '{"text": type & ": " & data.message, "server": data.server.name, "tags": $join(data.tags, ", ")}' },
};

const endpointOf = (format: PayloadFormat): ResolvedEndpoint => {
  const { organizationId: owner, settings } = registeredIn(
    registered({ format, formatOptions: optionsOf[format] ?? null, signature: 'WEBHOOK_SHA256' }).data,
  );
  const configuration = {
    organizationId: owner,
    status: 'ENABLED',
    disabledReason: null,
    settings,
    secret: cipherOf(format).seal(secret, secretField),
    previousSecret: null,
  } as const;
  return new ResolvedEndpoint(`bench-${format}` as EndpointId, 0, configuration, { keyring, signingKey: null });
};

const templates = new TemplateProcesses();
const requests = new RequestMaker(templates, 'Hookledger/bench');

/** Makes as many requests at a time as a busy endpoint. */
const templateRate = async (endpoint: ResolvedEndpoint): Promise<number> => {
  const atOnce = 64;
  let made = 0;
  const until = async (end: number) => {
    const work = async () => {
      for (; performance.now() < end; made++) await requests.make(endpoint, sent, 1, new Date());
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  };
  await until(performance.now() + seconds * 250);
  made = 0;
  const began = performance.now();
  await until(began + seconds * 750);
  return (made / (performance.now() - began)) * 1_000;
};

const figures: FormatFigures = {
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown', node: process.version, loadBefore: loadavg()[0] ?? 0 },
  formats: {},
  filtersPerSecond: Number.NaN,
  matching: { endpoints, knownTypeMs: Number.NaN, newTypeMs: Number.NaN, allFilteredMs: Number.NaN },
  targets: [],
};
const { machine, formats, matching, targets } = figures;
if (machine.loadBefore > 0.5)
  say(`The load average is ${machine.loadBefore.toFixed(1)}: other work on this machine makes the figures worse, TEMPLATE's most.`);
say(
  `${machine.cpus} × ${machine.model}, Node ${machine.node}, ${seconds} s each, one message of ${JSON.stringify(message.data).length} bytes`,
);
for (const format of payloadFormats) {
  const endpoint = endpointOf(format);
  const perSecond = format === 'TEMPLATE' ? await templateRate(endpoint) : rate(() => requests.make(endpoint, sent, 1, new Date()));
  formats[format] = perSecond;
  say(`${format.padEnd(12)} ${rounded(perSecond).padStart(9)} requests/s`);
}
templates.close();

// ── Filters and matching ──

const filter = { severity: ['critical', 'warning'], server: { name: [{ prefix: 'web-' }] }, tags: [{ 'anything-but': 'staging' }] };
const passes = compileFilter(filter).matches;
figures.filtersPerSecond = rate(() => passes(message.data));
say(`${'a filter'.padEnd(12)} ${rounded(figures.filtersPerSecond).padStart(9)} evaluations/s`);

/** @returns milliseconds to route one message among 10,000 endpoints: of a type routed before, and of a new one */
const routing = async (settingsOf: (i: number) => Partial<EndpointSettings>): Promise<{ known: number; new: number }> => {
  const configured: RecordedEvent[] = [
    recorded({ type: 'organization.registered', data: { name: 'Bench', encryptionKey } }, { stream: `organization-${organizationId}` }),
  ];
  for (let i = 0; i < endpoints; i++) configured.push(recorded(registered(settingsOf(i)), { stream: `endpoint-e${i}` }));
  // The part of a log that the directory uses.
  const store = {
    async *followConfiguration(_: Position | undefined, { signal }: { readonly signal: AbortSignal }) {
      yield configured;
      yield [];
      await once(signal, 'abort');
    },
  } as unknown as EventStore;
  const directory = new EndpointDirectory(store, vault, silent);
  await directory.start();
  const now = new Date();
  let types = 0;
  const times = {
    known: 1_000 / rate(() => finish(directory.route(organizationId, 'alert.created', message, now))),
    new: 1_000 / rate(() => finish(directory.route(organizationId, `alert.kind-${types++}`, message, now))),
  };
  await directory.stop();
  return times;
};

const some = await routing((i) =>
  i % 100 === 0 ? { eventTypes: ['alert.*'], filter } : { eventTypes: ['meeting.*', `kind-${i}.happened`] },
);
matching.knownTypeMs = some.known;
matching.newTypeMs = some.new;
matching.allFilteredMs = (await routing((i) => ({ eventTypes: ['alert.*'], filter: { customer: [`customer-${i}`] } }))).known;
say(
  `one message among ${rounded(endpoints)} endpoints, if 100 subscribe and filter: ${matching.knownTypeMs.toFixed(3)} ms, ` +
    `of a new type ${matching.newTypeMs.toFixed(3)} ms; if all do: ${matching.allFilteredMs.toFixed(3)} ms`,
);

// ── Targets ──

const atLeast = (what: string, value: number, limit: number) => targets.push({ what, value, target: `≥ ${limit}`, met: value >= limit });
const below = (what: string, value: number, limit: number) => targets.push({ what, value, target: `< ${limit}`, met: value < limit });
atLeast('ENVELOPE with HMAC, requests/s', formats.ENVELOPE ?? 0, 100_000);
below(`matching ${rounded(endpoints)} endpoints, ms`, matching.knownTypeMs, 1);
below('… of a new type, ms', matching.newTypeMs, 1);
say('');
for (const { what, value, target, met } of targets)
  say(`${what.padEnd(36)} ${value.toFixed(value < 10 ? 2 : 0).padStart(8)}   target ${target.padEnd(9)} ${met ? 'met' : 'MISSED'}`);
if (options.json) console.log(JSON.stringify(figures, null, 2));
