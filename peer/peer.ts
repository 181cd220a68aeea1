/**
 * One peer, put together from its parts: store, replica, transport, orchestrator's link, HTTP.
 *
 * Invariant: it takes nothing from the environment; what it needs is handed in, so that tests run it as `main.ts` does.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../common/clock.js';
import { HTTP_LIMITS, type HttpServer, startHttpServer } from '../common/http-server.js';
import type { Logger } from '../common/log.js';
import { hostPort } from '../common/names.js';
import { formatPeerAddress, parsePeerAddress } from '../common/peer-address.js';
import { Asking } from './asking.js';
import { BatchReads } from './batch-reads.js';
import { controlTunnel } from './control-tunnel.js';
import { atEndOfTurn } from './end-of-turn.js';
import { ForwardedReads } from './forwarded-reads.js';
import { createGateway } from './gateway/gateway.js';
import { gaugesOf } from './gauges.js';
import { Holdings } from './holdings.js';
import { handOver } from './leaving.js';
import { Lister } from './lister.js';
import { Node } from './node.js';
import { OrchestratorLink } from './orchestrator-link.js';
import { Readiness } from './readiness.js';
import { Replica } from './replica.js';
import { detectionSettings, type Settings } from './replication/settings.js';
import { DEFAULT_GATEWAY_SETTINGS } from './requests/settings.js';
import { respClusterOf } from './resp/peer-cluster.js';
import { respStoreOf } from './resp/peer-store.js';
import { startRespServer } from './resp/server.js';
import type { PeerSettings } from './settings.js';
import type { LoadedImage, StorageEngine } from './storage/engine.js';
import { GrpcTransport } from './transport/grpc-transport.js';
import type { PeerEndpoint } from './transport/transport.js';

/** A page of the cluster's keys is there within this time, in ms. */
const LIST_MS = 5_000;
/** Running requests get this long to end after everything was handed over, in ms. */
const GRACE_MS = 1_000;
/** Who asks /readyz this often goes elsewhere before connections are closed: a request on one that closes is lost, in ms. */
const NOTICE_MS = 1_000;

export interface PeerParts {
  readonly id: string;
  readonly settings: PeerSettings;
  readonly engine: StorageEngine;
  readonly image: LoadedImage;
  readonly clock: Clock;
  readonly log: Logger;
  /** The process must end now, with this line for a person. */
  broke(line: string): void;
  /** Called where an address cannot be had. */
  bind<T>(port: number, flag: string, listen: () => Promise<T>): Promise<T>;
}

export interface Peer {
  /** Hands over, lets running requests end, closes. */
  stop(): Promise<void>;
}

