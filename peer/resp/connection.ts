/**
 * One connection: bytes in, commands run, answers out.
 *
 * Invariants: commands that name the same key run one after the other, in the order they came; others may run together,
 * and are answered in order. A command about everything runs by itself. Nothing is read from a client that does not take
 * its answers, or that has as much under way as it may; what it sends waits in the socket.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../../common/log.js';
import type { Action } from './action.js';
import { takes } from './commands/command.js';
import type { Caller, CommandSpec } from './commands/runs.js';
import { isAction, NEVER_QUEUED } from './commands/transaction-commands.js';
import { wrongArity } from './errors.js';
import { Order } from './order.js';
import { Outbox } from './outbox.js';
import { RequestParser } from './parser.js';
import { failure, QUEUED, type Reply } from './replies.js';
import { Stopwatch } from './stopwatch.js';
import { copyOf } from './values.js';

const NO_AUTH: Reply = failure('NOAUTH Authentication required.');
/** As much of a client's words as an error repeats. */
const QUOTED_CHARS = 128;

/** A command that may have to wait until it can run. */
type Ready =
  | { readonly kind: 'keys'; readonly action: Action; readonly silent: boolean }
  | {
      readonly kind: 'alone';
      readonly run: () => Promise<Reply> | Reply;
      readonly silent: boolean;
    };

export class Connection {
  readonly #parser: RequestParser;
  readonly #outbox: Outbox;
  readonly #order: Order;
  #held: Ready | undefined;
  #pumping = false;
  /** The parser may have more than was taken from it. */
  #behind = false;
  #ended = false;
  #closed = false;
  /** What the input budget was last told. */
  #heldBytes = 0;
  #takenAtCheck = 0;
  readonly #stalled = new Stopwatch();
  readonly #arriving = new Stopwatch();

