/** The Redis lane's store on a peer: its replica for keys of one partition, its lister for all of them. */
import { partitionOfKey } from '../../common/slots.js';
import type { ForwardedReads } from '../forwarded-reads.js';
import type { Lister } from '../lister.js';
import type { Replica } from '../replica.js';
import { isTooLarge } from '../replication/evaluate.js';
import { broken } from '../replication/invariant.js';
import type { WriteAnswer } from '../requests/rim.js';
import type { RespStore, TransactionAnswer } from './store.js';

/** What it is built on. */
export interface PeerStoreParts {
  readonly replica: Pick<Replica, 'readNow' | 'beginWrite'>;
  readonly forwardedReads: Pick<ForwardedReads, 'begin'>;
  readonly lister: Pick<Lister, 'pageOf' | 'count'>;
}

/** Serves the Redis lane from a peer's own parts. */
export function respStoreOf({ replica, forwardedReads, lister }: PeerStoreParts): RespStore {
  return {
    partitionOf: partitionOfKey,
    readNow: (key) => replica.readNow(partitionOfKey(key), key),
    read: (key, done) => forwardedReads.begin(partitionOfKey(key), key, done),
    write: (command, done) =>
      replica.beginWrite({ partition: partitionOfKey(command.key), command, idempotency: undefined }, done),
    transact: (partition, transaction, done) => {
      // The replica would refuse it too, but a message that is too large would not get there.
      if (isTooLarge(transaction)) done({ kind: 'too-large' });
      else {
        replica.beginWrite({ partition, command: transaction, idempotency: undefined }, (answer) =>
          done(transactionAnswer(answer)),
        );
      }
    },
    keysOf: (partition, after, limit) => lister.pageOf([partition], '', after, limit),
    count: () => lister.count(),
  };
}

function transactionAnswer(answer: WriteAnswer): TransactionAnswer {
  if (answer.kind === 'conflict') return broken('a transaction without an Idempotency-Key', answer.reason);
  if (answer.kind !== 'result') return answer;
  const { result } = answer;
  if (result.kind === 'done') return { kind: 'committed', existed: Number(result.number) };
  return { kind: result.reason === 'too-large' ? 'too-large' : 'conflict' };
}
