/**
 * Which peers are listened to, and where the orchestrator may call.
 *
 * Invariants: the cluster's secret is sent only to an address of one machine; without a secret that is this machine.
 * A second process under the name of a peer that answers is refused: it would take the place of the first one.
 */
import type { ReportEnvelope } from '../common/control-messages.js';
import { addressSchema, isLoopback } from '../common/names.js';
import { type PeerAddress, parsePeerAddress } from '../common/peer-address.js';
import { Problem } from '../common/problems.js';
import { clientAddress } from '../common/summary.js';
import type { ManagerStatus } from './configuration/machine.js';

/** Addresses that are not those of one machine that could be asked. */
const NOWHERE = /^(0\.|22[4-9]\.|23\d\.|2[45]\d\.|::$|ff)/i;

/** The address that a peer gives, if the orchestrator may call there. */
export function reachable(addr: string, secret: string | null): PeerAddress | undefined {
  const address = parsePeerAddress(addr);
  if (address === undefined || !addressSchema.safeParse(address.host).success) return undefined;
  if (NOWHERE.test(address.host) || (secret === null && !isLoopback(address.host))) return undefined;
  return address;
}

/** @throws Problem unless the report is of this cluster and from somewhere the orchestrator may call. */
export function requireOurs(report: ReportEnvelope, cluster: string, secret: string | null): void {
  const { clusterId, addr } = report;
  if (clusterId !== cluster) {
    throw new Problem(
      'wrong-cluster',
      `This is the orchestrator of cluster ${cluster}, not of ${clusterId}; check --cluster and --orchestrator.`,
    );
  }
  if (reachable(addr, secret) !== undefined) return;
  throw new Problem(
    'invalid-registration',
    secret === null
      ? `addr: without a secret only this machine's own addresses are taken, such as 127.0.0.1, not ${addr}.`
      : `addr: ${addr} is not the address of a machine; set --advertise.`,
  );
}

/** @throws Problem where the name belongs to another process that goes before this one. */
export function requireOwnName(report: ReportEnvelope, { map, live }: ManagerStatus): void {
  const { from, storeId, fromInc, addr } = report;
  const known = map.peers.get(from);
  if (known === undefined) return;
  if (known.storeId === storeId && fromInc < known.inc) {
    throw new Problem(
      'stale-instance',
      `${from} went on as process ${known.inc} of its store, and this is process ${fromInc}: an older copy of its data folder?`,
    );
  }
  if (!live.includes(from) || clientAddress(known.addr) === clientAddress(addr)) return;
  throw new Problem(
    'id-taken',
    `${from} is the name of a peer at ${clientAddress(known.addr)} that answers; choose another --id, or stop that one.`,
  );
}
