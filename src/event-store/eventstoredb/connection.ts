// Where a log server is: the connection string, read by us. The client package would read it too, but takes a password only up to its first
// colon, and prints the whole string, password included, where it does not like an option.
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';

export type Host = { readonly address: string; readonly port: number };

/** Plain data: it goes to the thread that connects. */
export type Connection = {
  readonly hosts: readonly Host[];
  /** The first host is a name that stands for all nodes. */
  readonly discover: boolean;
  readonly tls: boolean;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Which node followers of the log read from; what is written, and streams, always go to the leader. */
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

const nodePreferences = { leader: 'leader', follower: 'follower', readonlyreplica: 'read_only_replica', random: 'random' } as const;
export type NodePreference = (typeof nodePreferences)[keyof typeof nodePreferences];

const defaultPort = 2113;
const form = 'esdb://user:password@host:2113?tls=true';

/** What is wrong with a connection string, to be read after the name of the setting: "must begin with …". It never repeats the password. */
export class InvalidConnectionString extends Error {
  override name = 'ConnectionUnreadable';
}

const mistake = (message: string) => new InvalidConnectionString(message);

const decoded = (part: string, what: string) => {
  try {
    return decodeURIComponent(part);
  } catch {
    throw mistake(`must have the ${what} percent-encoded: a % in it is written as %25`);
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

/** Option names are taken as the servers' own documentation writes them, in any case. */
const readOptions = (query: string): Pick<Connection, 'tls' | 'nodePreference' | 'files' | 'timing'> => {
  let tls = true;
  let nodePreference: NodePreference = 'leader';
  const files: Record<string, string> = {};
  const timing: Record<string, number> = {};
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    const flag = () => {
      if (value !== 'true' && value !== 'false') throw mistake(`must have ${name}=true or ${name}=false, not ${name}=${value}`);
      return value === 'true';
    };
    const number = (key: string) => {
      if (!/^-?\d+$/.test(value)) throw mistake(`must have a whole number in ${name}, not "${value}"`);
      timing[key] = Number(value);
    };
    switch (name.toLowerCase()) {
      case 'tls':
        tls = flag();
        break;
      case 'tlsverifycert':
        if (!flag()) throw mistake('must not have tlsVerifyCert=false: name the certificate that is to be trusted in tlsCAFile instead');
        break;
      case 'tlscafile':
        files['tlsCAFile'] = value;
        break;
      case 'usercertfile':
        files['userCertFile'] = value;
        break;
      case 'userkeyfile':
        files['userKeyFile'] = value;
        break;
      case 'nodepreference': {
        const preference = nodePreferences[value.toLowerCase().replaceAll(/[_-]/g, '') as keyof typeof nodePreferences];
        if (!preference) throw mistake(`must have one of leader, follower, readOnlyReplica and random in ${name}, not "${value}"`);
        nodePreference = preference;
        break;
      }
      case 'keepaliveinterval':
        number('keepAliveInterval');
        break;
      case 'keepalivetimeout':
        number('keepAliveTimeout');
        break;
      case 'discoveryinterval':
        number('discoveryInterval');
        break;
      case 'gossiptimeout':
        number('gossipTimeout');
        break;
      case 'maxdiscoverattempts':
        number('maxDiscoverAttempts');
        break;
      case 'connectionname': // the server's logs show ours
      case 'defaultdeadline': // appends have a time limit of their own
        break;
      case 'throwonappendfailure':
        if (!flag()) throw mistake('must not have throwOnAppendFailure=false: a refused append would look like one that was taken');
        break;
      default:
        throw mistake(`has an option "${name}" that is not known; leave it out`);
    }
  }
  if ((files['userCertFile'] === undefined) !== (files['userKeyFile'] === undefined))
    throw mistake('must have userCertFile and userKeyFile together');
  return { tls, nodePreference, files, timing };
};

/** Reads `esdb://` and `kurrentdb://`, each also with `+discover`. @throws ConnectionUnreadable */
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

/** The servers, without what is secret: for people. */
export const nameOf = ({ hosts, discover }: Connection): string =>
  `esdb${discover ? '+discover' : ''}://${hosts.map(({ address, port }) => `${address}:${port}`).join(',')}`;

export type Certificates = { readonly ca?: Uint8Array; readonly cert?: Uint8Array; readonly key?: Uint8Array };

/** @throws ConnectionUnreadable when a file can't be read, or holds something else */
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
      throw mistake(`names ${files[option]} in ${option}, which is no certificate in PEM`);
  try {
    createSecureContext({ ca, cert, key });
  } catch (error) {
    throw mistake(`names certificates or keys that can't be used: ${error instanceof Error ? error.message : String(error)}`);
  }
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
};
