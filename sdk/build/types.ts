export async function buildTypes(): Promise<[string, string][]> {
  return [];
}
