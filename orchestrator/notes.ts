/** What the manager notes, as lines of a log that a person understands without the protocol. */
import type { AccusationReason } from '../common/control-messages.js';
import type { ManagerNote } from './configuration/machine.js';

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

/** What an accuser says of the accused. */
const CHARGES: Readonly<Record<AccusationReason, string>> = {
  'no-ack': 'had no acknowledgement of a write from it for too long',
  silent: 'heard nothing of it for too long',
  disconnected: 'lost the connection to it',
};

/** The line for a note. */
export function lineFor(note: ManagerNote): Line {
  switch (note.type) {
    case 'peer-joined':
      return { level: 'info', text: `${note.peer} joined` };
    case 'peer-restarted':
      return { level: 'info', text: `${note.peer} was restarted and has its data` };
    case 'peer-wiped':
      return { level: 'warn', text: `${note.peer} came back with an EMPTY disk: its copies are made anew` };
    case 'peer-silent':
      return { level: 'warn', text: `${note.peer} does not answer` };
    case 'peer-back':
      return { level: 'info', text: `${note.peer} answers again` };
    case 'partition-lost':
      return lostLine([note.partition]);
    case 'suspects-self':
      return {
        level: 'warn',
        text: 'more than half of all peers fell silent at once: the fault may be here, so nothing is changed for a while',
      };
    case 'accused-removed':
      return {
        level: 'warn',
        text: `${note.peer} is taken out of ${note.partitions} partitions: ${note.accusers.join(', ')} ${CHARGES[note.why]}`,
      };
    case 'rebuild-started':
      return {
        level: 'warn',
        text: `the registry is lost or old: it is rebuilt from what the peers hold (term ${note.term})`,
      };
    case 'rebuild-done':
      return { level: 'info', text: `the registry is rebuilt (term ${note.term})` };
    case 'other-cluster':
      return {
        level: 'warn',
        text: `${note.peer} of cluster ${note.clusterId} talks to us; it is not heard`,
      };
  }
}

/** What is said, again and again, while partitions are lost. */
export function lostLine(partitions: readonly number[]): Line {
  return {
    level: 'error',
    text:
      `DATA LOST: every peer that held ${listed('partition', partitions)} has lost its disk. ` +
      'Keys there are refused, not answered as missing. Bring one of the old disks back.',
  };
}

const LISTED = 8;

/** `partition 3`, or `partitions 3, 7, 9 and 12 more`. */
export function listed(what: string, numbers: readonly number[]): string {
  const shown = numbers.slice(0, LISTED).join(', ');
  if (numbers.length === 1) return `${what} ${shown}`;
  const more = numbers.length - LISTED;
  return `${what}s ${shown}${more > 0 ? ` and ${more} more` : ''}`;
}
