/** Messages, entries and outcomes as one short line each, as they stand in the transcripts. */

import type { Result } from '../../peer/replication/commands.js';
import type { Entry, Row } from '../../peer/replication/entry.js';
import type { ReportEffect } from '../../peer/replication/machine.js';
import type { PeerMessage, ReadOutcome, WriteOutcome } from '../../peer/replication/messages.js';

export function describeMessage(body: PeerMessage): string {
  switch (body.type) {
    case 'map':
      return `map ${body.map.ver}`;
    case 'pull':
      return 'pull';
    case 'lreq':
      return `lreq t0=${body.t0}`;
    case 'lgrant':
      return `lgrant t0=${body.t0}`;
    case 'align':
      return `align e${body.epoch} com=${body.com} suffix=${describeEntries(body.suffix)}`;
    case 'align_ok':
      return `align_ok e${body.epoch} upto=${body.upto}`;
    case 'prep':
      return `prep e${body.epoch} first=${body.first} ${describeEntries(body.entries)} com=${body.com} gc=${body.gc}`;
    case 'ack':
      return `ack e${body.epoch} upto=${body.upto}${body.gap ? ' gap' : ''}`;
    case 'fwd':
      return `fwd #${body.tag.n}`;
    case 'fwd_r':
      return `fwd_r #${body.n} ${describeWrite(body.outcome)}`;
    case 'rfwd':
      return `rfwd ${body.key}`;
    case 'rfwd_r':
      return `rfwd_r ${describeRead(body.outcome)}`;
    case 'rseq':
    case 'conf':
      return `${body.type} e${body.epoch}${body.expired.length > 0 ? ` expired=${body.expired.join()}` : ''}`;
    case 'rseq_r':
    case 'conf_r':
      return `${body.type} e${body.epoch} com=${body.com}`;
    case 'join':
      return `join e${body.epoch} com=${body.com}`;
    case 'learn':
      return `learn e${body.epoch} from=${body.from} ${describeEntries(body.entries)} com=${body.com}`;
    case 'snap': {
      const rows = body.rows.map(({ key, row }) => `${key}=${describeRow(row)}`).join(' ');
      return `snap part=${body.part} rows=[${rows}] ${describeEntries(body.entries)}`;
    }
    case 'snap_ok':
      return `snap_ok got=${body.got}`;
    case 'snap_end':
      return `snap_end part=${body.part} s0=${body.s0} com=${body.com} ${describeEntries(body.entries)}`;
    case 'snap_done':
      return `snap_done upto=${body.upto}`;
    case 'mend':
      return `mend ${body.keys.join()}`;
    case 'mend_r': {
      const rows = body.rows.map(({ key, row }) => `${key}=${describeRow(row)}`).join(' ');
      return `mend_r com=${body.com} rows=[${rows}] absent=${body.absent.join()}`;
    }
  }
}

export function describeEntries(entries: readonly Entry[]): string {
  return `[${entries.map(describeEntry).join(', ')}]`;
}

export function describeEntry(entry: Entry): string {
  return `${entry.epoch}/${entry.seq} ${describeEffect(entry)}`;
}

export function describeRow(row: Row): string {
  const value = row.value === null ? '⊥' : text(row.value.bytes);
  return `${value}@${row.epoch}/${row.seq}`;
}

export function describeWrite(outcome: WriteOutcome): string {
  if (outcome.kind === 'result') return describeResult(outcome.result);
  return 'reason' in outcome ? `${outcome.kind} ${outcome.reason}` : outcome.kind;
}

export function describeRead(outcome: ReadOutcome): string {
  if (outcome.kind === 'refused') return `refused ${outcome.reason}`;
  return outcome.row === null ? 'not there' : describeRow(outcome.row);
}

export function describeReport({ body }: ReportEffect): string {
  switch (body.type) {
    case 'add':
      return `add ${body.learner} (${body.learnerStoreId}, inc ${body.learnerInc}) e${body.epoch}`;
    case 'accuse':
      return `accuse ${body.who} ${body.why} e${body.cases.map(({ epoch }) => epoch).join()}`;
    case 'state':
      return `state term=${body.term} map=${body.map.ver}`;
    case 'pong':
      return `pong active=${body.active.map(({ epoch }) => `e${epoch}`).join()}`;
    case 'register':
    case 'pull':
    case 'leave':
      return body.type;
  }
}

function describeEffect({ key, effect, result }: Entry): string {
  switch (effect.kind) {
    case 'put':
      return `${key}=${text(effect.value.bytes)}`;
    case 'delete':
      return `${key}=⊥`;
    case 'several':
      return [...effect.changes.values()]
        .map((change) => `${change.key}=${change.kind === 'put' ? text(change.value.bytes) : '⊥'}`)
        .join('&');
    case 'none':
      return `${key} ${result.kind === 'failed' ? result.reason : ''} failed`;
    case 'retire':
      return `retire ${effect.peer} below inc ${effect.inc}`;
  }
}

function describeResult(result: Result): string {
  if (result.kind === 'failed') {
    const { actual } = result;
    return `failed ${result.reason}, found ${actual === null ? 'nothing' : `${actual.epoch}/${actual.seq}`}`;
  }
  const extra = result.number === undefined ? '' : ` number=${result.number}`;
  return `done ${result.version.epoch}/${result.version.seq}${result.existed ? '' : ' new'}${extra}`;
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
