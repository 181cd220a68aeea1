/**
 * The target of a request, as it came: path and query, not decoded.
 *
 * Koa's `ctx.path` and the router's parameters decode on their own terms (a wrong escape is kept as text, an unusual
 * character sends the URL through another parser), so nothing here or in a handler relies on them.
 *
 * Invariant: what stands between two slashes of the path is decoded once, by who needs it, or never.
 */
import { Problem } from '../../common/problems.js';

const ABSOLUTE = /^https?:\/\/[^/?#]*/i;

/**
 * The target as `/path?query`; a proxy's absolute form loses its scheme and host.
 * @throws Problem `invalid-request` on a fragment, which a client should have kept for itself.
 */
export function originForm(url: string): string {
  if (url.includes('#')) throw new Problem('invalid-request', 'A "#" in a URL is to be written %23.');
  if (url.charCodeAt(0) === SLASH) return url;
  const host = ABSOLUTE.exec(url);
  if (host === null) return url;
  const rest = url.slice(host[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** What stands before the first `?`. */
export function rawPath(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? url : url.slice(0, mark);
}

/** What stands after the first `?`, else nothing. */
export function rawQuery(url: string): string {
  const mark = url.indexOf('?');
  return mark === -1 ? '' : url.slice(mark + 1);
}

/** What stands after the last slash of the path. */
export function lastSegment(url: string): string {
  const path = rawPath(url);
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Undoes percent-encoding once, strictly: whole escapes, and UTF-8 without overlong forms or surrogates. Null where it is
 * not such text. (Bytes beyond ASCII never come unescaped: `http-server.ts` refuses such a target.)
 */
export function percentDecode(raw: string): string | null {
  if (!raw.includes('%')) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    return null;
  }
}

const SLASH = 0x2f;
