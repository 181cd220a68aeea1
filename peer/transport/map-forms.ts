/**
 * Cluster maps as they stand in `peer.proto`. Names of peers and stores are given once, in `names`, and by their place
 * there afterwards: a map of 256 partitions names each some hundred times.
 *
 * Invariant: every field of a map comes back: one that is new and is not read here, the compiler misses; one that is
 * not written, `codec.property.test.ts` misses.
 */
import type { ClusterMap, Drain, PartitionConfig, PeerRecord } from '../../common/configuration.js';
import { SLOT_COUNT } from '../../common/slots.js';
import type { FieldReader, Reads } from './field-reader.js';
import type { Writes } from './field-writer.js';
import { type Form, Names } from './form.js';

/** Every field of T by name; of those that may be left out, undefined. */
type Whole<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K];
};

const SCOPES = new Names<Drain['scope']>({ duties: 1, everything: 2 });
const ENDS = new Names<Drain['until']>({ restart: 1, operator: 2 });

const drainForm: Form<Drain> = {
  write(w, drain) {
    w.whole(1, SCOPES.numberOf(drain.scope));
    w.whole(2, ENDS.numberOf(drain.until));
  },
  read: (r) => present<Drain>({ scope: SCOPES.nameOf(r.whole(1)), until: ENDS.nameOf(r.whole(2)) }),
};

export const mapForm: Form<ClusterMap> = {
  write(w, map) {
    const names = new Map([...namesIn(map)].map((name, at) => [name, at]));
    const placeOf = (name: string) => names.get(name) as number;
    w.text(1, map.clusterId);
    w.whole(2, map.ver);
    w.texts(3, [...names.keys()]);
    w.messages(4, peerTo(placeOf), [...map.peers]);
    w.whole(5, map.parts.length);
    const parts = [...map.parts.entries()].flatMap(([number, config]) =>
      config ? [{ number, config }] : [],
    );
    w.messages(6, partTo(placeOf), parts);
    w.maybeWhole(7, map.minInSync);
  },
  read(r) {
    const clusterId = r.text(1);
    const ver = r.whole(2);
    const names = r.texts(3);
    const nameAt = (place: number) => {
      const name = names[place];
      if (name === undefined) throw new RangeError(`there is no name ${place}`);
      return name;
    };
    const peers = new Map(r.messages(4, peerFrom(nameAt)));
    const parts = readParts(r, nameAt);
    return present<ClusterMap>({ clusterId, ver, peers, parts, minInSync: r.maybeWhole(7) });
  },
};

function readParts(r: FieldReader, nameAt: (place: number) => string): (PartitionConfig | undefined)[] {
  const count = r.whole(5);
  if (count > SLOT_COUNT) throw new RangeError(`${count} partitions`);
  const parts = new Array<PartitionConfig | undefined>(count).fill(undefined);
  for (const { number, config } of r.messages(6, partFrom(nameAt))) {
    if (number >= count) throw new RangeError(`partition ${number} of ${count}`);
    parts[number] = config;
  }
  return parts;
}

type PlaceOf = (name: string) => number;
type NameAt = (place: number) => string;

type Peer = readonly [id: string, record: PeerRecord];

interface Part {
  readonly number: number;
  readonly config: PartitionConfig;
}

function peerTo(placeOf: PlaceOf): Writes<Peer> {
  return {
    write(w, [id, record]) {
      w.whole(1, placeOf(id));
      w.whole(2, placeOf(record.storeId));
      w.whole(3, record.inc);
      w.text(4, record.addr);
      w.maybeReal(5, record.weight);
      w.maybe(6, drainForm, record.drain);
    },
  };
}

function peerFrom(nameAt: NameAt): Reads<Peer> {
  return {
    read: (r) => [
      nameAt(r.whole(1)),
      present<PeerRecord>({
        storeId: nameAt(r.whole(2)),
        inc: r.whole(3),
        addr: r.text(4),
        weight: r.maybeReal(5),
        drain: r.maybe(6, drainForm),
      }),
    ],
  };
}

function partTo(placeOf: PlaceOf): Writes<Part> {
  return {
    write(w, { number, config }) {
      w.whole(1, number);
      w.whole(2, config.epoch);
      w.whole(3, placeOf(config.primary));
      w.numbers(4, [...config.members.keys()].map(placeOf));
      w.numbers(5, [...config.members.values()].map(placeOf));
      w.numbers(6, config.learners.map(placeOf));
      w.numbers(7, config.fence.map(placeOf));
      w.flag(8, config.active);
      w.numbers(9, config.la.map(placeOf));
    },
  };
}

function partFrom(nameAt: NameAt): Reads<Part> {
  const namesAt = (places: readonly number[]) => places.map(nameAt);
  return {
    read: (r) => ({
      number: r.whole(1),
      config: present<PartitionConfig>({
        epoch: r.whole(2),
        primary: nameAt(r.whole(3)),
        members: pairs(namesAt(r.numbers(4)), namesAt(r.numbers(5))),
        learners: namesAt(r.numbers(6)),
        fence: namesAt(r.numbers(7)),
        active: r.flag(8),
        la: namesAt(r.numbers(9)),
      }),
    }),
  };
}

/** Every name that the map gives by its place. */
function namesIn(map: ClusterMap): Set<string> {
  const names = new Set<string>();
  for (const [id, { storeId }] of map.peers) names.add(id).add(storeId);
  for (const config of map.parts) {
    if (config === undefined) continue;
    const { primary, members, learners, fence, la } = config;
    for (const name of [primary, ...learners, ...fence, ...la]) names.add(name);
    for (const [id, storeId] of members) names.add(id).add(storeId);
  }
  return names;
}

function pairs(ids: readonly string[], storeIds: readonly string[]): Map<string, string> {
  if (ids.length !== storeIds.length) throw new RangeError('members and their stores are not as many');
  return new Map(ids.map((id, at) => [id, storeIds[at] as string]));
}

/** T of all its fields: those that are undefined are left out. */
function present<T extends object>(fields: Whole<T>): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
