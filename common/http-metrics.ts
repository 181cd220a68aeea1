/**
 * What Prometheus is told: the requests of an HTTP application, and what its process knows of itself.
 *
 * Invariant: the labels of a request are the name of a route, a usual method and a class of status, never what a client
 * made up.
 */
import type Koa from 'koa';
import { collectDefaultMetrics, Gauge as GaugeMetric, Registry } from 'prom-client';
import type { Clock } from './clock.js';
import { RequestDurations } from './request-durations.js';

/** One value as it is now. Gauges of one name have the same labels' names, and the same help. */
export interface Gauge {
  /** As Prometheus takes it: letters, digits and underscores, with its unit at the end. */
  readonly name: string;
  readonly help: string;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** The type of the text. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Methods that have a name of their own in the labels; the rest is `other`. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'OPTIONS']);

/** Names the route of a request, for its metrics; a request without one is of the route `none`. */
export function nameRoute(ctx: Koa.Context, route: string): void {
  ctx.state.route = route;
}

/** Says when a request began that comes to the metrics late; in ms, by their clock. */
export function countFrom(ctx: Koa.Context, startedMs: number): void {
  ctx.state.startedMs = startedMs;
}

export class HttpMetrics {
  private readonly durations = new RequestDurations();
  private process: Registry | undefined;

  /** @param gauges are asked at each scrape */
  constructor(
    private readonly clock: Pick<Clock, 'monotonicMs'>,
    private readonly gauges: () => Iterable<Gauge>,
  ) {}

  /** Counts the requests that pass; to be the outermost, around the funnel. */
  readonly middleware: Koa.Middleware = (ctx, next) => {
    const startedMs: number = ctx.state.startedMs ?? this.clock.monotonicMs();
    return next().then(() => this.count(ctx, startedMs));
  };

  /** Counts a request that did not pass, at its end, if its method has a name. */
  countAs(route: string, method: string, status: number, startedMs: number): void {
    const seconds = (this.clock.monotonicMs() - startedMs) / 1_000;
    this.durations.add(route, method, Math.floor(status / 100), seconds);
  }

  private count(ctx: Koa.Context, startedMs: number): void {
    const { req, res } = ctx;
    const method = METHODS.has(req.method as string) ? (req.method as string) : 'other';
    const status = req.socket.destroyed ? 0 : res.statusCode;
    this.countAs(ctx.state.route ?? 'none', method, status, startedMs);
  }

  /** Everything, in Prometheus' text format. */
  async text(): Promise<string> {
    const parts = [this.durations.text(), await this.gaugesNow().metrics(), await this.ofProcess().metrics()];
    return parts.join('\n');
  }

  private gaugesNow(): Registry {
    const registry = new Registry();
    const metrics = new Map<string, GaugeMetric>();
    for (const { name, help, value, labels = {} } of this.gauges()) {
      const labelNames = Object.keys(labels);
      const metric = metrics.get(name) ?? new GaugeMetric({ name, help, labelNames, registers: [registry] });
      metrics.set(name, metric);
      metric.set(labels, value);
    }
    return registry;
  }

  /** Watched from the first scrape on: who is not scraped does not pay for it. */
  private ofProcess(): Registry {
    if (this.process === undefined) {
      this.process = new Registry();
      collectDefaultMetrics({ register: this.process });
    }
    return this.process;
  }
}
