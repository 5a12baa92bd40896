import { describe, expect, it } from 'vitest';
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
  it('takes networks as a list of CIDRs', () =>
    expect(readConfig({ HOOKLEDGER_ALLOW_PRIVATE_NETWORKS: '10.0.0.0/8, ::1/128' }).allowPrivateNetworks).toEqual([
      '10.0.0.0/8',
      '::1/128',
    ]));
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
  it('leaves other variables alone, and takes an empty one as unset', () => {
    expect(mistakesOf({ PATH: '/bin', HOOKLEDGER_PORT: '' })).toEqual([]);
  });
  it('describes every setting', () => {
    expect(describeConfig().filter(({ meaning }) => meaning === '')).toEqual([]);
  });
});
