/**
 * The language of the transcripts. Words: `peers A B`, `map members=A,B primary=A [learners=C] [fence=D] [min=2] [keep-epoch]
 * [active]`,
 * `give A B` (the map), `put|cas|del|incr A key … [from=B] [n=1] [fi=1] [ttl=ms]`, `tx A set:key:text del:key seen:key:1/2
 * seen:key:none [from=B] …` (a transaction; `seen` names a version that a key must have), `read A key [strict|stale]`,
 * `deliver|drop|repeat [A>B] [type]` (all that are in flight and fit), `flush A B` (batches become durable),
 * `settle` (deliver and flush until nothing moves), `leases [A B]` (each of these asks everybody and is answered),
 * `advance ms`, `tick A B`, `crash A [kept=n]`, `start A`, `wipe A`, `skew A ms` (wall clock), `drop-leases A`,
 * `query A term`, `disconnect A B`, `damage A key` (its row, on the disk), `damage-key A key other` (bits of the key), `show A B`. What a command brings about is printed below it.
 */
import type { PeerId } from '../../common/configuration.js';
import type {
  Change,
  Command,
  Condition,
  SeenVersion,
  Transaction,
} from '../../peer/replication/commands.js';
import type { Consistency } from '../../peer/replication/messages.js';
import {
  describeEntry,
  describeMessage,
  describeRead,
  describeReport,
  describeRow,
  describeWrite,
} from './describe.js';
import { type Actor, type InFlight, Stage } from './stage.js';

const QUIET = new Set(['lreq', 'lgrant']);
const TYPE = 'text/plain';

/** Runs the commands of one transcript. */
export class Script {
  private lines: string[] = [];
  private silent = false;
  private readonly stage = new Stage({
    message: (message) => this.noteMessage(message),
    reply: (actor, { id, outcome }) => this.say(`${actor.id} answers #${id}: ${describeOutcome(outcome)}`),
    report: (actor, report) => this.noteReport(actor, report.body.type, describeReport(report)),
    broken: (actor, error) => this.say(`${actor.id} STOPS: ${error.message}`),
  });

  /** Runs one command, and returns what it brought about. */
  run(command: string): string[] {
    this.lines = [];
    const [verb = '', ...words] = command.split(/\s+/);
    const named = new Map<string, string>();
    const plain: string[] = [];
    for (const word of words) {
      const at = word.indexOf('=');
      if (at > 0) named.set(word.slice(0, at), word.slice(at + 1));
      else plain.push(word);
    }
    this.act(verb, plain, named);
    return this.lines;
  }

  private act(verb: string, plain: string[], named: ReadonlyMap<string, string>): void {
    const { stage } = this;
    const [first = '', second = ''] = plain;
    switch (verb) {
      case 'peers':
        for (const id of plain) stage.add(id);
        return;
      case 'map':
        this.decide(named, plain);
        return;
      case 'give':
        for (const id of plain) stage.give(id);
        return;
      case 'put':
      case 'tx':
      case 'cas':
      case 'del':
      case 'incr':
        this.write(verb, plain, named);
        return;
      case 'read':
        stage.read(first, second, (plain[2] ?? 'linearizable') as Consistency);
        return;
      case 'deliver':
        stage.deliver(this.pick(plain, true));
        return;
      case 'repeat':
        stage.deliver(this.pick(plain, false));
        return;
      case 'drop':
        this.pick(plain, true);
        return;
      case 'flush':
        for (const id of plain) stage.flush(id);
        return;
      case 'settle':
        this.settle();
        return;
      case 'leases':
        this.leases(plain);
        return;
      case 'advance':
        stage.nowMs += Number(first);
        return;
      case 'tick':
        for (const id of plain) stage.tick(id);
        return;
      case 'crash':
        stage.crash(first, Number(named.get('kept') ?? 0));
        return;
      case 'start':
        stage.start(first);
        return;
      case 'wipe':
        stage.wipe(first);
        return;
      case 'skew':
        stage.skews.set(first, Number(second));
        return;
      case 'drop-leases':
        stage.step(stage.actor(first), { type: 'drop-leases' });
        return;
      case 'disconnect':
        stage.step(stage.actor(first), { type: 'disconnected', peer: second });
        return;
      case 'query':
        this.query(first, Number(second));
        return;
      case 'damage': {
        const { image } = stage.actor(first);
        image.damage(0, image.partitions.get(0)?.marks.copy ?? 0, second);
        return;
      }
      case 'damage-key':
        stage.actor(first).image.garble(0, second, plain[2] ?? '');
        return;
      case 'show':
        for (const id of plain) this.show(stage.actor(id));
        return;
      default:
        throw new Error(`no command ${verb}`);
    }
  }

  private decide(named: ReadonlyMap<string, string>, plain: readonly string[]): void {
    const list = (name: string): string[] => (named.get(name) ?? '').split(',').filter((id) => id !== '');
    const old = this.stage.map.parts[0];
    const store = (id: PeerId): string => old?.members.get(id) ?? this.stage.actor(id).image.storeId;
    const members = new Map(list('members').map((id): [PeerId, string] => [id, store(id)]));
    const config = {
      primary: named.get('primary') ?? '',
      members,
      learners: list('learners'),
      fence: list('fence'),
    };
    const minInSync = Number(named.get('min') ?? 1);
    const active = plain.includes('active');
    const newEpoch = !plain.includes('keep-epoch');
    this.stage.decide({ ...config, active, la: [...members.keys()] }, newEpoch, minInSync);
    this.say(`map ${this.stage.map.ver}`);
  }

