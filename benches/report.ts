// The results as a table for people.
import { median, type Round, type SceneResult } from "./measure.ts";

function number(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function middle(rounds: Round[], figure: keyof Round): number {
  return median(rounds.map((round) => round[figure]));
}

function figuresTable(result: SceneResult): string[] {
  const rows = [...result.rounds].map(
    ([label, rounds]) =>
      `| ${label} | ${number(middle(rounds, "perSecond"))} | ${number(middle(rounds, "p50Ms"), 2)} | ${number(middle(rounds, "p99Ms"), 2)} | ${number(middle(rounds, "cpuMicros"))} |`,
  );
  return ["| | requests/s | p50 ms | p99 ms | CPU us a request |", "|---|---:|---:|---:|---:|", ...rows];
}

function verdict(value: number, { atLeast, atMost }: { atLeast?: number; atMost?: number }): string {
  if (atLeast === undefined && atMost === undefined) return "for information";
  const isKept = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  return isKept ? "kept" : "**missed**";
}

function promise({ atLeast, atMost }: { atLeast?: number; atMost?: number }): string {
  if (atLeast !== undefined) return `>= ${atLeast}`;
  return atMost === undefined ? "" : `<= ${atMost}`;
}

/** A figure that is no ratio of lanes: a size, a time. */
export interface Fact {
  text: string;
  value: number;
  unit: string;
  digits?: number;
  atLeast?: number;
  atMost?: number;
}

export function render(results: SceneResult[], facts: Fact[], conditions: string[]): string {
  const lines = ["| promise | measured | wanted | |", "|---|---:|---:|---|"];
  for (const { claims, ceilings } of results) {
    for (const { claim, ratio, lowest, highest, cpuRatio } of claims) {
      const cpu = claim.figure === undefined ? `; by CPU ${number(cpuRatio, 2)}` : "";
      lines.push(`| ${claim.text} | ${number(ratio, 2)}x (${number(lowest, 2)}-${number(highest, 2)}${cpu}) | ${promise(claim)} | ${verdict(ratio, claim)} |`);
    }
    for (const { ceiling, value, lowest, highest } of ceilings) {
      const [shown, from, to] = [value, lowest, highest].map((figure) => number(figure, ceiling.digits ?? 0));
      lines.push(`| ${ceiling.text} | ${shown} ${ceiling.unit} (${from}-${to}) | ${promise(ceiling)} | ${verdict(value, ceiling)} |`);
    }
  }
  for (const fact of facts) {
    lines.push(`| ${fact.text} | ${number(fact.value, fact.digits ?? 0)} ${fact.unit} | ${promise(fact)} | ${verdict(fact.value, fact)} |`);
  }
  lines.push("", ...conditions.map((condition) => `- ${condition}`));
  for (const result of results) lines.push("", `**${result.title}** (${result.connections} connections)`, "", ...figuresTable(result));
  return lines.join("\n");
}
