// What a check of the log found: of each kind how much was checked, how much is off, and the first event that is.
import type { NamedEvent } from './seal-check.ts';
import '../../domain/streams.ts';

/** In the order in which they are told. */
export const checks = {
  decodes: 'every event can be read',
  revisions: 'streams have no holes',
  ids: 'ids are what they should be',
  routing: 'messages went where the configuration said',
  states: 'every stream went a way that it can go',
  conservation: 'every delivery was routed, and is counted once',
  seals: 'events are as they were sealed',
  views: 'the views are what the log says',
} as const;
export type CheckName = keyof typeof checks;

export type Offence = NamedEvent & { readonly sentence: string };
export type CheckResult = { readonly checked: number; readonly wrong: number; readonly first: Offence | undefined };
export type Results = Readonly<Record<CheckName, CheckResult>>;

const names = Object.keys(checks) as CheckName[]; // a record of exactly these

export class Findings {
  private readonly found = new Map<CheckName, { checked: number; wrong: number; first: Offence | undefined }>(
    names.map((name) => [name, { checked: 0, wrong: 0, first: undefined }]),
  );

  checked(name: CheckName, count = 1): void {
    this.of(name).checked += count;
  }

  /** The first in the order of the log is kept, in whatever order they come. */
  wrong(name: CheckName, { position, type, stream }: NamedEvent, sentence: string): void {
    const found = this.of(name);
    found.wrong += 1;
    if (!found.first || position < found.first.position) found.first = { position, type, stream, sentence };
  }

  results(): Results {
    return Object.fromEntries(this.found) as Results; // it has every name
  }

  add(results: Results): void {
    for (const name of names) {
      const { checked, wrong, first } = results[name];
      const found = this.of(name);
      found.checked += checked;
      found.wrong += wrong;
      if (first && (!found.first || first.position < found.first.position)) found.first = first;
    }
  }

  private of(name: CheckName) {
    const found = this.found.get(name);
    if (!found) throw new TypeError(`${name} is no check.`);
    return found;
  }
}