  private write(verb: string, plain: readonly string[], named: ReadonlyMap<string, string>): void {
    const [at = '', key = '', ...rest] = plain;
    const number = (name: string): number | undefined =>
      named.has(name) ? Number(named.get(name)) : undefined;
    const command = verb === 'tx' ? transactionOf(plain.slice(1)) : commandOf(verb, key, rest, number('ttl'));
    const from = named.get('from') ?? at;
    this.stage.write(at, from, number('n'), number('fi'), command);
  }

  private query(id: PeerId, term: number): void {
    const body = { type: 'query', term } as const;
    const envelope = { clusterId: this.stage.map.clusterId, from: 'CM', ver: 0, body };
    this.stage.step(this.stage.actor(id), { type: 'control', envelope });
  }

  private pick(plain: readonly string[], take: boolean): InFlight[] {
    const pair = plain.find((word) => word.includes('>'));
    const type = plain.find((word) => !word.includes('>'));
    const fits = ({ from, to, envelope }: InFlight): boolean =>
      (pair === undefined || pair === `${from}>${to}`) &&
      (type === undefined ? !QUIET.has(envelope.body.type) : type === envelope.body.type);
    const picked = this.stage.inFlight.filter(fits);
    if (take) this.stage.inFlight = this.stage.inFlight.filter((message) => !fits(message));
    if (picked.length === 0) this.say('nothing');
    return picked;
  }

  private settle(): void {
    for (let round = 0; round < 50; round++) {
      const messages = this.stage.inFlight;
      this.stage.inFlight = [];
      this.stage.deliver(messages);
      const dirty = [...this.stage.actors.values()].filter(({ batches }) => batches.length > 0);
      for (const { id } of dirty) this.stage.flush(id);
      if (messages.length === 0 && dirty.length === 0) return;
    }
    throw new Error('it does not settle');
  }

  /** Without a word in the transcript: everybody asks for leases, and all of them are granted. */
  private leases(ids: readonly PeerId[]): void {
    const others = this.stage.inFlight;
    this.stage.inFlight = [];
    this.silent = true;
    for (const id of ids.length > 0 ? ids : this.stage.actors.keys()) this.stage.tick(id);
    for (const type of ['lreq', 'lgrant']) this.stage.deliver(this.pick([type], true));
    this.silent = false;
    this.stage.inFlight = [...others, ...this.stage.inFlight];
  }

  private show(actor: Actor): void {
    const { stage } = this;
    const status = actor.node?.status(0, stage.nowMs);
    if (status === undefined) {
      this.say(`${actor.id} ${actor.node === undefined ? 'is down' : 'holds nothing'}`);
      return;
    }
    const { role, epoch, base, com, prep, readable, damaged } = status;
    const marks = `${readable ? ' leased' : ''}${damaged > 0 ? ` damaged=${damaged}` : ''}`;
    this.say(`${actor.id} ${role} e${epoch} base=${base} com=${com} prep=${prep}${marks}`);
    const stored = actor.image.partitions.get(0);
    const rows = [...(stored?.copy(stored.marks.copy) ?? [])].map(
      ([key, row]) => `${key}=${describeRow(row)}`,
    );
    const log = stored?.log.map(describeEntry) ?? [];
    this.say(
      `  on disk: log ${stored?.base ?? 0}+[${log.join(', ')}] rows as of ${stored?.marks.com}: ${rows.join(' ')}`,
    );
  }

  private noteMessage({ from, to, envelope }: InFlight): void {
    if (!QUIET.has(envelope.body.type)) this.say(`${from}>${to} ${describeMessage(envelope.body)}`);
  }

  private noteReport(actor: Actor, type: string, line: string): void {
    if (type !== 'register') this.say(`${actor.id}>CM ${line}`);
  }

  private say(line: string): void {
    if (!this.silent) this.lines.push(line);
  }
}

function commandOf(verb: string, key: string, rest: readonly string[], ttlMs: number | undefined): Command {
  const value = (word = ''): { bytes: Buffer; type: string } => ({ bytes: Buffer.from(word), type: TYPE });
  switch (verb) {
    case 'put':
      return { kind: 'put', key, value: value(rest[0]), ...(ttlMs === undefined ? {} : { ttlMs }) };
    case 'del':
      return { kind: 'delete', key };
    case 'incr':
      return { kind: 'increment', key, by: BigInt(rest[0] ?? 1) };
    default: {
      const condition: Condition =
        rest[0] === 'absent' ? { kind: 'absent' } : { kind: 'value', bytes: value(rest[0]).bytes };
      return { kind: 'put', key, value: value(rest[1]), condition };
    }
  }
}

function transactionOf(words: readonly string[]): Transaction {
  const reads: SeenVersion[] = [];
  const changes: Change[] = [];
  for (const word of words) {
    const [verb, key = '', text = ''] = word.split(':');
    if (verb === 'set') changes.push({ kind: 'put', key, value: { bytes: Buffer.from(text), type: TYPE } });
    else if (verb === 'del') changes.push({ kind: 'delete', key });
    else reads.push({ key, version: text === 'none' ? null : versionOf(text) });
  }
  return { kind: 'transaction', reads, changes };
}

/** 1/2 is position 2 of epoch 1. */
function versionOf(text: string): SeenVersion['version'] {
  const [epoch = 0, seq = 0] = text.split('/').map(Number);
  return { epoch, seq };
}

function describeOutcome(
  outcome: Parameters<typeof describeWrite>[0] | Parameters<typeof describeRead>[0],
): string {
  switch (outcome.kind) {
    case 'row':
      return describeRead(outcome);
    case 'refused':
      return `refused ${outcome.reason}`;
    default:
      return describeWrite(outcome);
  }
}
