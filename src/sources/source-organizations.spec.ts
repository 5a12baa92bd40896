// Which organization an event of a source names, and what becomes of one that does not exist.
import { describe, expect, it } from 'vitest';
import { asOrganizationId, type OrganizationId, type Position } from '../domain/ids.ts';
import { conflict } from '../domain/errors.ts';
import { ownOnly, type SourceSettings } from '../domain/source.ts';
import { Arrivals } from '../read-models/directory/arrivals.ts';
import { organizationOf, SourceOrganizations } from './source-organizations.ts';

const settings = (changed: Partial<SourceSettings>): SourceSettings => ({
  name: 'Orders',
  streams: { by: 'CATEGORY', value: 'order' },
  eventTypes: [],
  types: {},
  template: null,
  ...ownOnly,
  ...changed,
});

describe('an event names', () => {
  const byField = (field: string, data: string) => organizationOf({ stream: 'order-7', data }, settings({ organizationFrom: { field } }));
  const byStream = (stream: string, streams: SourceSettings['streams']) =>
    organizationOf({ stream, data: '{}' }, settings({ organizationFrom: { field: null }, streams }));

  it.each([
    ['customer.id', '{"customer":{"id":"acme"}}', 'acme'],
    ['customer\\.id', '{"customer.id":"acme"}', 'acme'],
    ['tenant', '{"tenant":4711}', '4711'],
    ['tenant', '{"tenant":90071992547409931}', '90071992547409931'],
  ])('the organization in its field %s of %s', (field, data, id) => expect(byField(field, data)).toEqual({ id }));

  it('the organization in the name of its stream, after what the source names', () => {
    expect(byStream('order-acme', { by: 'CATEGORY', value: 'order' })).toEqual({ id: 'acme' });
    expect(byStream('tenant/acme-2', { by: 'PREFIX', value: 'tenant/' })).toEqual({ id: 'acme-2' });
  });

  it.each([
    ['customer.id', '{"customer":"acme"}', /field "customer\.id" is no text/],
    ['toString', '{}', /field "toString" is no text/],
    ['a', '{"a":true}', /is no text/],
    ['a', '{"a":"two words"}', /gives "two words", which can't be the id/],
    ['a', `{"a":"${'x'.repeat(129)}"}`, /can't be the id/],
  ])('none in its field %s of %s', (field, data, reason) =>
    expect(byField(field, data)).toEqual({ reason: expect.stringMatching(reason) as string }),
  );
});

describe('an organization that an event names', () => {
  const caller = { organizationId: asOrganizationId('default'), actor: 'system:source:Orders', correlationId: 'c' };
  const acme = asOrganizationId('acme');

  /** A log, and a process that follows it once it is asked to wait. */
  const world = (inLog: OrganizationId[], { deleted = [], onCreate }: { deleted?: OrganizationId[]; onCreate?: () => void } = {}) => {
    const shown = new Set<OrganizationId>();
    const made: string[] = [];
    const directory = {
      organizations: {
        get: (id: OrganizationId) => (shown.has(id) ? id : undefined),
        has: (id: OrganizationId) => shown.has(id),
        isDeleted: (id: OrganizationId) => deleted.includes(id),
      },
      progress: { reached: async () => (inLog.forEach((id) => shown.add(id)), true) },
    };
    const store = {
      readStream: async (stream: string) =>
        inLog.filter((id) => stream === `organization-${id}`).map(() => ({ position: '1' as Position })),
    };
    const commands = {
      execute: async ({ id, settings: { name } }: { id: OrganizationId; settings: { name: string } }) => {
        onCreate?.();
        made.push(`${id} ${name}`);
        inLog.push(id);
      },
    };
    type Of = ConstructorParameters<typeof SourceOrganizations>;
    type Parts = ConstructorParameters<typeof Arrivals>;
    const arrivals = new Arrivals(store as unknown as Parts[0], directory as unknown as Parts[1]);
    const organizations = new SourceOrganizations(arrivals, commands as unknown as Of[1]);
    const problem = (createOrganizations: boolean) => organizations.problem(acme, settings({ createOrganizations }), caller);
    return { problem, made };
  };

  it('is waited for where the log has it, and this process does not show it yet', async () =>
    expect(await world([acme]).problem(false)).toBeUndefined());
  it('is the reason to skip the event where there is none', async () =>
    expect(await world([]).problem(false)).toBe('There is no organization "acme".'));
  it('is made under its id where the source asks for that', async () => {
    const { problem, made } = world([]);
    expect([await problem(true), await problem(true)]).toEqual([undefined, undefined]);
    expect(made).toEqual(['acme acme']);
  });
  it('is not made again once it was deleted', async () => {
    const refuse = () => {
      throw conflict('It was deleted.');
    };
    expect(await world([], { deleted: [acme], onCreate: refuse }).problem(true)).toMatch(/There is no organization "acme" any more/);
  });
});
