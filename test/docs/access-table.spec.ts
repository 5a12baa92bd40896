// docs/security.md prints who may do what from the code: run `npm run docs:access` after a change.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { ApiModule } from '../../src/api/api.module.ts';
import { accessOf, isOfInstallation, portalAccessOf, type PortalAccess } from '../../src/api/auth/access.ts';
import { adminFields, plainTypes, portalFields } from '../../src/api/auth/portal-fields.ts';
import { apiKeyRoles } from '../../src/domain/api-key.ts';

const page = fileURLToPath(new URL('../../docs/security.md', import.meta.url));
const [begin, end] = ['<!-- From the code: `npm run docs:access` writes what follows. -->', '<!-- Up to here. -->'];

type Handler = { readonly name: string; readonly handler: object };

const handlersOf = (kind: 'providers' | 'controllers'): Handler[] => {
  const classes = (Reflect.getMetadata(kind, ApiModule) as unknown[]).filter((each) => typeof each === 'function');
  return classes.flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype).flatMap((name) => {
      const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
      return typeof handler === 'function' && accessOf(handler) ? [{ name, handler }] : [];
    }),
  );
};

const bound = ({ rights, bounds }: PortalAccess): string => {
  const right = rights.map((each) => (each === 'VIEW' ? 'every' : `\`${each}\``)).join(' and ');
  return bounds === 'REFUSED' ? `${right}, if it is for all endpoints` : right;
};

const row = ({ name, handler }: Handler): string => {
  const access = accessOf(handler);
  const portal = portalAccessOf(handler);
  const mayAll = access === 'public';
  const roles = apiKeyRoles.map((role) => (mayAll || access?.includes(role) ? 'yes' : ''));
  const note = isOfInstallation(handler) ? ' (of the installation)' : '';
  return `| \`${name}\`${note} | ${roles.join(' | ')} | ${mayAll ? 'every' : portal ? bound(portal) : ''} |`;
};

const operationMark = 'graphql:resolver_type';
const section = (title: string, handlers: readonly Handler[]): string =>
  [
    `| ${title} | ${apiKeyRoles.join(' | ')} | portal sessions |`,
    `| --- | ${apiKeyRoles.map(() => '---').join(' | ')} | --- |`,
    ...handlers.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(row),
  ].join('\n');

const fields = (): string => {
  const special = Object.entries(portalFields).flatMap(([type, ofType]) =>
    Object.entries(ofType).flatMap(([name, { needs, instead }]) => {
      if (needs === undefined) return [];
      const who = needs === 'NEVER' ? 'none' : `\`${needs}\``;
      return [`| \`${type}.${name}\` | ${who} | ${instead === undefined ? 'FORBIDDEN' : `\`${JSON.stringify(instead)}\``} |`];
    }),
  );
  const types = [...Object.keys(portalFields), ...plainTypes].toSorted().map((type) => `\`${type}\``);
  const admins = Object.entries(adminFields).flatMap(([type, names]) => names.map((name) => `\`${type}.${name}\``));
  return [
    `Of an answer, API keys read every field, but ${admins.join(' and ')}, which need the role ADMIN. Portal sessions read fields of these types only: ${types.join(', ')}. Of these, some fields need more:`,
    '',
    '| field | portal sessions | the others get |',
    '| --- | --- | --- |',
    ...special,
  ].join('\n');
};

it('is up to date (else run `npm run docs:access`)', async () => {
  const operations = handlersOf('providers');
  const of = (kind: string) => operations.filter(({ handler }) => Reflect.getMetadata(operationMark, handler) === kind);
  const generated = [
    ...(['Query', 'Mutation', 'Subscription'] as const).map((kind) => section(kind.toLowerCase(), of(kind))),
    section(
      'route',
      handlersOf('controllers').filter(({ handler }) => accessOf(handler) !== 'public'),
    ),
    fields(),
  ].join('\n\n');
  const text = readFileSync(page, 'utf8');
  const [before = '', rest = ''] = text.split(begin);
  const [, after = ''] = rest.split(end);
  expect([before, rest, after].map((part) => part.length > 0)).toEqual([true, true, true]);
  const whole = `${before}${begin}\n\n${generated}\n\n${end}${after}`;
  await expect(await format(whole, { ...(await resolveConfig(page)), filepath: page })).toMatchFileSnapshot(page);
});
