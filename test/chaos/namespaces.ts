/**
 * A network of Linux network namespaces: one for each process, joined by a bridge. The clients of the test stand in the
 * namespace of the machine, with an address on the bridge. Cuts and losses are rules of iptables in the namespace of the
 * receiver. The kernels at hand have no netem: for a delay, new connections between the two peers are led to a relay in the
 * test's own process (DNAT in the dialler's namespace), and the connections they have are broken, so that they dial anew.
 *
 * Invariants: all names carry the id of this process, so that several runs stand side by side, and what a crashed run left
 * is known by its process being gone: `sweep` removes it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { type Network, once, type Site, type Undo } from '../../harness/network.js';
import { attempt, command } from './commands.js';
import { Relay } from './relay.js';

const PEER_PORT = 18_080;
/** Long enough for every connection to send something, and so to learn that it is broken: leases go out every 200 ms. */
const BREAKING_MS = 500;
const CLIENTS = 254;

const NAMESPACE = /^covey-(\d+)-/;
const LINK = /\b(?:cvb(\d+)|cvv(\d+)n\d+)\b/g;

/** Whether this machine lets us make namespaces, and has the tools. */
export async function namespacesWork(): Promise<boolean> {
  const name = `covey-${process.pid}-try`;
  if ((await attempt(['ip', 'netns', 'add', name])) === null) return false;
  const rules = await attempt([...inside(name), 'iptables', '-w', '-L', 'INPUT']);
  await attempt(['ip', 'netns', 'del', name]);
  return rules !== null;
}

export class Namespaces implements Network {
  readonly kind = 'namespaces';
  private readonly sites = new Map<string, Site>();
  private readonly undone = new Set<Undo>();
  private readonly delays = new Map<string, number>();
  private readonly relay = new Relay((from, to) => this.delays.get(pair(from, to)) ?? 0);
  private rules = 0;

  private constructor(
    private readonly subnet: string,
    private readonly bridge: string,
  ) {}

  static async make(): Promise<Namespaces> {
    await sweep();
    const subnet = await freeSubnet();
    const bridge = `cvb${process.pid}`;
    await command(['ip', 'link', 'add', bridge, 'type', 'bridge']);
    await command(['ip', 'addr', 'add', `${subnet}.${CLIENTS}/24`, 'dev', bridge]);
    await command(['ip', 'link', 'set', bridge, 'up']);
    return new Namespaces(subnet, bridge);
  }

