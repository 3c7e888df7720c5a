/**
 * Explains why an address is refused, and which command allows it.
 *
 * @module
 */
import { describeAddress, isInNetwork } from "./address_range.ts";
import type { OpenRule } from "./load_message.ts";
import { endsWith, exec } from "./primordials.ts";

/** An address or a network, with an optional port. An IPv6 address with a port is in brackets. */
const ADDRESS = /^([\d.]+(\/\d+)?|\[[\da-f:./]+\])(:\d+)?$|^[\da-f]*:[\da-f:./]+$/;

let slug = "";
let rules: readonly OpenRule[] = [];

/** Sets the function's slug, and the egress rules of this worker. */
export function setEgress(functionSlug: string, egress: readonly OpenRule[]): void {
  slug = functionSlug;
  rules = egress;
}

/** Explains the refusal, the addresses that are allowed instead, and the command that allows this address. */
export function explainAddress(address: string | null): string {
  const range = (address === null ? null : describeAddress(address)) ?? "functions cannot connect to it";
  if (address === null || exec(ADDRESS, address) === null) return range;
  const open = openRules(address);
  const resolved = open === "" ? resolvedNames() : `, of which only ${open} is open to this function`;
  return `${range}${resolved}; an administrator can open it: jelou egress allow ${slug} ${address} ` +
    "(for every function: egress.allow in the server's settings)";
}

/** Lists the rules that allow the address, but only with other ports. */
function openRules(address: string): string {
  let open = "";
  for (let index = 0; index < rules.length; index++) {
    const { rule, networks } = rules[index]!;
    for (let other = 0; other < networks.length; other++) {
      if (isInNetwork(address, networks[other]!)) open += (open === "" ? "" : " and ") + rule;
    }
  }
  return open;
}

/** Lists the host names of the rules with their addresses, because such a host may have the refused address now. */
function resolvedNames(): string {
  let names = "";
  for (let index = 0; index < rules.length; index++) {
    const { rule, networks } = rules[index]!;
    if (exec(ADDRESS, rule) !== null) continue;
    let addresses = "";
    for (let other = 0; other < networks.length; other++) {
      const network = networks[other]!;
      const isAddress = endsWith(network, "/32") || endsWith(network, "/128");
      const shown = isAddress ? exec(/^[^/]*/, network)![0]! : network;
      addresses += (addresses === "" ? "" : ", ") + shown;
    }
    names += `; ${rule} was ${addresses === "" ? "not resolved" : addresses} when this process started, ` +
      "and if it has moved, the next process finds it";
  }
  return names;
}
