/**
 * Recognizes the URLs of functions of this platform.
 *
 * @module
 */
import { endsWith, NativeURL, slice, toLowerCase, urlHostname } from "./primordials.ts";

/** Returns whether a URL belongs to a function of this platform. */
export type IsPlatformUrl = (url: string | URL) => boolean;

/** Returns a check for the URLs of functions. `functionsDomain` is the parent domain of the functions' host names. */
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
