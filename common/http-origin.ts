/**
 * Web pages are not clients: what a browser on this machine sends for a page from elsewhere is refused.
 *
 * A page may send requests anywhere, and reads the answers of its own host. So a change that names another origin is
 * refused; and as a page can have its own host's name point to this machine (DNS rebinding), a process that serves
 * this machine only takes no other name for it. `curl` and libraries name no origin, and loopback by its name or address.
 *
 * Invariant: where the Host of a request is not known to be ours, its Origin proves nothing.
 */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from './names.js';
import { Problem } from './problems.js';

/** Refuses a request that names a host which is not this machine. HTTP/1.0 may name none; browsers do not speak it. */
export function requireLoopbackHost(request: IncomingMessage): void {
  if (namesThisMachine(request)) return;
  throw new Problem(
    'forbidden',
    'This process serves its own machine only: ask for 127.0.0.1 or localhost. For other names start it with a secret.',
  );
}

/** Whether `requireLoopbackHost` lets the request pass. */
export function namesThisMachine({ headers: { host } }: IncomingMessage): boolean {
  if (host === undefined || host === lastLoopback.host) return true;
  if (!isLoopbackHost(host)) return false;
  lastLoopback.host = host;
  return true;
}

/** Most requests name the same host as the one before. */
const lastLoopback = { host: 'localhost' };

/** Refuses a request that a page of another origin sends. */
export function requireSameOrigin(request: IncomingMessage): void {
  const { origin, host } = request.headers;
  if (origin === undefined) return;
  const asked = host?.toLowerCase();
  const named = origin.toLowerCase();
  if (named === `http://${asked}` || named === `https://${asked}`) return;
  throw new Problem('forbidden', 'A web page of another origin may not change anything here.');
}

/** Refuses a request that a web page sends, whichever. */
export function refuseWebPage(request: IncomingMessage): void {
  if (request.headers.origin === undefined) return;
  throw new Problem('forbidden', 'This is for the cluster itself, not for web pages.');
}

function isLoopbackHost(host: string): boolean {
  const name = HOST.exec(host.toLowerCase())?.[1];
  if (name === undefined) return false;
  // Browsers resolve every name below localhost to this machine (RFC 6761).
  if (name.endsWith('.localhost')) return true;
  return isLoopback(name.startsWith('[') ? name.slice(1, -1) : name);
}

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,253})(?::\d{1,5})?$/;
