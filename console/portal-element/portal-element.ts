// <hookledger-portal src token theme>, for pages that embed the portal: served as /portal.js, one script without anything else.
//   src         the portal's address, or the `url` of a portal session
//   token       of a portal session, where `src` has none
//   theme       light, dark or auto; left out: as the organization's settings say
//   fetchToken  a property: a function that answers a new token, or a promise of one. Called when the portal has none, or it has expired
// Without `fetchToken` the element sends the event `hookledger:expired`; a new `token` goes on from there.

type FetchToken = () => string | Promise<string>;
type Message = { readonly type?: unknown; readonly height?: unknown };

const leastHeight = 560;

class HookledgerPortal extends HTMLElement {
  static readonly observedAttributes = ['src', 'token', 'theme'];
  fetchToken: FetchToken | undefined;
  private readonly frame = document.createElement('iframe');
  private isFetching = false;
  /** An attribute that the portal has had already is of no use when it asks again. */
  private sentToken: string | undefined;
  private ending: AbortController | undefined;
  private shownPart = '';

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).append(this.frame);
    Object.assign(this.frame.style, { display: 'block', width: '100%', height: `${leastHeight}px`, border: '0' });
    this.frame.allow = 'clipboard-write';
  }

  connectedCallback(): void {
    if (this.style.display === '') this.style.display = 'block';
    this.ending = new AbortController();
    const { signal } = this.ending;
    addEventListener('message', (event) => this.hear(event), { signal });
    for (const type of ['scroll', 'resize'])
      addEventListener(type, () => this.tellWhatIsVisible(), { signal, capture: true, passive: true });
    this.frame.title = this.title || 'Webhooks';
    this.load();
  }

  disconnectedCallback(): void {
    this.ending?.abort();
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected || this.ending === undefined) return;
    if (name === 'src') this.load();
    else if (name === 'token') this.sendToken(this.getAttribute('token'));
    else this.sendTheme();
  }

  private load(): void {
    const src = this.getAttribute('src');
    if (src === null || !URL.canParse(src, location.href)) return;
    this.sentToken = undefined;
    this.frame.src = new URL(src, location.href).href;
  }

  private hear({ source, origin, data }: MessageEvent<unknown>): void {
    if (source !== this.frame.contentWindow || origin !== this.portalOrigin || typeof data !== 'object' || data === null) return;
    const { type, height }: Message = data;
    if (type === 'hookledger:ready') {
      this.shownPart = '';
      this.sendTheme();
      this.tellWhatIsVisible();
    } else if (type === 'hookledger:expired') void this.renew();
    else if (type === 'hookledger:height' && typeof height === 'number') {
      this.frame.style.height = `${Math.max(height, leastHeight)}px`;
      this.tellWhatIsVisible();
    } else if (type === 'hookledger:navigated' && this.getBoundingClientRect().top < 0) this.scrollIntoView({ block: 'start' });
  }

  private async renew(): Promise<void> {
    const given = this.getAttribute('token');
    if (given !== null && given !== this.sentToken) return this.sendToken(given);
    if (this.fetchToken === undefined) return void this.dispatchEvent(new CustomEvent('hookledger:expired', { bubbles: true }));
    if (this.isFetching) return;
    this.isFetching = true;
    try {
      this.sendToken(await this.fetchToken());
    } catch (error) {
      // The portal says that its session has ended, and offers to try again.
      console.error('hookledger-portal: fetchToken gave no token.', error);
    } finally {
      this.isFetching = false;
    }
  }

  private sendToken(token: string | null): void {
    if (token === null || token === '') return;
    this.sentToken = token;
    this.send({ type: 'hookledger:token', token });
  }

  private sendTheme(): void {
    const theme = this.getAttribute('theme');
    if (theme !== null) this.send({ type: 'hookledger:theme', theme });
  }

  /** The frame is as high as its content, so the portal can't know which part of it is on the screen. */
  private tellWhatIsVisible(): void {
    const { top, height } = this.frame.getBoundingClientRect();
    const from = Math.min(Math.max(0, -top), height);
    const shown = { top: from, height: Math.max(0, Math.min(height, innerHeight - top) - from) };
    const key = JSON.stringify(shown);
    if (shown.height === 0 || key === this.shownPart) return;
    this.shownPart = key;
    this.send({ type: 'hookledger:visible', ...shown });
  }

  private get portalOrigin(): string {
    return new URL(this.frame.src, location.href).origin;
  }

  private send(message: object): void {
    this.frame.contentWindow?.postMessage(message, this.portalOrigin);
  }
}

if (!customElements.get('hookledger-portal')) customElements.define('hookledger-portal', HookledgerPortal);
