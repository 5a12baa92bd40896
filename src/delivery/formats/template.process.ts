// The child process that evaluates templates, one at a time. Whatever an expression does to it, the service only sees it end.
import { Worker } from 'node:worker_threads';
import { parseJson } from '../../domain/exact-number.ts';
import { FormatError } from './format-error.ts';
import { evaluateTemplate, type TemplateInput } from './template.ts';

/** `message`: a TemplateInput as JSON. Sent as an object, its numbers would be doubles. */
export type ToTemplates = { readonly template: string; readonly message: string; readonly milliseconds: number };
export type FromTemplates = 'ready' | { readonly json: string } | { readonly refused: string };

// A precaution: no expression is known to reach these. If one did, it could add nothing that another owner's expression would see.
for (const shared of [Object, Array, Function, String, Number, Boolean, RegExp, Promise, Map, Set])
  Reflect.preventExtensions(shared.prototype as object);

// Only the service ends this process. A terminal or process manager signals the whole group, but attempts in flight finish first.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit());
// If the service was killed, an endless expression never lets 'disconnect' be handled, so a thread watches the parent.
const watch = `setInterval(() => process.ppid === ${process.ppid} || process.kill(process.pid, 'SIGKILL'), 1000)`;
new Worker(watch, { eval: true }).unref();

const answer = (sent: FromTemplates) => process.send?.(sent);

process.on('message', ({ template, message, milliseconds }: ToTemplates) => {
  evaluateTemplate(template, parseJson(message) as TemplateInput, milliseconds).then(
    (json) => answer({ json }),
    (error: unknown) => answer({ refused: error instanceof FormatError ? error.message : `The template failed: ${String(error)}` }),
  );
});
answer('ready');
