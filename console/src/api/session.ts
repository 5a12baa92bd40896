// Signing in and out: an API key is changed for a cookie that no script can read.
type Answer = { readonly kind: 'ok' } | { readonly kind: 'refused'; readonly sentence: string };

const request = async (method: 'POST' | 'DELETE', body?: unknown): Promise<Answer> => {
  try {
    const response = await fetch('/v1/session', {
      method,
      credentials: 'same-origin',
      headers: { 'x-hookledger-console': '1', ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (response.ok) return { kind: 'ok' };
    const problem: unknown = await response.json();
    return { kind: 'refused', sentence: detailIn(problem) ?? `The server answered ${response.status}.` };
  } catch {
    return { kind: 'refused', sentence: 'The server did not answer. Check your connection, and whether it runs.' };
  }
};

const detailIn = (problem: unknown): string | undefined =>
  typeof problem === 'object' && problem !== null && 'detail' in problem && typeof problem.detail === 'string' ? problem.detail : undefined;

export const signIn = (key: string): Promise<Answer> => request('POST', { key });
export const signOut = (): Promise<Answer> => request('DELETE');
