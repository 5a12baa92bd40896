// The console's sign-in: an API key is changed for a signed token in a cookie, so that scripts of a page never hold the key. The token names
// the key by its hash, and is sealed under the organization's encryption key, so every replica opens it. It ends after 12 h, and with its key.
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../refusal.ts';
import type { OrganizationId } from '../../domain/ids.ts';
import type { EndpointDirectory } from '../../read-models/directory/endpoint-directory.ts';
import { SecretUnreadable } from '../../secrets/vault.ts';
import { Unauthenticated, type AuthenticatedCaller } from './authentication.ts';

const secondsOfSession = 12 * 60 * 60;
/** Cross-site pages cannot send it without a CORS preflight, which is refused. */
const proofHeader = 'x-hookledger-console';
/** Where the token is sealed: it opens as nothing else. */
const sealedAs = { stream: 'console-session', field: 'token' } as const;

type Headers = IncomingHttpHeaders;

export class ConsoleSessions {
  private readonly publicUrl: URL | undefined;

  /** @param publicUrl where browsers find this server, if that is known */
  constructor(
    private readonly directory: Pick<EndpointDirectory, 'organization'>,
    publicUrl: string | undefined,
    /** Milliseconds since 1970. */
    private readonly now: () => number = Date.now,
  ) {
    this.publicUrl = publicUrl === undefined ? undefined : new URL(publicUrl);
  }

  /** @returns the value of `set-cookie` */
  begin({ organizationId, keyHash }: AuthenticatedCaller, headers: Headers): string {
    const ends = this.now() + secondsOfSession * 1_000;
    const cipher = this.directory.organization(organizationId)?.keyring.cipherFor(sealedAs.stream);
    if (cipher === undefined) throw new Error(`The organization ${organizationId} of an authenticated key is not in the directory.`);
    const token = `${Buffer.from(organizationId).toString('base64url')}.${cipher.seal(`${keyHash} ${ends}`, sealedAs.field)}`;
    return this.cookie(headers, token, secondsOfSession);
  }

  /** @returns the value of `set-cookie` that removes the cookie */
  end(headers: Headers): string {
    return this.cookie(headers, '', 0);
  }

  /**
   * The hash of the key that the request's cookie represents; undefined without a cookie.
   * @throws Unauthenticated for a token that ended or that we did not seal
   * @throws Refusal FORBIDDEN for a request that another site may have caused
   */
  keyHashIn(method: string | undefined, headers: Headers): string | undefined {
    const token = this.tokenIn(headers);
    if (token === undefined) return undefined;
    const site = headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new Refusal('FORBIDDEN', 'Another site caused this request; the console’s cookie counts for requests of the console only.');
    if (method !== 'GET' && method !== 'HEAD') this.checkProof(headers);
    return this.open(token);
  }

  /** @throws Refusal FORBIDDEN for a request that a page of another site may have made */
  checkProof(headers: Headers): void {
    if (headers[proofHeader] !== '1')
      throw new Refusal('FORBIDDEN', `A request by the console's cookie must carry the header \`${proofHeader}: 1\`.`);
  }

  /** For a WebSocket, which carries no header of ours: its page must be of our own origin. @throws as `keyHashIn` */
  keyHashOfSocket(headers: Headers): string | undefined {
    const token = this.tokenIn(headers);
    if (token === undefined) return undefined;
    if (!this.isOwnOrigin(headers)) throw new Refusal('FORBIDDEN', 'The console’s cookie opens WebSockets for pages of this server only.');
    return this.open(token);
  }

  private open(token: string): string {
    const ended = () => new Unauthenticated('unknown', 'The session has ended; sign in again.');
    const [, organization = '', sealed = ''] = /^([\w-]+)\.(.+)$/.exec(token) ?? [];
    const id = Buffer.from(organization, 'base64url').toString() as OrganizationId;
    try {
      const cipher = this.directory.organization(id)?.keyring.cipherFor(sealedAs.stream);
      const [, keyHash, ends] = /^([0-9a-f]{64}) (\d+)$/.exec(cipher?.open(sealed, sealedAs.field) ?? '') ?? [];
      if (keyHash === undefined || this.now() >= Number(ends)) throw ended();
      return keyHash;
    } catch (error) {
      throw error instanceof SecretUnreadable ? ended() : error;
    }
  }

  private tokenIn({ cookie, ...headers }: Headers): string | undefined {
    if (cookie === undefined) return undefined;
    const name = `${this.cookieName(headers)}=`;
    const found = cookie.split(';').map((each) => each.trim());
    return found.find((each) => each.startsWith(name))?.slice(name.length) || undefined;
  }

  private cookie(headers: Headers, value: string, seconds: number): string {
    const secure = this.isSecure() ? '; Secure' : '';
    return `${this.cookieName(headers)}=${value}; Max-Age=${seconds}; Path=/; HttpOnly; SameSite=Strict${secure}`;
  }

  /** Browsers share cookies between the ports of a host, so over http the name has the port in it: one machine may run several servers. */
  private cookieName({ host }: Pick<Headers, 'host'>): string {
    if (this.isSecure()) return '__Host-hookledger';
    const [, port = '80'] = /:(\d+)$/.exec(host ?? '') ?? [];
    return `hookledger-${port}`;
  }

  private isSecure(): boolean {
    return this.publicUrl?.protocol === 'https:';
  }

  private isOwnOrigin({ origin, host }: Headers): boolean {
    if (origin === undefined || !URL.canParse(origin)) return false;
    return origin === this.publicUrl?.origin || new URL(origin).host === host;
  }
}
