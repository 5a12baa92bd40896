// Golden files: one stored example of every version of every event, which this version must go on reading. A golden file is
// written once, with the event or its new version, and never changed: `stored` is what the log holds, `event` how it reads today.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { catalog } from '../../src/domain/catalog.ts';
import { position } from '../../src/domain/ids.ts';
import { codec } from '../../src/event-store/codec.ts';
import type { NewEvent } from '../../src/event-store/event-store.ts';
import { currentVersion, upcasters } from '../../src/event-store/upcasters.ts';

const folder = new URL('../golden/', import.meta.url);
const part = z.object({ type: z.string(), data: z.record(z.string(), z.unknown()), metadata: z.record(z.string(), z.unknown()) });
const golden = (type: string, version: number) =>
  z.object({ stored: part, event: part }).parse(JSON.parse(readFileSync(new URL(`${type}.v${version}.json`, folder), 'utf8')));

const versions = Object.keys(catalog).flatMap((type) =>
  Array.from({ length: currentVersion(upcasters, type) }, (_, i) => [type, i + 1] as const),
);
const place = { id: 'e-1', stream: 's-1', revision: 0, position: position.parse('1'), recordedAt: '2026-01-01T00:00:00.000Z' };

it('there is a golden file for every version of every event, and no other', () =>
  expect(readdirSync(folder).toSorted()).toEqual(versions.map(([type, version]) => `${type}.v${version}.json`).toSorted()));

describe.each(versions)('%s, version %i,', (type, version) => {
  it('reads as its golden file says', () => {
    const { stored, event } = golden(type, version);
    expect(stored).toMatchObject({ type, metadata: { v: version } });
    const read = codec.decode({ ...place, type, data: JSON.stringify(stored.data), metadata: JSON.stringify(stored.metadata) });
    expect(read).toStrictEqual({ ...place, ...event });
  });

  it.runIf(version === currentVersion(upcasters, type))('is written as its golden file says, every field of it', () => {
    const { stored, event } = golden(type, version);
    const written = codec.encode({ id: place.id, ...event } as unknown as NewEvent); // what is no such event is refused here
    expect([JSON.parse(written.data), JSON.parse(written.metadata)]).toEqual([stored.data, stored.metadata]);
    const fields = z.toJSONSchema(catalog[event.type as keyof typeof catalog], { unrepresentable: 'any' }).properties ?? {};
    expect(Object.keys(event.data).toSorted()).toEqual(Object.keys(fields).toSorted());
  });
});
