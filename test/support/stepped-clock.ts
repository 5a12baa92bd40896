// A clock that a test sets while a server runs on it: the wall clock alone, or time itself.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const preload = fileURLToPath(new URL('./stepped-clock.preload.ts', import.meta.url));
const seconds = 1_000;

export class SteppedClock {
  private readonly folder = mkdtempSync(join(tmpdir(), 'clock-'));
  private readonly file = join(this.folder, 'off-by');
  private aheadMs = 0;
  private passedMs = 0;

  constructor() {
    this.write();
  }

  /** Options of a server that runs on this clock. */
  get options(): { readonly nodeArgs: readonly string[]; readonly env: Record<string, string> } {
    return { nodeArgs: ['--disable-warning=ExperimentalWarning', '--import', preload], env: { STEPPED_CLOCK: this.file } };
  }

  /** Resolves when running servers have it. */
  async set(aheadSeconds: number): Promise<void> {
    this.aheadMs = aheadSeconds * seconds;
    this.write();
    await pause(100);
  }

  /** So much time passes at once, by every clock. Timers that run already do not notice. */
  async pass(elapsedSeconds: number): Promise<void> {
    this.passedMs += elapsedSeconds * seconds;
    this.write();
    await pause(100);
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true });
  }

  private write(): void {
    writeFileSync(`${this.file}.new`, `${this.aheadMs + this.passedMs} ${this.passedMs}`);
    renameSync(`${this.file}.new`, this.file);
  }
}