/** Starts to listen and to serve. */
export async function startPeer(parts: PeerParts): Promise<Peer> {
  const { id, settings, engine, image, clock, log } = parts;
  const { cluster, host, port, peerPort, secret, orchestrator, advertise, weight, maxValueBytes } = settings;
  const { storeId, inc } = image;
  const transport = new GrpcTransport({
    id,
    cluster,
    process: processName(storeId, inc),
    secret,
    host,
    port: peerPort,
    clock,
    log,
  });
  const link = new OrchestratorLink({
    orchestrator,
    secret,
    weight,
    clock,
    log,
    obey: (envelope) => replica.obey(envelope),
    refused: (line) => parts.broke(line),
  });
  const { respPort } = settings;
  const addr = formatPeerAddress({
    host: advertise,
    port,
    peerPort,
    ...(respPort !== null && { respPort }),
  });
  const replica = new Replica(
    {
      identity: { clusterId: cluster, peerId: id, storeId, inc, addr },
      settings: replicationSettings(settings),
      gateway: DEFAULT_GATEWAY_SETTINGS,
      engine,
      image,
      transport,
      clock,
    },
    {
      report: (to, envelope) => link.report(to, envelope),
      mapChanged: (map) => transport.setPeers(endpoints(map.peers)),
      clockJumped: () => log.warn('the clock jumped: leases are dropped and asked for anew'),
      broke: (error) => {
        log.fatal({ err: error }, 'broken invariant');
        parts.broke(error instanceof Error ? error.message : String(error));
      },
    },
  );
  const holdings = new Holdings(replica, () => clock.wallMs());
  const readiness = new Readiness({ replica, id, storeId, inc, roster: () => link.roster });
  const lister = new Lister({
    id,
    holdings,
    transport,
    map: () => replica.map,
    monotonicMs: () => clock.monotonicMs(),
    requestMs: LIST_MS,
  });
  const asking = new Asking({ id, replica, transport, monotonicMs: () => clock.monotonicMs() });
  const forwardedReads = new ForwardedReads({ replica, asking, atEndOfTurn });
  const node = new Node({
    id,
    orchestrator,
    replica,
    forwardedReads,
    batchReads: new BatchReads({ replica, asking }),
    holdings,
    lister,
    readiness,
    transport,
    roster: () => link.roster,
  });
  await parts.bind(peerPort, '--peer-port', () =>
    transport.listen({
      received: (_from, envelopes) => replica.receive(envelopes),
      disconnected: (peer) => replica.disconnected(peer),
      asked: (_from, request) => holdings.answer(request),
    }),
  );
  const inside = {
    health: () => ({ cluster, id, storeId, inc, map: replica.map.ver, ready: allOk(node) }),
    gauges: () => gaugesOf(replica, engine, link),
  };
  const app = createGateway({ store: node, secret, maxValueBytes, log, clock, inside });
  const http: HttpServer = await parts.bind(port, '--port', () =>
    startHttpServer(
      app,
      host,
      port,
      HTTP_LIMITS,
      controlTunnel({ secret, deliver: (delivery) => link.deliver(delivery) }),
    ),
  );
  const resp =
    respPort === null
      ? null
      : await parts.bind(respPort, '--resp-port', () =>
          startRespServer({
            host,
            port: respPort,
            store: respStoreOf({ replica, forwardedReads, lister }),
            cluster: respClusterOf(id, () => replica.map),
            secret: null,
            maxValueBytes,
            clock,
            log,
          }),
        );
  replica.start();
  log.info({ storeId, inc, peerPort }, `listens on http://${hostPort(host, port)}`);
  return {
    stop: async () => {
      readiness.stopping();
      http.leave();
      const handedOver = handOver(
        {
          id,
          map: () => replica.map,
          leave: (only) => replica.leave(only),
          orchestratorSilentMs: () => link.silentMs,
          monotonicMs: () => clock.monotonicMs(),
          log,
        },
        settings.storage === 'memory',
      );
      await Promise.all([handedOver, pause(NOTICE_MS)]);
      await Promise.all([http.close(GRACE_MS), resp?.close(GRACE_MS)]);
      replica.stop();
      link.stop();
      await transport.close();
      await engine.close();
    },
  };
}

function allOk(node: Node): boolean {
  return node.readiness().every((check) => check.ok);
}

function processName(storeId: string, inc: number): string {
  return `${storeId}/${inc}`;
}

/** Where the peers of a map listen to one another; one whose address cannot be read is left out. */
function endpoints(
  peers: ReadonlyMap<string, { readonly storeId: string; readonly inc: number; readonly addr: string }>,
): PeerEndpoint[] {
  return [...peers].flatMap(([id, { storeId, inc, addr }]) => {
    const address = parsePeerAddress(addr);
    if (address === undefined) return [];
    return [{ id, host: address.host, peerPort: address.peerPort, process: processName(storeId, inc) }];
  });
}

/** Rows in memory are not looked through for damage: there is none, and it takes an order of all keys, 45 bytes each. */
function replicationSettings({ failureDetection, storage }: PeerSettings): Settings {
  const settings = detectionSettings(failureDetection);
  return storage === 'memory' ? { ...settings, scrubEveryMs: Number.POSITIVE_INFINITY } : settings;
}
