import { describe, expect, it } from 'vitest';
import { maskedFormatOptions } from './event-masking.ts';
import { maskOptions } from './format-options.ts';
import { mask } from './header-masking.ts';
import type { JsonObject } from './json.ts';
import { keepSecretConstants, openConstants, refuseMaskedConstants, sealConstants } from './secret-constants.ts';

const cipher = {
  seal: (plain: string, field: string) => `sealed ${Buffer.from(`${field} ${plain}`).toString('base64')}`,
  open: (sealed: string, field: string) =>
    Buffer.from(sealed.slice('sealed '.length), 'base64')
      .toString()
      .slice(field.length + 1),
};
const given: JsonObject = {
  constants: { tenant: 'blue', apiKey: 'k-1234', auth: { user: 'u-1234', nested: [1, 'l-1234'] }, list: [{ token: 99 }] },
};
const sealedOf = (options: JsonObject): JsonObject => sealConstants(options, cipher);
const patched = (constants: JsonObject, before: JsonObject) =>
  keepSecretConstants(sealedOf({ constants }), before, openConstants(before, cipher), cipher);

describe('constants under secret names', () => {
  it('are stored encrypted, and the others readable', () => {
    const sealed = sealedOf(given);
    expect(JSON.stringify(sealed)).not.toMatch(/1234|99/);
    expect(sealed['constants']).toEqual({ tenant: 'blue', apiKey: mask, auth: mask, list: [{ token: mask }] });
    expect(openConstants(sealed, cipher)).toEqual(given);
    expect(Object.keys(openConstants(sealed, cipher)['constants'] as object)).toEqual(['tenant', 'apiKey', 'auth', 'list']);
  });

  it('are shown masked, also as an older version stored them', () => {
    const shown = { constants: { tenant: 'blue', apiKey: mask, auth: mask, list: [{ token: mask }] } };
    expect(maskedFormatOptions(sealedOf(given))).toEqual(shown);
    expect(maskedFormatOptions(given)).toEqual(shown);
  });

  it('keep the stored value where the mask is sent back, and the very cipher text if nothing secret changed', () => {
    const before = sealedOf(given);
    const same = patched({ tenant: 'green', apiKey: mask, auth: mask, list: [{ token: mask }] }, before);
    expect(same['secretConstants']).toBe(before['secretConstants']);
    const changed = openConstants(patched({ apiKey: mask, auth: 'new-1234' }, before), cipher);
    expect(changed).toEqual({ constants: { apiKey: 'k-1234', auth: 'new-1234' } });
  });

  it('of an older version are kept, and encrypted from then on', () => {
    const kept = patched({ tenant: 'blue', apiKey: mask }, given);
    expect(JSON.stringify(kept)).not.toContain('k-1234');
    expect(openConstants(kept, cipher)).toEqual({ constants: { tenant: 'blue', apiKey: 'k-1234' } });
  });

  it('go with the constants', () => expect(keepSecretConstants({}, sealedOf(given), given, cipher)).toEqual({}));

  it('are refused as a mask where nothing is stored', () => {
    expect(() => patched({ other: { password: mask } }, sealedOf(given))).toThrow(/none is stored/);
    expect(() => refuseMaskedConstants({ constants: { apiKey: mask } })).toThrow(/none is stored/);
    expect(() => refuseMaskedConstants(given)).not.toThrow();
  });

  it('are masked in a body, also as JSON writes them', () => {
    const options: JsonObject = { constants: { apiKey: 'a "quoted" key', pin: 'x', token: 123456 } };
    const body = JSON.stringify({ apiKey: 'a "quoted" key', token: 123456, data: { pin: 'x' } });
    const masked = maskOptions(body, options);
    expect(masked).not.toMatch(/quoted|123456/);
    expect(masked).toContain('"pin":"x"');
  });
});
