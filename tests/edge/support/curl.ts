// Commands as a page prints them, run by the shell they were printed for.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Answer = { status: number; text: string; readonly json: any };

/** Runs one curl command. The status comes by curl's own settings file, so that the command stays as it is printed. */
export async function runCurl(command: string): Promise<Answer> {
  const home = mkdtempSync(join(tmpdir(), "guildhall-curl-"));
  try {
    writeFileSync(join(home, ".curlrc"), 'write-out = "\\n%{http_code}"\n');
    const output = await runShell(command, { CURL_HOME: home });
    const [, text = "", status = ""] = /^([\s\S]*)\n(\d{3})$/.exec(output) ?? [];
    return {
      status: Number(status),
      text,
      get json() {
        return JSON.parse(text);
      },
    };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Runs a script in bash and gives what it printed; fails when it fails or complains. */
export function runShell(script: string, env: Record<string, string> = {}): Promise<string> {
  return new Promise((done, reject) => {
    const shell = spawn("bash", ["-e"], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
    let [printed, complaint] = ["", ""];
    shell.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    shell.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
    shell.on("error", reject);
    shell.on("close", (code) => {
      if (code === 0 && complaint === "") done(printed);
      else reject(new Error(`bash ended with ${code}: ${complaint}\n${script}`));
    });
    shell.stdin.end(script);
  });
}
