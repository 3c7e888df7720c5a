/**
 * The licences of the packages in the bundles.
 *
 * @module
 */
import { fromFileUrl } from "./path.ts";

const root = new URL("../", import.meta.url);

/** Collects the licences of the packages that these source files belong to. */
export async function collectLicences(sources: Iterable<string>): Promise<string> {
  const folders = new Set<string>();
  for (const source of sources) {
    const folder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source)?.[0];
    if (folder !== undefined) folders.add(folder);
  }
  const texts: string[] = [];
  for (const folder of [...folders].sort()) texts.push(await licenceOf(fromFileUrl(new URL(folder, root))));
  return texts.join("\n");
}

async function licenceOf(folder: string): Promise<string> {
  const { name, version } = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  for await (const { name: file } of Deno.readDir(folder)) {
    if (/^licen[cs]e/i.test(file)) {
      const text = await Deno.readTextFile(`${folder}/${file}`);
      return `${name} ${version}\n\n${text.trim()}\n`;
    }
  }
  throw new Error(`${name} ${version} has no licence file`);
}
