// Where templates are evaluated: in processes of their own, of which each has a memory limit and is killed when an expression does not end.
// Guarantees:
// · an expression can neither hang nor crash the service, and takes `killMs` at most. A thread would not do: V8 ends the whole process
//   when a single text or list in a thread is larger than the thread's memory limit;
// · owners take turns, one evaluation each, and those whose last evaluation was slow, killed or out of memory have a process apart from the
//   others: what one owner's template does delays another's once at most;
// · nothing waits longer than `waitMs`, and there are two processes at most, none while no template is in use.
import { fork, type ChildProcess } from 'node:child_process';
import type { Json } from '../../domain/json.ts';
import { FormatError, NotEvaluated } from './format-error.ts';
import type { FromTemplates, ToTemplates } from './template.process.ts';
import type { TemplateInput } from './template.ts';

const processFile = new URL(import.meta.url.endsWith('.ts') ? './template.process.ts' : './template.process.js', import.meta.url);

export type TemplateLimits = {
  /** After this an evaluation ends by itself, unless it is in the middle of a step. */
  readonly evaluateMs: number;
  /** After this it is killed. */
  readonly killMs: number;
  /** How long one waits for its turn. */
  readonly waitMs: number;
  /** What takes longer is evaluated apart from the others. */
  readonly slowMs: number;
  readonly idleMs: number;
  readonly memoryMb: number;
};
const usualLimits: TemplateLimits = { evaluateMs: 1_000, killMs: 2_000, waitMs: 10_000, slowMs: 200, idleMs: 60_000, memoryMb: 64 };
const startMs = 10_000;
const stopping = () => new NotEvaluated('The service is stopping, so the template was not evaluated.');

type Job = Omit<ToTemplates, 'milliseconds'> & {
  readonly owner: string;
  readonly until: number;
  readonly resolve: (json: string) => void;
  readonly reject: (error: FormatError) => void;
};

export class TemplateProcesses {
  private readonly limits: TemplateLimits;
  private readonly quick: Lane;
  private readonly slow: Lane;
  /** Whose last evaluation was slow or came to no end. */
  private readonly suspects = new Set<string>();

  constructor(changed: Partial<TemplateLimits> = {}) {
    this.limits = { ...usualLimits, ...changed };
    this.quick = new Lane(this.limits, (owner, slow) => {
      if (!slow) return;
      this.suspects.add(owner);
      this.slow.add(...this.quick.take(owner));
    });
    this.slow = new Lane(this.limits, (owner, slow) => {
      if (!slow) this.suspects.delete(owner);
    });
  }

  /** @param owner who takes turns with others: an endpoint's id, a source's. @throws FormatError with a sentence; NotEvaluated where it is not to blame. */
  async evaluate(owner: string, template: string, message: TemplateInput): Promise<Json> {
    const json = await new Promise<string>((resolve, reject) => {
      const job: Job = { owner, template, message, until: Date.now() + this.limits.waitMs, resolve, reject };
      (this.suspects.has(owner) ? this.slow : this.quick).add(job);
    });
    return JSON.parse(json) as Json;
  }

  /** What waits or runs is refused. */
  close(): void {
    this.quick.close();
    this.slow.close();
  }
}

/** One process, started when there is something to do, and what waits for it. */
class Lane {
  private readonly waiting = new Map<string, Job[]>();
  private child: ChildProcess | undefined;
  private ready = false;
  private running: Job | undefined;
  private began = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly limits: TemplateLimits,
    /** Told after each evaluation whose it was, and whether it was slow or came to no end. */
    private readonly ended: (owner: string, slow: boolean) => void,
  ) {}

  add(...jobs: readonly Job[]): void {
    for (const job of jobs) {
      const queue = this.waiting.get(job.owner);
      if (queue) queue.push(job);
      else this.waiting.set(job.owner, [job]);
    }
    this.pump();
  }

  /** What waits for that owner's turn, which it waits for no longer. */
  take(owner: string): readonly Job[] {
    const jobs = this.waiting.get(owner) ?? [];
    this.waiting.delete(owner);
    return jobs;
  }

  close(): void {
    this.closed = true;
    this.kill();
    this.finish((job) => job.reject(stopping()));
    this.pump();
  }

  private pump(): void {
    while (!this.running) {
      const job = this.next();
      if (!job) return;
      if (this.closed) job.reject(stopping());
      else if (Date.now() > job.until)
        job.reject(new NotEvaluated(`The template was not evaluated within ${this.limits.waitMs} ms, as others ran.`));
      else this.run(job);
    }
  }

  /** The owner who comes next, and behind all others after that. */
  private next(): Job | undefined {
    for (const [owner, queue] of this.waiting) {
      const job = queue.shift();
      this.waiting.delete(owner);
      if (queue.length > 0) this.waiting.set(owner, queue);
      return job;
    }
    return undefined;
  }

  private run(job: Job): void {
    this.running = job;
    clearTimeout(this.timer);
    if (this.ready) this.send(job);
    else this.start();
  }

  private start(): void {
    const child = fork(processFile, {
      execArgv: [`--max-old-space-size=${this.limits.memoryMb}`, '--max-semi-space-size=8'],
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.child = child;
    // Events of a process that was given up come to nobody.
    const heard = (listener: () => void) => {
      if (this.child === child) listener();
    };
    child.on('message', (told: FromTemplates) => heard(() => this.told(told)));
    child.on('error', ({ message }) => heard(() => this.died(`its process could not be started: ${message}`, NotEvaluated)));
    child.on('exit', (code, signal) =>
      heard(() =>
        signal === 'SIGABRT' || code === 134
          ? this.died(`it took more memory than the ${this.limits.memoryMb} MB that it may; let it make shorter texts and lists`)
          : this.died(`its process ended (${signal ?? `exit code ${code}`})`, NotEvaluated),
      ),
    );
    this.timer = setTimeout(() => this.died(`its process did not start within ${startMs} ms`, NotEvaluated), startMs);
    // It alone keeps no process alive.
    child.unref();
    child.channel?.unref();
  }

  private send(job: Job): void {
    const { template, message } = job;
    this.began = performance.now();
    // A busy event loop may come here before it has read the answer that is there: it reads first.
    this.timer = setTimeout(() => setImmediate(() => this.running === job && this.tooLong()), this.limits.killMs);
    this.child?.send({ template, message, milliseconds: this.limits.evaluateMs } satisfies ToTemplates);
  }

  private told(told: FromTemplates): void {
    clearTimeout(this.timer);
    if (told === 'ready') {
      this.ready = true;
      if (this.running) this.send(this.running);
      return;
    }
    const slow = performance.now() - this.began > this.limits.slowMs;
    this.finish((job) => ('json' in told ? job.resolve(told.json) : job.reject(new FormatError(told.refused))), slow);
    if (!this.running) this.timer = setTimeout(() => this.kill(), this.limits.idleMs).unref();
  }

  private tooLong(): void {
    this.died(`it took longer than ${this.limits.killMs} ms; look for a loop, or a regular expression that tries too much`);
  }

  private died(why: string, Failure: typeof FormatError = FormatError): void {
    this.kill();
    this.finish((job) => job.reject(new Failure(`The template failed: ${why}.`)), true);
  }

  private finish(tell: (job: Job) => void, slow = false): void {
    const job = this.running;
    this.running = undefined;
    if (job) {
      tell(job);
      this.ended(job.owner, slow);
    }
    this.pump();
  }

  private kill(): void {
    clearTimeout(this.timer);
    this.ready = false;
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }
}