  constructor(
    private readonly socket: Socket,
    private readonly caller: Caller,
    private readonly log: Logger,
  ) {
    const { limits } = caller.services;
    this.#parser = new RequestParser(limits);
    this.#parser.trusted = caller.session.trusted;
    this.#order = new Order(limits.running);
    this.#outbox = new Outbox(socket, () => this.#afterFlush());
    socket.on('data', (chunk: Buffer) => this.#received(chunk));
    socket.on('drain', () => this.#pump());
    socket.on('end', () => {
      this.#ended = true;
      this.#finishIfDone();
    });
    socket.on('error', (error) => log.debug({ err: error }, 'a Redis connection broke'));
    socket.on('close', () => this.#close());
  }

  get session(): Caller['session'] {
    return this.caller.session;
  }

  /** Takes no more commands; what runs is answered, then the connection ends. */
  finish(): void {
    this.session.closing = true;
    this.#finishIfDone();
  }

  /** Cuts it. */
  destroy(): void {
    this.socket.destroy();
  }

  /** Cuts it if the client has taken nothing for too long, or does not come to the end of a command. */
  check(nowMs: number): void {
    const { stalledMs, arrivalMs } = this.caller.services.limits;
    if (this.#stalled.lasts(this.socket.writableLength > 0, nowMs) > stalledMs) {
      this.#cut('took no answer for too long');
    }
    const { taken, heldBytes } = this.#parser;
    const begun = heldBytes > 0 && taken === this.#takenAtCheck && !this.#behind;
    this.#takenAtCheck = taken;
    if (this.#arriving.lasts(begun, nowMs) > arrivalMs) this.#cut('did not end its command in time');
  }

  #received(chunk: Buffer): void {
    if (this.session.closing) return;
    this.#parser.feed(chunk);
    this.session.lastMs = this.caller.services.clock.monotonicMs();
    this.#pump();
  }

  #countInput(heldBytes: number): boolean {
    const before = this.#heldBytes;
    this.#heldBytes = heldBytes;
    return this.caller.services.input.change(before, heldBytes);
  }

  /** Runs what can be run. */
  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    while (this.#advance());
    this.#pumping = false;
    if (!this.#countInput(this.#parser.heldBytes)) {
      this.#cut('sent more of a command than there is room for');
      return;
    }
    // What was not taken stays in the parser; it is fed no more than fits.
    const mayRead = !this.#behind || this.#parser.unread < this.caller.services.limits.lineBytes;
    if (mayRead === this.socket.isPaused()) {
      if (mayRead) this.socket.resume();
      else this.socket.pause();
    }
    this.#finishIfDone();
  }

  #advance(): boolean {
    const { limits } = this.caller.services;
    if (this.session.closing) return false;
    this.#behind = true;
    if (this.#held !== undefined) {
      if (!this.#start(this.#held)) return false;
      this.#held = undefined;
      return true;
    }
    if (this.#order.alone) return false;
    if (this.#outbox.unanswered >= limits.unanswered || this.#outbox.waitingBytes >= limits.pauseBytes) {
      return false;
    }
    const args = this.#parser.next();
    this.#behind = args !== undefined;
    if (args === undefined) return false;
    if (Array.isArray(args)) {
      this.#take(args);
      return true;
    }
    this.#outbox.give(failure(args.text), false);
    this.session.closing = true;
    return false;
  }

  #take(args: readonly Buffer[]): void {
    const { session, services, commands } = this.caller;
    services.counts.commands++;
    const skipped = session.skipNext;
    session.skipNext = false;
    const name = (args[0] as Buffer).toString('latin1');
    const spec = commands.get(name) ?? commands.get(name.toLowerCase());
    const reply = spec === undefined ? unknownCommand(args) : this.#accept(spec, args, skipped);
    if (reply === undefined) return;
    if (spec === undefined) session.breakTransaction();
    this.#outbox.give(reply, skipped || session.silent || session.skipNext);
  }

  /** Answers what can be answered at once; else starts it, or holds it until it can be started. */
  #accept(spec: CommandSpec, args: readonly Buffer[], skipped: boolean): Reply | undefined {
    const { session } = this.caller;
    session.lastCommand = spec.name;
    if (!takes(spec, args.length)) {
      session.breakTransaction();
      return wrongArity(spec.name);
    }
    if (!session.trusted && !spec.flags.includes('no_auth')) return NO_AUTH;
    if (session.transaction !== undefined && !NEVER_QUEUED.has(spec.name)) return this.#queue(spec, args);
    const { run } = spec;
    switch (run.kind) {
      case 'local':
        return run.run(args, this.caller);
      case 'keys': {
        const action = run.parse(args, session);
        if (!isAction(action)) return action;
        const silent = skipped || session.silent;
        if (!this.#startOnKeys(action, silent)) this.#held = { kind: 'keys', action, silent };
        return undefined;
      }
      case 'alone': {
        const ready: Ready = { kind: 'alone', run: () => run.run(args, this.caller), silent: skipped };
        if (!this.#start(ready)) this.#held = ready;
        return undefined;
      }
    }
  }

  /** False: it has to wait for what runs. */
  #start(ready: Ready): boolean {
    if (ready.kind === 'keys') return this.#startOnKeys(ready.action, ready.silent);
    if (!this.#order.beginAlone()) return false;
    void this.#startAlone(ready);
    return true;
  }

  #startOnKeys(action: Action, silent: boolean): boolean {
    if (!this.#order.begin(action)) return false;
    const slot = this.#outbox.reserve(silent);
    this.caller.services.executor.run(action, (reply) => {
      this.#order.end(action);
      this.#outbox.settle(slot, reply);
      this.#goOn();
    });
    return true;
  }

  async #startAlone({ run, silent }: Extract<Ready, { kind: 'alone' }>): Promise<void> {
    const slot = this.#outbox.reserve(silent);
    const result = run();
    const reply = typeof result === 'object' && 'then' in result ? await result : result;
    this.#order.endAlone();
    this.#parser.trusted = this.session.trusted;
    // RESET asks for answers again, its own too.
    slot.silent ||= this.session.silent;
    this.#outbox.settle(slot, reply);
    this.#goOn();
  }

  #queue(spec: CommandSpec, args: readonly Buffer[]): Reply {
    const { session, services } = this.caller;
    const { transaction } = session;
    if (transaction === undefined) return QUEUED;
    for (const { length } of args) transaction.bytes += length;
    const { queued, queuedBytes } = services.limits;
    if (transaction.queued.length >= queued || transaction.bytes > queuedBytes) {
      session.breakTransaction();
      return failure('ERR transaction too large');
    }
    if (spec.run.kind === 'alone') {
      session.breakTransaction();
      return failure(`ERR ${spec.name.toUpperCase()} is not served inside a transaction`);
    }
    transaction.queued.push({ name: spec.name, args: args.map(copyOf) });
    return QUEUED;
  }

  #goOn(): void {
    if (this.#behind) this.#pump();
    else this.#finishIfDone();
  }

  #afterFlush(): void {
    const { outputBytes } = this.caller.services.limits;
    if (this.#outbox.waitingBytes > outputBytes) this.#cut('has more answers waiting than it may');
    else this.#goOn();
  }

  /** Ends the connection once everything is answered that was asked before it was to end. */
  #finishIfDone(): void {
    if (this.#closed || (!this.session.closing && (!this.#ended || this.#behind))) return;
    if (this.#outbox.unanswered > 0 || (this.#held !== undefined && !this.session.closing)) return;
    this.#closed = true;
    this.#outbox.flush();
    this.socket.end();
    // A client that never ends its side is not waited for.
    this.socket.resume();
    this.socket.destroySoon();
  }

  #cut(why: string): void {
    this.log.warn(
      { client: this.session.address, bytes: this.#outbox.waitingBytes },
      `a Redis client ${why}: cut`,
    );
    this.socket.destroy();
  }

  #close(): void {
    this.#closed = true;
    this.#countInput(0);
    this.#held = undefined;
    this.#outbox.close();
  }
}

function unknownCommand(args: readonly Buffer[]): Reply {
  const quoted = (bytes: Buffer, most: number) => bytes.toString('latin1', 0, most);
  let shown = '';
  for (const arg of args.slice(1)) {
    if (shown.length >= QUOTED_CHARS) break;
    shown += `'${quoted(arg, QUOTED_CHARS - shown.length)}' `;
  }
  const name = quoted(args[0] as Buffer, QUOTED_CHARS);
  return failure(`ERR unknown command '${name}', with args beginning with: ${shown}`);
}