  async site(name: string, port: number): Promise<Site> {
    const known = this.sites.get(name);
    if (known !== undefined) return known;
    const number = this.sites.size + 1;
    const space = `covey-${process.pid}-${number}`;
    const address = `${this.subnet}.${number}`;
    const site = {
      name,
      bind: address,
      advertise: address,
      port,
      peerPort: PEER_PORT,
      prefix: inside(space),
    };
    this.sites.set(name, site);
    const link = `cvv${process.pid}n${number}`;
    await command(['ip', 'netns', 'add', space]);
    await command(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', space]);
    await command(['ip', 'link', 'set', link, 'master', this.bridge, 'up']);
    await command(['ip', '-n', space, 'addr', 'add', `${address}/24`, 'dev', 'eth0']);
    await command(['ip', '-n', space, 'link', 'set', 'eth0', 'up']);
    await command(['ip', '-n', space, 'link', 'set', 'lo', 'up']);
    return site;
  }

  inhabited(): void {}

  cut(from: string, to: string): Promise<Undo> {
    return this.rule(to, ['INPUT', '-s', this.known(from).bind, '-j', 'DROP']);
  }

  lose(name: string, share: number): Promise<Undo> {
    const fromOthers = ['!', '-s', `${this.subnet}.${CLIENTS}`];
    const chance = ['-m', 'statistic', '--mode', 'random', '--probability', share.toFixed(3)];
    return this.rule(name, ['INPUT', '-i', 'eth0', ...fromOthers, ...chance, '-j', 'DROP']);
  }

  async delay(a: string, b: string, delayMs: number): Promise<Undo> {
    this.delays.set(pair(a, b), delayMs);
    this.delays.set(pair(b, a), delayMs);
    const detours = [await this.detour(a, b), await this.detour(b, a)];
    await this.breakConnections(a, b);
    return this.undoable(async () => {
      for (const undo of detours) await undo();
      this.delays.delete(pair(a, b));
      this.delays.delete(pair(b, a));
      await this.breakConnections(a, b);
      this.relay.reset();
    });
  }

  async heal(): Promise<void> {
    for (const undo of [...this.undone]) await undo();
  }

  async close(): Promise<void> {
    this.relay.close();
    await removeOf(process.pid);
  }

  /** New connections to the other's peer port go by the relay. */
  private async detour(from: string, to: string): Promise<Undo> {
    const target = this.known(to);
    const host = `${this.subnet}.${CLIENTS}`;
    const port = await this.relay.listen(host, 0, { host: target.bind, port: PEER_PORT }, async () => ({
      from,
      to,
    }));
    const toPeer = ['-p', 'tcp', '-d', target.bind, '--dport', String(PEER_PORT)];
    return this.rule(from, ['OUTPUT', ...toPeer, '-j', 'DNAT', '--to-destination', `${host}:${port}`], 'nat');
  }

  /** Answers what the two send each other with a reset, for a moment. */
  private async breakConnections(a: string, b: string): Promise<void> {
    const reset = ['-j', 'REJECT', '--reject-with', 'tcp-reset'];
    const undo = [
      await this.rule(a, ['OUTPUT', '-p', 'tcp', '-d', this.known(b).bind, ...reset]),
      await this.rule(b, ['OUTPUT', '-p', 'tcp', '-d', this.known(a).bind, ...reset]),
    ];
    await new Promise((resolve) => setTimeout(resolve, BREAKING_MS));
    for (const each of undo) await each();
  }

  /** Adds a rule in a process's namespace; the comment makes it the only one of its kind. */
  private async rule(at: string, [chain = '', ...rest]: readonly string[], table = 'filter'): Promise<Undo> {
    this.rules += 1;
    const comment = ['-m', 'comment', '--comment', `covey-${this.rules}`];
    const tables = [...this.known(at).prefix, 'iptables', '-w', '-t', table];
    await command([...tables, '-A', chain, ...comment, ...rest]);
    return this.undoable(async () => {
      await command([...tables, '-D', chain, ...comment, ...rest]);
    });
  }

  private undoable(undo: Undo): Undo {
    const entry = once(async () => {
      this.undone.delete(entry);
      await undo();
    });
    this.undone.add(entry);
    return entry;
  }

  private known(name: string): Site {
    const site = this.sites.get(name);
    if (site === undefined) throw new Error(`nobody has the name ${name}`);
    return site;
  }
}

function pair(from: string, to: string): string {
  return `${from} ${to}`;
}

function inside(space: string): string[] {
  return ['nsenter', `--net=/run/netns/${space}`];
}

/** A /24 that no address of this machine is in. */
async function freeSubnet(): Promise<string> {
  const taken = await command(['ip', '-o', '-4', 'addr']);
  for (let i = 0; i < 256; i += 1) {
    const subnet = `10.${200 + ((process.pid >> 8) % 50)}.${(process.pid + i) % 256}`;
    if (!taken.includes(` ${subnet}.`)) return subnet;
  }
  throw new Error('no subnet is free');
}

/** Removes what runs left behind whose process is gone, and ends the processes they left running. */
export async function sweep(): Promise<void> {
  const spaces = await command(['ip', 'netns', 'list']);
  const links = await command(['ip', '-o', 'link']);
  const owners = new Set<number>();
  for (const line of spaces.split('\n')) owners.add(Number(NAMESPACE.exec(line)?.[1] ?? process.pid));
  for (const match of links.matchAll(LINK)) owners.add(Number(match[1] ?? match[2]));
  for (const owner of owners) if (owner !== process.pid && !isTest(owner)) await removeOf(owner);
}

/** Whether the process is a test run that may still need what it made. */
function isTest(pid: number): boolean {
  const path = `/proc/${pid}/cmdline`;
  return existsSync(path) && /chaos|mocha/.test(readFileSync(path, 'utf8'));
}

async function removeOf(owner: number): Promise<void> {
  const spaces = (await command(['ip', 'netns', 'list'])).split('\n').map((line) => line.split(' ', 1)[0]);
  for (const space of spaces) {
    if (space === undefined || Number(NAMESPACE.exec(space)?.[1]) !== owner) continue;
    const left = (await attempt(['ip', 'netns', 'pids', space])) ?? '';
    for (const pid of left.split('\n').filter((line) => line !== '')) await attempt(['kill', '-9', pid]);
    await attempt(['ip', 'netns', 'del', space]);
  }
  await attempt(['ip', 'link', 'del', `cvb${owner}`]);
}
