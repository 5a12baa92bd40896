// Evaluates templates in child processes. Each has a memory limit, and is killed when an expression does not end.
// Guarantees:
// · An expression can neither hang nor crash the service, and takes `killMs` at most. A thread would not do: V8 ends the whole process
//   when a single text or list in a thread is larger than the thread's memory limit.
// · Organizations take turns, and in each its owners, one evaluation each. Owners whose last evaluation was slow, killed or out of memory share a second process: one owner's
//   template delays another's once at most.
// · No evaluation waits longer than `waitMs`. There are two processes at most, and none while no template is in use.
import { fork, type ChildProcess } from 'node:child_process';
import { FairGroups } from '../../fair-queue.ts';
import { organizationOfTurn } from '../../turns.ts';
import { parseJson } from '../../domain/exact-number.ts';
import type { Json } from '../../domain/json.ts';
import { FormatError, NotBegun, NotEvaluated } from './format-error.ts';
import type { FromTemplates, ToTemplates } from './template.process.ts';
import type { TemplateInput } from './template.ts';

const processFile = new URL(import.meta.url.endsWith('.ts') ? './template.process.ts' : './template.process.js', import.meta.url);

export type TemplateLimits = {
  /** JSONata stops an evaluation after this, between two of its steps. */
  readonly evaluateMs: number;
  /** Then its process is killed. */
  readonly killMs: number;
  /** The longest wait for a turn. */
  readonly waitMs: number;
  /** Owners whose evaluation takes longer move to the second process. */
  readonly slowMs: number;
  readonly idleMs: number;
  readonly memoryMb: number;
};
const defaultLimits: TemplateLimits = { evaluateMs: 1_000, killMs: 2_000, waitMs: 10_000, slowMs: 200, idleMs: 60_000, memoryMb: 64 };
const startMs = 10_000;
const stopping = () => new NotBegun('The service is stopping, so the template was not evaluated.');

type Job = Omit<ToTemplates, 'milliseconds'> & {
  readonly owner: string;
  readonly until: number;
  readonly resolve: (json: string) => void;
  readonly reject: (error: FormatError) => void;
};

export class TemplateProcesses {
  private readonly limits: TemplateLimits;
  private readonly quick: TemplateProcess;
  private readonly slow: TemplateProcess;
  /** Owners whose last evaluation was slow or did not end. */
  private readonly slowOwners = new Set<string>();

  constructor(changed: Partial<TemplateLimits> = {}) {
    this.limits = { ...defaultLimits, ...changed };
    this.quick = new TemplateProcess(this.limits, (owner, slow) => {
      if (!slow) return;
      this.slowOwners.add(owner);
      this.slow.add(...this.quick.removeJobsOf(owner));
    });
    this.slow = new TemplateProcess(this.limits, (owner, slow) => {
      if (!slow) this.slowOwners.delete(owner);
    });
  }

  /** @param owner `<organization>/<endpoint or source>`: both take turns. @throws FormatError with a sentence; NotEvaluated if the template is not to blame */
  async evaluate(owner: string, template: string, message: TemplateInput): Promise<Json> {
    const json = await new Promise<string>((resolve, reject) => {
      const job: Job = {
        owner,
        template,
        message: JSON.stringify(message),
        until: performance.now() + this.limits.waitMs,
        resolve,
        reject,
      };
      (this.slowOwners.has(owner) ? this.slow : this.quick).add(job);
    });
    return parseJson(json);
  }

  /** Rejects what waits or runs. */
  close(): void {
    this.quick.close();
    this.slow.close();
  }
}

/** One child process, started when there is a job, and the jobs that wait for it. */
class TemplateProcess {
  private readonly waiting = new FairGroups<Job>(1, organizationOfTurn);
  private child: ChildProcess | undefined;
  private ready = false;
  private running: Job | undefined;
  private began = 0;
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(
    private readonly limits: TemplateLimits,
    /** Called after each evaluation. `slow`: it was slow or did not end. */
    private readonly onEnded: (owner: string, slow: boolean) => void,
  ) {}

  add(...jobs: readonly Job[]): void {
    for (const job of jobs) this.waiting.push(job.owner, 1, job);
    this.pump();
  }

  /** @returns the owner's jobs, which no longer wait here */
  removeJobsOf(owner: string): readonly Job[] {
    return this.waiting.remove((job) => job.owner === owner);
  }

  close(): void {
    this.closed = true;
    this.kill();
    this.finish((job) => job.reject(stopping()));
    this.pump();
  }

  private pump(): void {
    while (!this.running) {
      const job = this.waiting.take(() => true);
      if (!job) return;
      if (this.closed) job.reject(stopping());
      else if (performance.now() > job.until)
        job.reject(new NotBegun(`The template was not evaluated within ${this.limits.waitMs} ms, because others were running.`));
      else this.run(job);
    }
  }

  private run(job: Job): void {
    this.running = job;
    clearTimeout(this.timer);
    if (this.ready) this.send(job);
    else this.start();
  }

  private start(): void {
    let child: ChildProcess;
    try {
      child = fork(processFile, {
        execArgv: [`--max-old-space-size=${this.limits.memoryMb}`, '--max-semi-space-size=8'],
        env: {},
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
    } catch (error) {
      return this.died(`its process could not be started: ${error instanceof Error ? error.message : String(error)}`, NotBegun);
    }
    this.child = child;
    // Ignores events of a process that was replaced.
    const ifCurrent = (listener: () => void) => {
      if (this.child === child) listener();
    };
    child.on('message', (answer: FromTemplates) => ifCurrent(() => this.answered(answer)));
    child.on('error', ({ message }) => ifCurrent(() => this.died(`its process could not be started: ${message}`, NotBegun)));
    child.on('exit', (code, signal) =>
      ifCurrent(() =>
        signal === 'SIGABRT' || code === 134
          ? this.died(`it took more than ${this.limits.memoryMb} MB of memory; let it make shorter texts and lists`)
          : this.died(`its process ended (${signal ?? `exit code ${code}`})`, NotEvaluated),
      ),
    );
    this.timer = setTimeout(() => this.died(`its process did not start within ${startMs} ms`, NotBegun), startMs);
    // The child does not keep the service's process alive.
    child.unref();
    child.channel?.unref();
  }

  private send(job: Job): void {
    const { template, message } = job;
    this.began = performance.now();
    // A busy event loop may get here before it reads an answer that has arrived. setImmediate lets it read first.
    this.timer = setTimeout(() => setImmediate(() => this.running === job && this.tooLong()), this.limits.killMs);
    this.child?.send({ template, message, milliseconds: this.limits.evaluateMs } satisfies ToTemplates);
  }

  private answered(answer: FromTemplates): void {
    clearTimeout(this.timer);
    if (answer === 'ready') {
      this.ready = true;
      if (this.running) this.send(this.running);
      return;
    }
    const slow = performance.now() - this.began > this.limits.slowMs;
    this.finish((job) => ('json' in answer ? job.resolve(answer.json) : job.reject(new FormatError(answer.refused))), slow);
    if (!this.running) this.timer = setTimeout(() => this.kill(), this.limits.idleMs).unref();
  }

  private tooLong(): void {
    this.died(`it took longer than ${this.limits.killMs} ms; look for a loop, or a regular expression that tries too much`);
  }

  private died(why: string, Failure: typeof FormatError = FormatError): void {
    this.kill();
    this.finish((job) => job.reject(new Failure(`The template failed: ${why}.`)), true);
  }

  private finish(settle: (job: Job) => void, slow = false): void {
    const job = this.running;
    this.running = undefined;
    if (job) {
      settle(job);
      this.onEnded(job.owner, slow);
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
