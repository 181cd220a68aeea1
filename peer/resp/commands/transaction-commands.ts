/**
 * MULTI, EXEC, DISCARD, WATCH, UNWATCH.
 *
 * Invariant: what EXEC runs takes effect as a whole at one moment, at which all watched keys still had the version that
 * WATCH saw, or nothing of it does. All keys, the watched ones too, are in one partition.
 */
import { type Action, keysOfAction } from '../action.js';
import { Arguments } from '../arguments.js';
import { readAll } from '../batch.js';
import { apply, type View, versionOf } from '../executor.js';
import { INVALID_KEY, keysOf } from '../keys.js';
import { failure, list, noList, OK, type Reply } from '../replies.js';
import type { Queued } from '../session.js';
import type { Caller } from './runs.js';
import { alone, local, type Runs } from './runs.js';

const ABORTED: Reply = failure('EXECABORT Transaction discarded because of previous errors.');

function multi(_args: readonly Buffer[], { session }: Caller): Reply {
  if (session.transaction !== undefined) return failure('ERR MULTI calls can not be nested');
  session.transaction = { queued: [], bytes: 0, broken: false };
  return OK;
}

function discard(_args: readonly Buffer[], { session }: Caller): Reply {
  if (session.transaction === undefined) return failure('ERR DISCARD without MULTI');
  session.endTransaction();
  return OK;
}

function exec(_args: readonly Buffer[], caller: Caller): Promise<Reply> | Reply {
  const { session, services } = caller;
  const { transaction, protocol } = session;
  if (transaction === undefined) return failure('ERR EXEC without MULTI');
  const watched = new Map(session.watched);
  session.endTransaction();
  if (transaction.broken) return ABORTED;
  const steps = transaction.queued.map((queued) => stepOf(queued, caller));
  const keys = [...new Set([...watched.keys(), ...steps.flatMap(({ keys }) => keys)])];
  const run = (view: View) => list(steps.map((step) => step.run(view)));
  return new Promise((resolve) => {
    services.executor.runPlan({ keys, watched, run, changed: noList(protocol) }, resolve);
  });
}

interface Step {
  readonly keys: readonly string[];
  run(view: View): Reply;
}

/** A command as a step of a transaction; what asks nobody runs now, once. */
function stepOf({ name, args }: Queued, caller: Caller): Step {
  const run = caller.commands.get(name)?.run;
  if (run?.kind !== 'keys') {
    const reply = run?.kind === 'local' ? run.run(args, caller) : ABORTED;
    return { keys: [], run: () => reply };
  }
  const action = run.parse(Arguments.of(args), caller.session);
  if (!isAction(action)) return { keys: [], run: () => action };
  return { keys: keysOfAction(action), run: (view) => apply(action, view) };
}

/** Whether parsing gave something to be done, rather than an answer. */
export function isAction(action: Action | Reply): action is Action {
  return typeof action === 'object' && 'kind' in action;
}

function watch(args: readonly Buffer[], { session, services }: Caller): Promise<Reply> | Reply {
  if (session.transaction !== undefined) return failure('ERR WATCH inside MULTI is not allowed');
  const named = keysOf(args.slice(1));
  if (named === undefined) return INVALID_KEY;
  const { store, limits } = services;
  // A key that is watched already keeps the version that was seen first.
  const keys = [...new Set(named)].filter((key) => !session.watched.has(key));
  if (session.watched.size + keys.length > limits.watched) {
    return failure(`ERR too many keys watched; at most ${limits.watched}`);
  }
  return new Promise((resolve) => {
    readAll(store, keys, limits, (found) => {
      if (found.rows === null) {
        resolve(found.refusal);
        return;
      }
      for (const [at, key] of keys.entries()) session.watched.set(key, versionOf(found.rows[at] ?? null));
      resolve(OK);
    });
  });
}

function unwatch(_args: readonly Buffer[], { session }: Caller): Reply {
  session.watched.clear();
  return OK;
}

/** These are carried out, not queued, between MULTI and EXEC. */
export const NEVER_QUEUED: ReadonlySet<string> = new Set([
  'multi',
  'exec',
  'discard',
  'watch',
  'quit',
  'reset',
]);

/** What they do, by name. */
export const TRANSACTION_RUNS: Runs = {
  multi: local(multi),
  exec: alone(exec),
  discard: local(discard),
  watch: alone(watch),
  unwatch: local(unwatch),
};
