/**
 * Writes the assets, or compares them with the existing files.
 *
 * @module
 */

/** Writes these files to a folder and removes all other files. */
export async function writeFolder(folder: URL, files: ReadonlyMap<string, string>): Promise<void> {
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  for (const [name, text] of files) {
    const file = new URL(name, folder);
    await Deno.mkdir(new URL(".", file), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
}

/** Describes how a folder differs from these files. */
export async function compareFolder(folder: URL, files: ReadonlyMap<string, string>): Promise<string[]> {
  const present = new Set<string>();
  await listFiles(folder, "", present);
  const differences: string[] = [];
  for (const [name, text] of files) {
    if (!present.delete(name)) differences.push(`missing: ${name}`);
    else if (await Deno.readTextFile(new URL(name, folder)) !== text) differences.push(`differs: ${name}`);
  }
  for (const name of present) differences.push(`left over: ${name}`);
  return differences;
}

async function listFiles(folder: URL, prefix: string, names: Set<string>): Promise<void> {
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  for (const entry of entries) {
    const name = prefix + entry.name;
    if (entry.isDirectory) await listFiles(new URL(`${entry.name}/`, folder), `${name}/`, names);
    else names.add(name);
  }
}
