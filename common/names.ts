/**
 * The forms of the names that processes tell one another: ids and hosts.
 *
 * Invariant: whatever passes here can stand in a URL, a log line or a file name without quoting.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

/** An id of a peer or the name of a cluster: 1 to 64 letters, digits, dots, dashes, colons or underscores. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/,
    'must be 1 to 64 letters, digits, . _ : or -, and begin with a letter or digit',
  );

const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*$/;

/** A host name or an IP address without port, path, scheme, user or brackets. */
export const addressSchema = z
  .string()
  .max(253)
  .refine((host) => isIP(host) !== 0 || HOST_NAME.test(host), 'must be a host name or an IP address');

/** `host:port` as it stands in a URL, an IPv6 address in brackets. */
export function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether the address is this machine's own (127.0.0.0/8, ::1, or `localhost`). */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  const v4 = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  return isIP(v4) === 4 && v4.startsWith('127.');
}
