/**
 * Describes why the engine denies an address to functions: the reserved range that contains it.
 *
 * @module
 */
import { exec, toNumber } from "./primordials.ts";

/** The denied ranges (`crates/jelou-sandbox/src/denied_addresses.rs`). */
const RANGES: readonly { readonly first: string; readonly prefix: number; readonly kind: string }[] = [
  { first: "0.0.0.0", prefix: 8, kind: "this machine" },
  { first: "10.0.0.0", prefix: 8, kind: "a private network" },
  { first: "100.64.0.0", prefix: 10, kind: "a shared network" },
  { first: "127.0.0.0", prefix: 8, kind: "this machine" },
  { first: "169.254.0.0", prefix: 16, kind: "link-local" },
  { first: "172.16.0.0", prefix: 12, kind: "a private network" },
  { first: "192.168.0.0", prefix: 16, kind: "a private network" },
  { first: "192.0.0.0", prefix: 24, kind: "reserved" },
  { first: "192.0.2.0", prefix: 24, kind: "reserved" },
  { first: "192.88.99.0", prefix: 24, kind: "reserved" },
  { first: "198.18.0.0", prefix: 15, kind: "reserved" },
  { first: "198.51.100.0", prefix: 24, kind: "reserved" },
  { first: "203.0.113.0", prefix: 24, kind: "reserved" },
  { first: "224.0.0.0", prefix: 4, kind: "multicast" },
  { first: "240.0.0.0", prefix: 4, kind: "reserved" },
];

const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?::\d+)?$/;
const OWN_IPV6 = /^\[?::1?\]?(?::\d+)?$/;

/**
 * Whether an address with an optional port is in a network (`10.0.0.0/8`). Of IPv6, only loopback is ever refused by
 * Deno.
 */
export function isInNetwork(address: string, network: string): boolean {
  if (network === "::1/128") return exec(OWN_IPV6, address) !== null;
  const number = parseIpv4(address);
  const parts = exec(/^([\d.]+)\/(\d+)$/, network);
  if (number === null || parts === null) return false;
  const start = parseIpv4(parts[1]!);
  return start !== null && number >= start && number < start + 2 ** (32 - toNumber(parts[2]));
}

/** Describes the range of an address with an optional port; `null` for an address outside of the ranges. */
export function describeAddress(address: string): string | null {
  if (exec(OWN_IPV6, address) !== null) return "it is this machine";
  const number = parseIpv4(address);
  if (number === null) return null;
  for (let index = 0; index < RANGES.length; index++) {
    const { first, prefix, kind } = RANGES[index]!;
    const size = 2 ** (32 - prefix);
    const start = parseIpv4(first)!;
    if (number >= start && number < start + size) return `${first}/${prefix} is ${kind}`;
  }
  return null;
}

function parseIpv4(address: string): number | null {
  const match = exec(IPV4, address);
  if (match === null) return null;
  let number = 0;
  for (let part = 1; part <= 4; part++) number = number * 256 + toNumber(match[part]);
  return number;
}
