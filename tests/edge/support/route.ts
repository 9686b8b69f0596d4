// The route table as the Worker has it: the house test holds routes.json against it.

import routes from "./routes.json" with { type: "json" };

export type Access = "Public" | "WalletSession" | "Runtime" | "Management" | "Spend" | "SessionOrManagement" | "Agent" | "Execution" | "Seller" | "Shared" | "Buyer" | "Party" | "Owner" | "Human" | "Admin" | "Console" | "OperatorConsole";

export type Route = {
  method: string;
  /** `{name}` stands for a segment, `{*name}` for several. */
  path: string;
  name: string;
  access: string;
  class: string | null;
  body: string;
  /** The status of success. */
  status: number;
  metered: boolean;
};

export const ROUTES: readonly Route[] = routes;

/** The door a path belongs to, which shapes its errors (contract README 1). */
export type Root = "v1" | "v2" | "api" | "account";

export function rootOf(path: string): Root {
  if (/^\/v2(\/|$)/.test(path) || path === "/.well-known/motecloud-billing.json") return "v2";
  if (/^\/(api|files)(\/|$)/.test(path)) return "api";
  if (/^\/account(\/|$)/.test(path) || path === "/") return "account";
  return "v1";
}

/** A path of the route with these values in their places. */
export function fillPath(route: Route, params: Record<string, string> = {}): string {
  return route.path.replaceAll(/\{\*?(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? "x1"));
}
