/**
 * One connection: bytes in, commands run, answers out.
 *
 * Invariants: commands that name the same key run one after the other, in the order they came; others may run together,
 * and are answered in order. A command about everything runs by itself. Nothing is read from a client that does not take
 * its answers, or that has as much under way as it may; what it sends waits in the socket.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../../common/log.js';
import { Arguments } from './arguments.js';
import { takes } from './commands/command.js';
import type { Caller, CommandSpec } from './commands/runs.js';
import { isAction, NEVER_QUEUED } from './commands/transaction-commands.js';
import { unknownCommand, wrongArity } from './errors.js';
import { Outbox } from './outbox.js';
import { RequestParser } from './parser.js';
import { failure, QUEUED, type Reply } from './replies.js';
import { type Ready, Runner } from './runner.js';
import { Stopwatch } from './stopwatch.js';
import { copyOf } from './values.js';

const NO_AUTH: Reply = failure('NOAUTH Authentication required.');

export class Connection {
  readonly #parser: RequestParser;
  readonly #outbox: Outbox;
  readonly #runner: Runner;
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
    const { limits, executor } = caller.services;
    this.#parser = new RequestParser(limits);
    this.#parser.trusted = caller.session.trusted;
    this.#outbox = new Outbox(socket, () => this.#afterFlush());
    this.#runner = new Runner(executor, this.#outbox, limits.running, {
      ranAlone: () => {
        this.#parser.trusted = this.session.trusted;
        // RESET asks for answers again, its own too.
        return !this.session.silent;
      },
      answered: () => this.#goOn(),
    });
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
    this.#runner.endOfArrived();
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
      if (!this.#runner.start(this.#held)) return false;
      this.#held = undefined;
      return true;
    }
    if (this.#runner.alone) return false;
    if (this.#outbox.unanswered >= limits.unanswered || this.#outbox.waitingBytes >= limits.pauseBytes) {
      return false;
    }
    const args = this.#parser.next();
    this.#behind = args !== undefined;
    if (args === undefined) return false;
    if (args instanceof Arguments) {
      this.#take(args);
      return true;
    }
    this.#outbox.give(failure(args.text), false);
    this.session.closing = true;
    return false;
  }

  #take(args: Arguments): void {
    const { session, services, names } = this.caller;
    services.counts.commands++;
    const skipped = session.skipNext;
    session.skipNext = false;
    const spec = names.find(args.holder(0), args.start(0), args.end(0));
    const reply = spec === undefined ? unknownCommand(args.list()) : this.#accept(spec, args, skipped);
    if (reply === undefined) return;
    if (spec === undefined) session.breakTransaction();
    this.#outbox.give(reply, skipped || session.silent || session.skipNext);
  }

  /** Answers what can be answered at once; else starts it, or holds it until it can be started. */
  #accept(spec: CommandSpec, args: Arguments, skipped: boolean): Reply | undefined {
    const { session } = this.caller;
    session.lastCommand = spec.name;
    if (!takes(spec, args.length)) {
      session.breakTransaction();
      return wrongArity(spec.name);
    }
    if (!session.trusted && !spec.flags.includes('no_auth')) return NO_AUTH;
    if (session.transaction !== undefined && !NEVER_QUEUED.has(spec.name))
      return this.#queue(spec, args.list());
    const { run } = spec;
    switch (run.kind) {
      case 'local':
        return run.run(args.list(), this.caller);
      case 'keys': {
        const action = run.parse(args, session);
        if (!isAction(action)) return action;
        const silent = skipped || session.silent;
        if (!this.#runner.startOnKeys(action, silent)) this.#held = { kind: 'keys', action, silent };
        return undefined;
      }
      case 'alone': {
        const list = args.list();
        const ready: Ready = { kind: 'alone', run: () => run.run(list, this.caller), silent: skipped };
        if (!this.#runner.start(ready)) this.#held = ready;
        return undefined;
      }
    }
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
