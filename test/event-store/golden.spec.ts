// Golden files: one stored example of every version of every event, which this version must go on reading. A golden file is
// written once, with the event or its new version, and never changed: `stored` is what the log holds, `event` how it reads today.
// An optional field that came to a version later has a file of its own, `<type>.v<version>+<field>.json`.
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
const files = readdirSync(folder);
const golden = (type: string, version: number) =>
  files
    .filter((name) => name.startsWith(`${type}.v${version}.`) || name.startsWith(`${type}.v${version}+`))
    .map((name) => z.object({ stored: part, event: part }).parse(JSON.parse(readFileSync(new URL(name, folder), 'utf8'))));

const versions = Object.keys(catalog).flatMap((type) =>
  Array.from({ length: currentVersion(upcasters, type) }, (_, i) => [type, i + 1] as const),
);
const place = { id: 'e-1', stream: 's-1', revision: 0, position: position.parse('1'), recordedAt: '2026-01-01T00:00:00.000Z' };

it('there is a golden file for every version of every event, and no other', () =>
  expect([...new Set(files.map((name) => name.replace(/\+\w+\.json$/, '.json')))].toSorted()).toEqual(
    versions.map(([type, version]) => `${type}.v${version}.json`).toSorted(),
  ));

describe.each(versions)('%s, version %i,', (type, version) => {
  it('reads as its golden file says', () => {
    for (const { stored, event } of golden(type, version)) {
      expect(stored).toMatchObject({ type, metadata: { v: version } });
      const read = codec.decode({ ...place, type, data: JSON.stringify(stored.data), metadata: JSON.stringify(stored.metadata) });
      expect(read).toStrictEqual({ ...place, ...event });
    }
  });

  it.runIf(version === currentVersion(upcasters, type))('is written as its golden file says, every field of it', () => {
    const written = new Set<string>();
    for (const { stored, event } of golden(type, version)) {
      const encoded = codec.encode({ id: place.id, ...event } as unknown as NewEvent); // what is no such event is refused here
      expect([JSON.parse(encoded.data), JSON.parse(encoded.metadata)]).toEqual([stored.data, stored.metadata]);
      for (const field of Object.keys(event.data)) written.add(field);
    }
    const fields = z.toJSONSchema(catalog[type as keyof typeof catalog], { unrepresentable: 'any' }).properties ?? {};
    expect([...written].toSorted()).toEqual(Object.keys(fields).toSorted());
  });
});
