/**
 * What peers say, taken down for the next round of decisions.
 *
 * Keeps true: a process is taken in only by an answer to a probe (a late `register` of a process that is gone
 * cannot bring it back); what a process says about partitions counts only if it is the process that the map
 * names; nothing is decided here.
 */
import type { ClusterMap } from '../../common/configuration.js';
import type { Accuse, Add, Pong, ReportEnvelope } from '../../common/control-messages.js';
import type { Contacts } from './contacts.js';
import type { Memory } from './decisions.js';
import { isNews } from './registration.js';

/** Where reports are taken down. */
export interface ReportDesk {
  readonly nowMs: number;
  readonly map: ClusterMap;
  readonly contacts: Contacts;
  readonly memory: Memory;
}

/** Takes a report down. Answers whether it may change something before the next tick. */
export function takeReport(desk: ReportDesk, envelope: ReportEnvelope): boolean {
  const { map, contacts, memory } = desk;
  const { body, from, ver } = envelope;
  if (ver < map.ver && body.type !== 'state') contacts.push([from]);
  switch (body.type) {
    case 'register':
      if (isNewsFrom(map, envelope)) contacts.want([from]);
      return false;
    case 'pong':
      return takePong(desk, envelope, body);
    case 'add':
      // It can wait for the tick: many of them then share one change of the map.
      if (isNamed(map, envelope)) memory.adds.set(body.partition, { add: body satisfies Add, from });
      return false;
    case 'accuse':
      takeAccusation(desk, envelope, body);
      return false;
    case 'leave':
      if (!isNamed(map, envelope)) return false;
      memory.leaves.set(from, {
        scope: body.only ?? 'everything',
        storeId: envelope.storeId,
        inc: envelope.fromInc,
      });
      return true;
    case 'pull':
    case 'state':
      return false;
  }
}

/** Whether the sender is the very process that the map names. */
function isNamed(map: ClusterMap, { from, fromInc, storeId }: ReportEnvelope): boolean {
  const record = map.peers.get(from);
  return record?.inc === fromInc && record.storeId === storeId;
}

function isNewsFrom(map: ClusterMap, envelope: ReportEnvelope): boolean {
  const { from, fromInc, storeId, addr } = envelope;
  return isNews(map.peers.get(from), { storeId, inc: fromInc, addr, weight: undefined });
}

function takePong(
  { map, contacts, memory, nowMs }: ReportDesk,
  envelope: ReportEnvelope,
  pong: Pong,
): boolean {
  const { from, fromInc, storeId, addr } = envelope;
  const record = map.peers.get(from);
  if (record?.storeId === storeId && fromInc < record.inc) return false;
  const fresh = contacts.liveness.answered(from, pong.n, nowMs);
  if (isNamed(map, envelope)) {
    for (const { partition, epoch } of pong.active) {
      const part = map.parts[partition];
      if (part?.epoch === epoch && !part.active) memory.activations.set(partition, { epoch, from });
    }
    if (record && record.addr !== addr && fresh) {
      memory.arrivals.set(from, { storeId, inc: fromInc, addr, weight: undefined });
    }
    return memory.probe.has(from);
  }
  if (!fresh) return false;
  memory.arrivals.set(from, { storeId, inc: fromInc, addr, weight: contacts.weightOf(from) });
  return true;
}

function takeAccusation(
  { map, contacts, memory, nowMs }: ReportDesk,
  envelope: ReportEnvelope,
  accuse: Accuse,
): void {
  if (!isNamed(map, envelope)) return;
  const { round } = contacts.liveness;
  for (const { partition, epoch } of accuse.cases) {
    const part = map.parts[partition];
    if (part?.epoch !== epoch || !part.members.has(envelope.from)) continue;
    const isMember = part.members.has(accuse.who);
    const isLearner = part.learners.includes(accuse.who) && part.primary === envelope.from;
    if (!isMember && !isLearner) continue;
    const { who, why } = accuse;
    memory.accusations.add({ accuser: envelope.from, who, why, partition, epoch }, round, nowMs);
    contacts.want(part.members.keys());
    contacts.want(part.learners);
  }
}
