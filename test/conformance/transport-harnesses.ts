/** Starts each kind of transport for the conformance suite and its neighbours. */
import { randomToken, systemClock } from '../../common/clock.js';
import { GrpcTransport, type GrpcTransportOptions } from '../../peer/transport/grpc-transport.js';
import type { TransportLog } from '../../peer/transport/log.js';
import { MemoryNetwork } from '../../peer/transport/memory-network.js';
import type { Transport, TransportHandlers } from '../../peer/transport/transport.js';
import type { Harness, RunningPeer, StartOptions } from './transport.js';
import { CLUSTER } from './transport-peers.js';

/** What was logged, as `message reason`. */
export class Lines implements TransportLog {
  readonly warnings: string[] = [];
  readonly errors: string[] = [];

  info(): void {}

  warn(fields: { reason?: string }, message: string): void {
    this.warnings.push(`${message}: ${fields.reason}`);
  }

  error(fields: { reason?: string }, message: string): void {
    this.errors.push(`${message}: ${fields.reason}`);
  }
}

/** Peers on free ports of this machine, all of one cluster and secret unless said otherwise. */
export class GrpcHarness implements Harness {
  readonly log = new Lines();
  readonly secret = randomToken();
  private readonly open: Transport[] = [];

  async start(
    id: string,
    handlers: TransportHandlers,
    { process = `${id}/1`, at, limits, ...others }: StartOptions & Partial<GrpcTransportOptions> = {},
  ): Promise<RunningPeer> {
    const host = '127.0.0.1';
    const transport = new GrpcTransport({
      id,
      cluster: CLUSTER,
      process,
      secret: this.secret,
      host,
      port: at?.peerPort ?? 0,
      clock: systemClock,
      log: this.log,
      ...(limits ? { limits } : {}),
      ...others,
    });
    this.open.push(transport);
    await transport.listen(handlers);
    return { transport, endpoint: { id, host, peerPort: transport.port, process } };
  }

  async stop(): Promise<void> {
    await Promise.all(this.open.map((transport) => transport.close()));
  }
}

/** Peers of one network in memory. */
export class MemoryHarness implements Harness {
  readonly network = new MemoryNetwork();
  private readonly open: Transport[] = [];

  async start(
    id: string,
    handlers: TransportHandlers,
    { process = `${id}/1`, limits }: StartOptions = {},
  ): Promise<RunningPeer> {
    const transport = this.network.transport({
      id,
      cluster: CLUSTER,
      process,
      ...(limits ? { limits } : {}),
    });
    this.open.push(transport);
    await transport.listen(handlers);
    return { transport, endpoint: { id, host: '127.0.0.1', peerPort: 1, process } };
  }

  async stop(): Promise<void> {
    this.network.resume();
    await Promise.all(this.open.map((transport) => transport.close()));
  }
}
