// What the server refuses, by field. A mistake deep in a field shows at the field as well. Pure.
import type { Issue } from '../../api/client.ts';

/** @param issues with paths such as `input.retryPolicy.delaysSeconds.2` */
export const problemsIn = (issues: readonly Issue[]): Readonly<Record<string, string>> => {
  const problems: Record<string, string> = {};
  for (const { path, message } of issues) {
    const parts = path.replace(/^(?:input|patch)\.?/, '').split('.');
    for (let length = parts.length; length > 0; length--) problems[parts.slice(0, length).join('.')] ??= message;
  }
  return problems;
};
