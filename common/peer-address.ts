/**
 * Where a peer is reached: by clients over HTTP and, where it is served, over RESP, and by the other peers over their stream.
 *
 * Invariant: `parsePeerAddress(formatPeerAddress(a))` is `a`; the text is what maps and reports carry as `addr`.
 */
import { hostPort } from './names.js';

export interface PeerAddress {
  readonly host: string;
  /** For clients and for the orchestrator (HTTP). */
  readonly port: number;
  /** For other peers (gRPC). */
  readonly peerPort: number;
  /** For Redis clients (RESP); left out where the peer serves none. */
  readonly respPort?: number;
}

const FORM = /^(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})\/(\d{1,5})(?:\/(\d{1,5}))?$/;
const MAX_PORT = 65_535;

/** `host:port/peerPort`, with `/respPort` behind it where there is one; an IPv6 address in brackets. */
export function formatPeerAddress({ host, port, peerPort, respPort }: PeerAddress): string {
  const address = `${hostPort(host, port)}/${peerPort}`;
  return respPort === undefined ? address : `${address}/${respPort}`;
}

/** The address, or undefined where the text is none. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const [, v6, name, first, second, third] = FORM.exec(text) ?? [];
  const host = v6 ?? name;
  const port = Number(first);
  const peerPort = Number(second);
  if (host === undefined || !isPort(port) || !isPort(peerPort)) return undefined;
  if (third === undefined) return { host, port, peerPort };
  const respPort = Number(third);
  return isPort(respPort) ? { host, port, peerPort, respPort } : undefined;
}

function isPort(port: number): boolean {
  return port >= 1 && port <= MAX_PORT;
}
