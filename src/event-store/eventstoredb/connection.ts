// Reads the connection string of a log server. The client package could read it too, but it cuts a password at its first colon, and prints the
// whole string with the password if it rejects an option.
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export type Host = { readonly address: string; readonly port: number };

/** Plain data, as it goes to the client's thread. */
export type Connection = {
  readonly hosts: readonly Host[];
  /** The first host is a DNS name that stands for all nodes. */
  readonly discover: boolean;
  readonly tls: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** The node that followers read from. Appends and reads of streams always go to the leader. */
  readonly nodePreference: NodePreference;
  /** Paths of PEM files. */
  readonly files: { readonly tlsCAFile?: string; readonly userCertFile?: string; readonly userKeyFile?: string };
  readonly timing: {
    readonly keepAliveInterval?: number;
    readonly keepAliveTimeout?: number;
    readonly discoveryInterval?: number;
    readonly gossipTimeout?: number;
    readonly maxDiscoverAttempts?: number;
  };
};

export type NodePreference = 'leader' | 'follower' | 'read_only_replica' | 'random';
const nodePreferences = new Map<string, NodePreference>([
  ['leader', 'leader'],
  ['follower', 'follower'],
  ['readonlyreplica', 'read_only_replica'],
  ['random', 'random'],
]);

const defaultPort = 2113;
const form = 'esdb://user:password@host:2113?tls=true';

/** Says what is wrong with a connection string, in words that follow the name of the setting: "must begin with …". Never repeats the password. */
export class InvalidConnectionString extends Error {
  override name = 'ConnectionUnreadable';
}

const mistake = (message: string) => new InvalidConnectionString(message);

const decoded = (part: string, what: string) => {
  try {
    return decodeURIComponent(part);
  } catch {
    throw mistake(`must have the ${what} percent-encoded: write a % in it as %25`);
  }
};

const readCredentials = (text: string): Connection['credentials'] => {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) throw mistake(`must have a user and a password before the @, as in ${form}`);
  return { username: decoded(text.slice(0, colon), 'user'), password: decoded(text.slice(colon + 1), 'password') };
};

const readHost = (text: string): Host => {
  const [, address, port = `${defaultPort}`] = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+)(?::(\d+))?$/.exec(text) ?? [];
  if (address === undefined || Number(port) < 1 || Number(port) > 65_535)
    throw mistake(`must name hosts as host:port, separated by commas; "${text}" is none`);
  return { address, port: Number(port) };
};

const fileOptions = new Map<string, keyof Connection['files']>([
  ['tlscafile', 'tlsCAFile'],
  ['usercertfile', 'userCertFile'],
  ['userkeyfile', 'userKeyFile'],
]);

const timingOptions = new Map<string, keyof Connection['timing']>([
  ['keepaliveinterval', 'keepAliveInterval'],
  ['keepalivetimeout', 'keepAliveTimeout'],
  ['discoveryinterval', 'discoveryInterval'],
  ['gossiptimeout', 'gossipTimeout'],
  ['maxdiscoverattempts', 'maxDiscoverAttempts'],
]);

/** Accepts option names as the documentation of the servers writes them, in any case. */
const readOptions = (query: string): Pick<Connection, 'tls' | 'nodePreference' | 'files' | 'timing'> => {
  let tls = true;
  let nodePreference: NodePreference = 'leader';
  const files: { -readonly [option in keyof Connection['files']]: string } = {};
  const timing: { -readonly [option in keyof Connection['timing']]: number } = {};
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    const option = name.toLowerCase();
    const file = fileOptions.get(option);
    const time = timingOptions.get(option);
    if (file) files[file] = value;
    else if (time) timing[time] = readNumber(name, value);
    else
      switch (option) {
        case 'tls':
          tls = readFlag(name, value);
          break;
        case 'tlsverifycert':
          if (!readFlag(name, value))
            throw mistake('must not have tlsVerifyCert=false: name the certificate to trust in tlsCAFile instead');
          break;
        case 'nodepreference':
          nodePreference = readNodePreference(name, value);
          break;
        case 'connectionname': // the server's logs show ours
        case 'defaultdeadline': // appends have their own time limit
          break;
        case 'throwonappendfailure':
          if (!readFlag(name, value))
            throw mistake('must not have throwOnAppendFailure=false: a refused append would look like a successful one');
          break;
        default:
          throw mistake(`has an unknown option "${name}"; leave it out`);
      }
  }
  if ((files.userCertFile === undefined) !== (files.userKeyFile === undefined))
    throw mistake('must have userCertFile and userKeyFile together');
  return { tls, nodePreference, files, timing };
};

const readFlag = (name: string, value: string): boolean => {
  if (value !== 'true' && value !== 'false') throw mistake(`must have ${name}=true or ${name}=false, not ${name}=${value}`);
  return value === 'true';
};

const readNumber = (name: string, value: string): number => {
  if (!/^-?\d+$/.test(value)) throw mistake(`must have a whole number in ${name}, not "${value}"`);
  return Number(value);
};

const readNodePreference = (name: string, value: string): NodePreference => {
  const preference = nodePreferences.get(value.toLowerCase().replaceAll(/[_-]/g, ''));
  if (!preference) throw mistake(`must have one of leader, follower, readOnlyReplica and random in ${name}, not "${value}"`);
  return preference;
};

/** Reads `esdb://` and `kurrentdb://`, each also with `+discover`. @throws InvalidConnectionString */
export const readConnection = (url: string): Connection => {
  const [, scheme, rest = ''] = /^([a-z+]+):\/\/(.*)$/s.exec(url.trim()) ?? [];
  if (scheme === undefined || !/^(esdb|kurrentdb)(\+discover)?$/.test(scheme))
    throw mistake(`must begin with esdb:// or kurrentdb:// (or esdb+discover://, kurrentdb+discover://), as in ${form}`);
  const [, authority = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const credentials = at === -1 ? undefined : readCredentials(authority.slice(0, at));
  const hosts = authority
    .slice(at + 1)
    .replace(/\/+$/, '')
    .split(',')
    .map(readHost);
  const discover = scheme.endsWith('+discover');
  if (discover && hosts.length > 1) throw mistake(`must name one host that stands for all nodes after ${scheme}://`);
  return { hosts, discover, credentials, ...readOptions(query) };
};

/** The servers without the credentials, for messages. */
export const nameOf = ({ hosts, discover }: Connection): string =>
  `esdb${discover ? '+discover' : ''}://${hosts.map(({ address, port }) => `${address}:${port}`).join(',')}`;

export type Certificates = { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array };

/** @throws InvalidConnectionString if a file can't be read or holds something else */
export const readCertificates = ({ files, tls }: Connection): Certificates => {
  if (!tls) return {};
  const read = (option: keyof Connection['files']) => {
    const file = files[option];
    if (file === undefined) return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      throw mistake(`names ${file} in ${option}, which can't be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const [ca, cert, key] = [read('tlsCAFile'), read('userCertFile'), read('userKeyFile')];
  for (const [option, content] of [
    ['tlsCAFile', ca],
    ['userCertFile', cert],
  ] as const)
    if (content && !content.includes('-----BEGIN CERTIFICATE-----'))
      throw mistake(`names ${files[option]} in ${option}, which is not a certificate in PEM format`);
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw mistake(`names certificates or keys that can't be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
};
