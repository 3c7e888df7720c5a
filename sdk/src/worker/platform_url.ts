/**
 * Which URLs are functions of this platform.
 *
 * @module
 */
import { endsWith, NativeURL, slice, toLowerCase, urlHostname } from "./primordials.ts";

/** Whether a URL is one of a function. */
export type IsPlatformUrl = (url: string | URL) => boolean;

/** Makes the check for the domain whose sub-domains are functions. */
export function platformUrls(functionsDomain: string): IsPlatformUrl {
  const suffix = "." + toLowerCase(functionsDomain);
  return (url) => {
    let host: string;
    try {
      host = urlHostname(url instanceof NativeURL ? url : new NativeURL(url));
    } catch {
      return false;
    }
    if (endsWith(host, ".")) host = slice(host, 0, -1);
    return endsWith(host, suffix);
  };
}
