// Interleaved rounds over several lanes, and the ratios between them.
import { encodeRequest, type Figures, type RequestParts, runLoad } from "./client.ts";
import type { Server } from "./server.ts";

/** One contender at one thing. */
export interface Lane {
  label: string;
  server: Server;
  status: number;
  /** Makes ready for about `count` requests: single-use ones are prepared outside of the measured time. */
  prepare?: (count: number) => Promise<void>;
  next: () => Buffer | undefined;
}

export interface Round extends Figures {
  /** Processor time of workerd a request, in microseconds. */
  cpuMicros: number;
}

/** Whether figures of one lane against another's keep a promise. Medians over rounds of ratios within a round. */
export interface Claim {
  text: string;
  of: string;
  to: string;
  /** Hops in a request of either, where rates are compared hop by hop. */
  hops?: [of: number, to: number];
  figure?: "perSecond" | "p50Ms";
  atLeast?: number;
  atMost?: number;
}

/** A figure of one lane, or what it has over another's. Medians over rounds. */
export interface Ceiling {
  text: string;
  of: string;
  minus?: string;
  figure: keyof Round;
  unit: string;
  digits?: number;
  atMost?: number;
}

export interface Scene {
  title: string;
  connections: number;
  lanes: Lane[];
  claims: Claim[];
  ceilings?: Ceiling[];
}

export interface Pace {
  warmUpS: number;
  seconds: number;
  rounds: number;
}

export interface SceneResult {
  title: string;
  connections: number;
  rounds: Map<string, Round[]>;
  claims: { claim: Claim; ratio: number; lowest: number; highest: number; cpuRatio: number }[];
  ceilings: { ceiling: Ceiling; value: number; lowest: number; highest: number }[];
}

/** A lane that repeats one request. */
export function repeated(label: string, server: Server, parts: RequestParts, status = 200): Lane {
  const request = encodeRequest(parts);
  return { label, server, status, next: () => request };
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

async function runLane(lane: Lane, connections: number, seconds: number): Promise<Round> {
  const cpuMs = lane.server.cpuMs();
  try {
    const figures = await runLoad({ port: lane.server.port, connections, seconds, status: lane.status, next: lane.next });
    return { ...figures, cpuMicros: ((lane.server.cpuMs() - cpuMs) * 1000) / figures.requests };
  } catch (error) {
    throw new Error(`${lane.label}: ${(error as Error).message}\n${lane.server.log()}`, { cause: error });
  }
}

/** Runs every lane in turn, `rounds` times over, so that what the machine does besides hits all alike. */
export async function measure(scene: Scene, pace: Pace): Promise<SceneResult> {
  const rounds = new Map<string, Round[]>(scene.lanes.map(({ label }) => [label, []]));
  const paces = new Map<string, number>();
  for (const lane of scene.lanes) {
    await lane.prepare?.(200);
    const warm = await runLane(lane, scene.connections, pace.warmUpS);
    paces.set(lane.label, warm.perSecond);
  }
  for (let round = 0; round < pace.rounds; round++) {
    for (const lane of scene.lanes) {
      await lane.prepare?.(Math.ceil(paces.get(lane.label)! * pace.seconds * 1.25));
      const figures = await runLane(lane, scene.connections, pace.seconds);
      rounds.get(lane.label)!.push(figures);
      paces.set(lane.label, figures.perSecond);
    }
  }
  const claims = scene.claims.map((claim) => settle(claim, rounds));
  const ceilings = (scene.ceilings ?? []).map((ceiling) => read(ceiling, rounds));
  return { title: scene.title, connections: scene.connections, rounds, claims, ceilings };
}

function read(ceiling: Ceiling, rounds: Map<string, Round[]>): SceneResult["ceilings"][number] {
  const base = ceiling.minus === undefined ? undefined : rounds.get(ceiling.minus)!;
  const values = rounds.get(ceiling.of)!.map((round, index) => round[ceiling.figure] - (base?.[index]![ceiling.figure] ?? 0));
  return { ceiling, value: median(values), lowest: Math.min(...values), highest: Math.max(...values) };
}

function settle(claim: Claim, rounds: Map<string, Round[]>): SceneResult["claims"][number] {
  const [ofHops, toHops] = claim.hops ?? [1, 1];
  const figure = claim.figure ?? "perSecond";
  const of = rounds.get(claim.of)!;
  const to = rounds.get(claim.to)!;
  const ratios = of.map((round, index) => (round[figure] * ofHops) / (to[index]![figure] * toHops));
  const cpu = of.map((round, index) => (to[index]!.cpuMicros * ofHops) / (round.cpuMicros * toHops));
  return { claim, ratio: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios), cpuRatio: median(cpu) };
}
